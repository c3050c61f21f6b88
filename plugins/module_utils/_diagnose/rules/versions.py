# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong versions, and what the check or another lab has to do with them."""

from __future__ import annotations

from ..._explain.effects.finding import destinations, is_for_mesh, routes_of
from ..._kube.labels import BASELINE, LAB
from ..._kube.objects import labels_of
from ..asked import asked_service, pods_of
from ..findings import Diagnosis, Findings, Json
from ..objects import listed, qualified


def several_labs(findings: Findings) -> Diagnosis | None:
    """Rules of more than one lab in the namespace: only one of them is meant."""
    if findings.namespace is None:
        return None
    owners: dict[str, list[str]] = {}
    for kind in ("VirtualService", "DestinationRule", "AuthorizationPolicy", "PeerAuthentication"):
        for one in findings.of(kind, findings.namespace):
            lab = labels_of(one).get(LAB)
            if lab and lab != BASELINE:  # the way in stays with every lab
                owners.setdefault(lab, []).append(f"{kind} {one['metadata']['name']}")
    if len(owners) < 2:
        return None
    found = "; ".join(f"of {lab} {listed(names)}" for lab, names in sorted(owners.items()))
    return Diagnosis(
        f"Rules of several labs are applied in namespace {findings.namespace}: {found}.",
        "Reset to the baseline (mesh.workshop.reset) and apply the stage again.",
    )


def wrong_version(findings: Findings) -> Diagnosis | None:
    """Answers come from versions that were not expected."""
    versions = sorted({str(one) for one in findings.served if one} - set(findings.expected_versions))
    if not findings.expected_versions or not versions or not findings.known("VirtualService"):
        return None
    routing = [one for one in findings.of("VirtualService", findings.namespace) if is_for_mesh(one)]
    wanted = set(findings.expected_versions)
    chosen = [one for one in routing if wanted & _subsets(one)]
    if chosen:
        labs = sorted({labels_of(one)[LAB] for one in chosen if LAB in labels_of(one)})
        origin = f" (of lab {listed(labs)})" if labs else ""
        return Diagnosis(
            f"VirtualService {listed([qualified(one) for one in chosen])}{origin} names {listed(sorted(wanted))}, but "
            f"its matches or weights send these requests to {listed(versions)} as well.",
            "Compare its matches (headers are compared exactly) and weights with what is expected.",
        )
    other = [one for one in routing if _subsets(one)]
    if other:
        return Diagnosis(
            f"VirtualService {listed([qualified(one) for one in other])} routes to other versions than "
            f"{listed(sorted(wanted))}; it may be left behind by another lab.",
            "Reset to the baseline (mesh.workshop.reset) and apply the stage again.",
        )
    pods = findings.of("Pod", findings.namespace)
    if pods and not any(labels_of(pod).get("version") in wanted for pod in pods):
        return Diagnosis(
            f"No pod in namespace {findings.namespace} is of version {listed(sorted(wanted))}.",
            "Deploy it, or correct served_by in the check.",
        )
    return Diagnosis(
        f"No VirtualService routes to {listed(sorted(wanted))}, so requests are spread over all versions.",
        "Apply the routing rule (and the DestinationRule that defines its subsets) first.",
    )


def _subsets(rule: Json) -> set[str]:
    """The subsets that a VirtualService sends requests to, without their copies."""
    sent = [one for route in routes_of(rule) for what, one in destinations(route) if what == "route"]
    return {str(one["subset"]) for one in sent if one.get("subset")}


def other_service_meant(findings: Findings) -> Diagnosis | None:
    """The versions that are expected are another service's: the check has to name it as its callee."""
    if findings.callee is not None or not findings.expected_versions or not findings.known("Pod"):
        return None
    home = findings.namespace or "default"
    wanted = set(findings.expected_versions)
    service = asked_service(findings)
    having = [
        str(one["metadata"]["name"])
        for one in findings.of("Service", service[1] if service else home)
        if wanted & _versions(pods_of(findings, str(one["metadata"]["name"]), service[1] if service else home))
    ]
    name = f" (callee: {having[0]})" if len(having) == 1 else f" (of {listed(having)})" if having else ""
    if service is None:
        if not findings.seen or any(findings.served) or not all(_is_plain_answer(one) for one in findings.seen):
            return None
        return Diagnosis(
            "The answer does not say which pod gave it, so its version is unknown.",
            f"Name the service whose version counts as callee beside served_by{name}.",
        )
    have = _versions(pods_of(findings, *service))
    if not have or wanted & have or not any(findings.served) or not having:
        return None
    return Diagnosis(
        f"The check expects {listed(sorted(wanted))} of {service[0]}, which the URL asks, and {service[0]} has only "
        f"{listed(sorted(have))}.",
        f"Name the service that is meant as callee beside served_by{name}.",
    )


def _versions(pods: list[Json]) -> set[str]:
    return {labels_of(pod)["version"] for pod in pods if "version" in labels_of(pod)}


def _is_plain_answer(answer: Json) -> bool:
    body = str(answer.get("body", ""))
    return 200 <= (answer.get("status") or 0) < 300 and "unavailable" not in body and "Error fetching" not in body
