# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check asks: the Service whose answers count, its pods, the policies that hold for them."""

from __future__ import annotations

from .._explain.mesh import ROOT, selector_of, targets_of_policy
from .._istio.gateways import GATEWAY_LABELS
from .._kube.objects import home_of, labels_of, matches
from .findings import Findings, Json
from .objects import host_matches, namespace_of, short


def asked_service(findings: Findings) -> tuple[str, str] | None:
    """Name and namespace of the Service whose answers count; None where only the gateway knows it."""
    if findings.callee is None and findings.source == "host":
        return None
    host = findings.callee or findings.host
    return short(host), namespace_of(host, findings.namespace or "default")


def pods_of(findings: Findings, service: str, namespace: str) -> list[Json]:
    """The pods behind a Service."""
    for one in findings.of("Service", namespace):
        selector = one.get("spec", {}).get("selector")
        if one["metadata"]["name"] == service and selector:
            return [pod for pod in findings.of("Pod", namespace) if matches(selector, labels_of(pod))]
    return []


def callees(findings: Findings) -> tuple[str, str, list[Json]]:
    """How to call what is asked, its namespace, and its pods: from the host anything behind the gateway."""
    service = asked_service(findings)
    if service is not None:
        return service[0], service[1], pods_of(findings, *service)
    home = findings.namespace or "default"
    return "the pods", home, [pod for pod in findings.of("Pod", home) if labels_of(pod).get("app")]


def holds(findings: Findings, policy: Json, home: str, pods: list[Json]) -> bool:
    """Whether a policy holds for one of these pods; one with targets may hold for what we do not look at."""
    if home_of(policy) not in (home, ROOT):
        return False
    if findings.source == "host" and home_of(policy) == ROOT and matches(selector_of(policy), GATEWAY_LABELS):
        return True
    return bool(targets_of_policy(policy)) or any(matches(selector_of(policy), labels_of(pod)) for pod in pods)


def has_service(findings: Findings, host: str, namespace: str) -> bool:
    home = namespace_of(host, namespace)
    if any(one["metadata"]["name"] == short(host) for one in findings.of("Service", home)):
        return True
    return bool(entries_for(findings, host))


def entries_for(findings: Findings, host: str) -> list[Json]:
    """ServiceEntries for a host."""
    return [
        one
        for one in findings.of("ServiceEntry")
        if any(host_matches(str(known), host) for known in one.get("spec", {}).get("hosts") or [])
    ]
