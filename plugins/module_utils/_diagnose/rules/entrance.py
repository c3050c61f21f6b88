# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in: the gateway refuses the connection, or answers by itself."""

from __future__ import annotations

import typing as t

from ..._explain.mesh import gateway_named, origin_for
from ..._istio.pods import is_ready
from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..causes import Case
from ..causes.case import told
from ..findings import Diagnosis, Findings, Json
from ..objects import host_matches, listed, qualified, uri_matches
from ..proxies import rejected


def servers(findings: Findings) -> t.Iterator[tuple[Json, Json]]:
    """(Gateway, server) pairs."""
    for gateway in findings.of("Gateway"):
        for server in gateway.get("spec", {}).get("servers") or []:
            yield gateway, server


def bound(findings: Findings, gateway: Json) -> list[Json]:
    """VirtualServices bound to a Gateway that cover the host asked for."""
    own = name_of(gateway), home_of(gateway)
    return [
        one
        for one in findings.of("VirtualService")
        if own in [gateway_named(str(name), home_of(one)) for name in spec_of(one).get("gateways") or ()]
        and any(host_matches(host, findings.host) for host in spec_of(one).get("hosts") or ())
    ]


def routes_path(service: Json, path: str) -> bool:
    """Whether any HTTP route of a VirtualService may take a path."""
    for route in service.get("spec", {}).get("http") or []:
        conditions = route.get("match")
        if not conditions or any(uri_matches(one.get("uri") or {}, path) for one in conditions):
            return True
    return False


def paths_of(service: Json) -> list[str]:
    """Paths that a VirtualService names."""
    return [
        str(value)
        for route in service.get("spec", {}).get("http") or []
        for match in route.get("match") or []
        for value in (match.get("uri") or {}).values()
    ]


def from_gateway(answer: Json) -> bool:
    """Whether a proxy answered by itself: no upstream was asked, so Envoy tells no upstream time."""
    names = {name for name, _value in answer.get("headers") or []}
    return "x-envoy-upstream-service-time" not in names


def no_listener(case: Case) -> Diagnosis | None:
    """Connection refused at the gateway: nobody opens the port, or no gateway pod runs."""
    findings = case.findings
    if findings.expects_refusal or findings.source != "host" or "connection_refused" not in findings.errors():
        return None
    where = "The ingress gateway"
    if findings.address:
        where += f" ({findings.address[0]}:{findings.address[1]})"
    if not findings.known("Gateway"):
        return Diagnosis(f"{where} refuses the connection.", "Check the address, and that a Gateway opens this port.")
    opening = [
        (one, server) for one, server in servers(findings) if server.get("port", {}).get("number") == findings.port
    ]
    if not opening:
        return Diagnosis(
            f"{where} has no listener on port {findings.port}: no Gateway opens it.",
            f"Apply a Gateway with a server on port {findings.port} for {findings.host} (lab gateway, stage open).",
        )
    for gateway, _server in opening:
        idle = next((one for one in case.effects if one.origin == origin_for("Gateway", gateway)), None)
        if idle is not None:
            return told(idle)
        selector = gateway["spec"].get("selector") or {}
        chosen = [pod for pod in findings.of("Pod") if matches(selector, labels_of(pod))]
        if chosen and not any(is_ready(pod) for pod in chosen):
            return Diagnosis(
                f"No pod of the ingress gateway is ready ({listed([qualified(pod) for pod in chosen])}).",
                "See kubectl describe pod for the reason; running mesh.workshop.setup again restores it.",
            )
    return rejected(findings) or Diagnosis(
        f"{where} refuses the connection although Gateway {qualified(opening[0][0])} opens port {findings.port}.",
        "The proxy does not have its configuration (yet): see istioctl proxy-status, and the log of istiod.",
    )


def not_routed(findings: Findings) -> Diagnosis | None:
    """404 by the gateway itself: no Gateway for the host, no route for it, or not for the path."""
    answers = [one for one in findings.with_status(404) if from_gateway(one)]
    if not answers or findings.source != "host" or not findings.known("Gateway"):
        return None
    taking = [
        gateway
        for gateway, server in servers(findings)
        if server.get("port", {}).get("number") == findings.port
        and any(host_matches(host, findings.host) for host in server.get("hosts") or [])
    ]
    if not taking:
        hosts = [str(host) for _gateway, server in servers(findings) for host in server.get("hosts") or []]
        known = f"the Gateways take {listed(hosts)}" if hosts else "there is no Gateway at all"
        return Diagnosis(
            f"No Gateway takes the host {findings.host} on port {findings.port}: {known}.",
            "Ask for one of these hosts, or add this one to the Gateway's server.",
        )
    routes = [one for gateway in taking for one in bound(findings, gateway)]
    if not routes:
        return Diagnosis(
            f"Gateway {qualified(taking[0])} takes the host {findings.host}, but no VirtualService for it is bound to "
            "that Gateway.",
            f"Apply a VirtualService with this host and gateways: [{taking[0]['metadata']['name']}].",
        )
    if not any(routes_path(one, findings.path) for one in routes):
        return Diagnosis(
            f"VirtualService {qualified(routes[0])} has no route for the path {findings.path}; "
            f"it has {listed(paths_of(routes[0])) or 'none'}.",
            "Add a match for this path, or ask for one of those.",
        )
    return None
