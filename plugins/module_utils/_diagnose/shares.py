# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares that are not as expected: what the weights of the VirtualService that holds say, or that there is none."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from .._explain.effects.mend import Patch, put
from .._explain.origin import Origin
from .._explain.words import joined
from .._istio.pods import is_ready
from .._kube.objects import home_of, labels_of
from .asked import pods_of
from .changes import commands
from .findings import Diagnosis, Findings, Json
from .objects import listed, namespace_of, qualified, short
from .paths import Service, full_name, in_full, is_for, meant, ruling

CLOSE = 0.01
"""Weights are whole numbers, so a third is one percent off at most."""


@dataclass(frozen=True)
class Split:
    """One rule of a VirtualService: what part of its requests each version gets."""

    name: str
    number: int
    always: bool
    """Whether it takes whatever comes to it, without a match."""
    shares: t.Mapping[str, float]

    def off(self, wanted: t.Iterable[tuple[str, float]]) -> float:
        """How far it is from these shares."""
        shares = dict(wanted)
        return max(abs(self.shares.get(label, 0.0) - shares.get(label, 0.0)) for label in {*shares, *self.shares})


def in_percent(shares: t.Mapping[str, float], wanted: t.Iterable[tuple[str, float]]) -> str:
    """``90 % to v1 and 10 % to v3``."""
    labels = _labels(shares, wanted)
    return joined([f"{100 * shares.get(label, 0.0):.3g} % to {label}" for label in labels])


def _labels(shares: t.Mapping[str, float], wanted: t.Iterable[tuple[str, float]]) -> list[str]:
    named = [label for label, _share in wanted]
    return named + sorted(label for label, share in shares.items() if label not in named and share > 0)


def version_of(findings: Findings, rule: Json, destination: Json) -> str | None:
    """The version that a destination leads to; None where it may be several."""
    host, subset = str(destination.get("host", "")), destination.get("subset")
    service = (short(host), namespace_of(host, home_of(rule)))
    if not subset:
        versions = {labels_of(pod).get("version") for pod in pods_of(findings, *service)}
        return versions.pop() if len(versions) == 1 else None
    for one in findings.of("DestinationRule"):
        if in_full(str(one.get("spec", {}).get("host", "")), home_of(one)) == full_name(service):
            for part in one["spec"].get("subsets") or []:
                if part.get("name") == subset:
                    return str((part.get("labels") or {}).get("version", subset))
    return str(subset)


def split_of(findings: Findings, rule: Json, number: int, route: Json) -> Split | None:
    """What one rule does; None where it does not choose versions."""
    targets = route.get("route") or []
    weights = [float(one.get("weight") or 0) for one in targets] if len(targets) > 1 else [1.0] * len(targets)
    versions = [version_of(findings, rule, one.get("destination") or {}) for one in targets]
    if not sum(weights):
        return None
    shares: dict[str, float] = {}
    for version, weight in zip(versions, weights, strict=True):
        if version is None:
            return None
        shares[version] = shares.get(version, 0.0) + weight / sum(weights)
    return Split(qualified(rule), number, not route.get("match"), shares)


def _ruled(findings: Findings) -> tuple[list[Service], list[str], list[Split]]:
    """The services whose versions count, the VirtualServices that hold for them, and what their rules do."""
    services = sorted(meant(findings)) if findings.expected_shares and findings.known("VirtualService") else []
    whole = [one for one in services if {label for label, _share in findings.expected_shares} <= _has(findings, one)]
    services = whole or services  # a Service for one version alone leads to its pods too
    routes = {(qualified(rule), n): (rule, n, route) for one in services for rule, n, route in ruling(findings, one)}
    splits = [split for one in routes.values() if (split := split_of(findings, *one)) is not None]
    return services, sorted({name for name, _number in routes}), splits


def _has(findings: Findings, service: Service) -> set[str]:
    return {labels_of(pod)["version"] for pod in pods_of(findings, *service) if "version" in labels_of(pod)}


def wrong_weights(findings: Findings) -> Diagnosis | None:
    """The weights are others than the check expects."""
    others = {one for one in findings.served if one} - {label for label, share in findings.expected_shares if share > 0}
    if not findings.shares_are_wrong and not others:
        return None
    _services, _names, splits = _ruled(findings)
    if not splits or any(one.off(findings.expected_shares) <= CLOSE for one in splits):
        return None
    if not findings.shares_are_wrong:
        # Whoever gets a wrong version by one rule that takes everything gets it by its weights; else matches decide.
        parts = [label for label, share in splits[0].shares.items() if share > 0]
        if len(splits) > 1 or not splits[0].always or len(parts) < 2 or not others <= set(parts):
            return None
    found = min(splits, key=lambda one: one.off(findings.observed_shares))
    wanted = dict(findings.expected_shares)
    labels = _labels(found.shares, findings.expected_shares)
    return Diagnosis(
        f"VirtualService {found.name} sends {in_percent(found.shares, findings.expected_shares)}; the check expects "
        f"{joined([f'{100 * wanted.get(label, 0.0):.3g}' for label in labels])}.",
        f"Correct the weights: {_weights(findings)}.",
        commands(_reweighted(findings, found)),
    )


def _reweighted(findings: Findings, split: Split) -> Patch | None:
    """The weights that the check expects; None where its versions are not just those that the rule has."""
    rule = next(one for one in findings.of("VirtualService") if qualified(one) == split.name)
    targets = rule["spec"]["http"][split.number - 1]["route"]
    versions = [version_of(findings, rule, one.get("destination") or {}) for one in targets]
    wanted = {label: round(100 * share) for label, share in findings.expected_shares if share > 0}
    if len(set(versions)) < len(versions) or not set(wanted) <= set(versions) or sum(wanted.values()) != 100:
        return None
    path = ("spec", "http", split.number - 1, "route")
    operations = [put((*path, index, "weight"), wanted.get(str(one), 0)) for index, one in enumerate(versions)]
    return Patch(Origin("VirtualService", home_of(rule), rule["metadata"]["name"]), tuple(operations))


def _weights(findings: Findings) -> str:
    return ", ".join(f"{label} {100 * share:.3g}" for label, share in findings.expected_shares)


def shares_by_other_means(findings: Findings) -> Diagnosis | None:
    """No VirtualService splits the requests, or one does so rightly and they are shared out otherwise."""
    if not findings.shares_are_wrong:
        return None
    services, names, splits = _ruled(findings)
    if not services:
        return None
    called = listed([name for name, _home in services])
    right = [one for one in splits if one.off(findings.expected_shares) <= CLOSE]
    if right:
        return _not_by_weights(findings, right[0], [one for one in splits if one not in right], names, services)
    if splits:
        return None
    binding = _binding(findings, services)
    if binding and len(findings.observed_shares) < len(findings.expected_shares):
        return Diagnosis(
            f"DestinationRule {listed(binding)} chooses a pod of {called} by a hash of the request (consistentHash), "
            "so equal requests go to the same pod.",
            "Remove consistentHash, or vary what is hashed.",
        )
    pods = {str(pod["metadata"]["name"]): pod for one in services for pod in pods_of(findings, *one) if is_ready(pod)}
    counts = Counter(labels_of(pod).get("version", "") for pod in pods.values())
    shown = ", ".join(f"{version} {count}" for version, count in sorted(counts.items()) if version)
    why = f"VirtualService {listed(names)} does not split" if names else "No VirtualService splits"
    return Diagnosis(
        f"{why} {called} by version, so the shares come from the number of pods{f' ({shown})' if shown else ''}.",
        f"Apply a VirtualService for {called} with the weights {_weights(findings)}, and the DestinationRule that "
        "defines its subsets.",
    )


def _binding(findings: Findings, services: list[Service]) -> list[str]:
    """The DestinationRules that send equal requests to the same pod."""
    return [
        qualified(one)
        for one in findings.of("DestinationRule")
        if any(is_for(findings, one, [one.get("spec", {}).get("host", "")], service) for service in services)
        and "consistentHash" in str(one["spec"])
    ]


def _not_by_weights(
    findings: Findings, right: Split, others: list[Split], names: list[str], services: list[Service]
) -> Diagnosis:
    sends = in_percent(right.shares, findings.expected_shares)
    plain = f"VirtualService {right.name} sends {sends}, as the check expects"
    if others:
        other = min(others, key=lambda one: one.off(findings.observed_shares))
        what = f"rule {other.number} of VirtualService {other.name} sends"
        return Diagnosis(
            f"{plain}, but {what} {in_percent(other.shares, findings.expected_shares)}.",
            "Compare their matches with the request (headers are compared exactly): the first rule that matches holds.",
        )
    if len(names) > 1:
        return Diagnosis(
            f"{plain}, but it is not the only one for this host: {listed(names)}.", "Keep one of them, or merge them."
        )
    binding = _binding(findings, services)
    if binding:
        return Diagnosis(
            f"{plain}, but DestinationRule {listed(binding)} chooses by a hash of the request (consistentHash), and "
            "so equal requests go to the same pod.",
            "Remove consistentHash, or vary what is hashed.",
        )
    return Diagnosis(
        f"{plain}, so the weights are not what is wrong.",
        "See with istioctl proxy-status whether the proxies have them already, and ask again.",
    )
