# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a request is about, which VirtualServices hold for them, and which objects it may meet."""

from __future__ import annotations

import typing as t

from .._explain.effects.finding import destinations, is_for_mesh, routes_of
from .._kube.objects import home_of, labels_of, matches
from .asked import asked_service, holds, pods_of
from .findings import Findings, Json
from .objects import host_matches, namespace_of, short, uri_matches

Service = tuple[str, str]
"""Name and namespace."""
POLICIES = ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication")
WORKLOADS = ("Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet")
"""Kinds with whose names those of pods begin."""


def full_name(service: Service) -> str:
    return f"{service[0]}.{service[1]}.svc.cluster.local"


def in_full(host: str, namespace: str) -> str:
    """A host of a rule: Istio takes one without a dot for a Service of the rule's own namespace."""
    return host if "." in host or host == "*" else full_name((host, namespace))


def behind(findings: Findings, pods: t.Iterable[str]) -> set[Service]:
    """Services of the check's namespace that lead to all of these pods."""
    names, home = set(pods), findings.namespace or "default"
    found = [labels_of(one) for one in findings.of("Pod", home) if one["metadata"]["name"] in names]
    selectors = {
        (str(one["metadata"]["name"]), home): one.get("spec", {}).get("selector") or {}
        for one in findings.of("Service", home)
    }
    return {
        service
        for service, selector in selectors.items()
        if found and selector and all(matches(selector, labels) for labels in found)
    }


def meant(findings: Findings) -> set[Service]:
    """The services whose answers count: as the check says, else those of the pods that the answers name."""
    asked = asked_service(findings)
    return {asked} if asked is not None else behind(findings, findings.answered_by)


def is_for(findings: Findings, rule: Json, hosts: t.Iterable[str], service: Service) -> bool:
    """Whether one of a rule's hosts is this service, or the host that is asked for outside of the mesh."""
    names = {full_name(service)} | ({findings.host} if findings.source != "host" and not findings.callee else set())
    return any(host_matches(in_full(str(host), home_of(rule)), name) for host in hosts for name in names)


def is_seen(rule: Json, namespace: str | None) -> bool:
    """Whether a rule is exported to the namespace of those who ask."""
    places = rule.get("spec", {}).get("exportTo") or ["*"]
    return "*" in places or namespace in places or ("." in places and home_of(rule) == namespace)


def takes(route: Json, path: str) -> bool:
    """Whether a route may take a request for this path."""
    conditions = route.get("match")
    return not conditions or any(uri_matches(one.get("uri") or {}, path) for one in conditions)


def at_gateways(findings: Findings) -> t.Iterator[tuple[Json, int, Json]]:
    """(VirtualService, number, route) of what the gateways may do with the request."""
    if findings.source != "host":
        return
    for rule in findings.of("VirtualService"):
        spec = rule.get("spec", {})
        if any(name != "mesh" for name in spec.get("gateways") or []) and any(
            host_matches(str(host), findings.host) for host in spec.get("hosts") or []
        ):
            for number, route in enumerate(routes_of(rule), 1):
                if takes(route, findings.path):
                    yield rule, number, route


def leads_to(rule: Json, route: Json, service: Service) -> bool:
    targets = [str(one.get("destination", {}).get("host", "")) for one in route.get("route") or []]
    return any(in_full(target, home_of(rule)) == full_name(service) for target in targets)


def ruling(findings: Findings, service: Service) -> list[tuple[Json, int, Json]]:
    """(VirtualService, number, route) of what holds for requests to a service.

    Where a gateway sends them to it that is the gateway's route, else what holds in the mesh.
    """
    found = [one for one in at_gateways(findings) if leads_to(one[0], one[2], service)]
    if found:
        return found
    direct = findings.source != "host" and findings.callee is None  # then it is the URL's path that is asked for
    return [
        (rule, number, route)
        for rule in findings.of("VirtualService")
        if is_for_mesh(rule)
        and is_seen(rule, findings.namespace)
        and is_for(findings, rule, rule.get("spec", {}).get("hosts") or [], service)
        for number, route in enumerate(routes_of(rule), 1)
        if not direct or takes(route, findings.path)
    ]


# -- the way of a request ------------------------------------------------


def services_on_path(findings: Findings) -> set[Service]:
    """Services that the request has met: those asked for, and those that proxies have written of."""
    home = findings.namespace or "default"
    found = meant(findings)
    for rule, _number, route in at_gateways(findings):
        for what, one in destinations(route):
            if what == "route" and one:
                host = str(one.get("host", ""))
                found.add((short(host), namespace_of(host, home_of(rule))))
    for record in findings.records:
        if record.service:
            found.add((short(record.service), namespace_of(record.service, home)))
        elif record.inbound:
            found |= behind(findings, [record.pod])
    return found


def is_on_path(findings: Findings, kind: str, namespace: str, name: str) -> bool:
    """Whether an object is a route, Gateway, policy or Service that the request meets."""
    if kind == "Gateway" and findings.source != "host":
        return False
    one = next((one for one in findings.of(kind, namespace or None) if one["metadata"]["name"] == name), None)
    services = services_on_path(findings)
    if kind == "Namespace":
        return name in {home for _name, home in services}
    if kind == "Service":
        return (name, namespace) in services
    if kind in WORKLOADS:
        own = [pod for service in services if service[1] == namespace for pod in pods_of(findings, *service)]
        return any(f"{pod['metadata']['name']}-".startswith(f"{name}-") for pod in own)
    if one is None:
        return False
    spec = one.get("spec", {})
    if kind == "Gateway":
        servers = spec.get("servers") or []
        return any(host_matches(str(host), findings.host) for server in servers for host in server.get("hosts") or [])
    if kind == "VirtualService":
        mesh = is_for_mesh(one) and any(is_for(findings, one, spec.get("hosts") or [], service) for service in services)
        return mesh or any(rule is one for rule, _number, _route in at_gateways(findings))
    if kind == "DestinationRule":
        return any(is_for(findings, one, [spec.get("host", "")], service) for service in services)
    if kind in POLICIES:
        return any(holds(findings, one, service[1], pods_of(findings, *service)) for service in services)
    return False
