# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callee's side of a request: the pods that it may reach, and what the proxy before each of them decides."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._istio.pods import has_sidecar
from .._kube.objects import home_of, labels_of, matches, name_of, spec_of
from .access import Call, judge_access
from .dump import filters_of, manager_of
from .forwarding import seen_by
from .guards import guarded, strange_filters, strange_to_connections
from .interception import lets_past
from .journey import Bare, Handshake, Journey, Received, Sent
from .mesh import Mesh, is_ambient, is_gateway, mtls_of, port_number, ports_of, service_account
from .normalizing import normalized
from .request import Peer, Request
from .routing import Connection, choose_chain, choose_route

Json = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Entrance:
    """A gateway that a request is sent to from within the mesh."""

    pod: Json
    connection: Connection
    peer: Peer
    port: int
    """The port of its Service."""


@dataclass
class Arrived:
    """What is at the other end: pods with a sidecar, those without, and gateways."""

    received: list[Received] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)
    entrances: list[Entrance] = field(default_factory=list)

    def add(
        self, mesh: Mesh, request: Request, pod: Json, number: int, peer: Peer, handshake: Handshake | None = None
    ) -> None:
        """A pod, at a port of its own."""
        address = str((pod.get("status") or {}).get("podIP") or "")
        plain = ("h2c",) if request.http2 else ("http/1.1",)
        connection = Connection(address, number, protocols=plain)
        if handshake is not None:
            connection = Connection(address, number, True, handshake.server_name, handshake.protocols)
        if is_gateway(pod):
            # The pods of one gateway have the same configuration.
            if not any(
                labels_of(one.pod) == labels_of(pod) and one.connection.port == number for one in self.entrances
            ):
                self.entrances.append(Entrance(pod, connection, peer, outer_port(mesh, pod, number)))
            return
        mutual = handshake is not None and handshake.mutual
        aside = lets_past(pod, number) if has_sidecar(pod) else ""
        if not has_sidecar(pod) or aside:
            self.bare.append(replace(bare_pod(mesh, pod), aside=aside, port=number, mtls=mutual))
            return
        one = _receive(mesh, request, pod, connection, peer, mutual)
        self.received += [one] if one else []

    def journey(self, request: Request, caller: str, sent: Sent | None) -> Journey:
        return Journey(request, caller, sent, tuple(self.received), bare=tuple(dict.fromkeys(self.bare)))


def outer_port(mesh: Mesh, pod: Json, number: int) -> int:
    """The port of a Service of a gateway's pod that leads to a port of the pod; that itself where none does."""
    for service in mesh.of("Service", home_of(pod)):
        selector = spec_of(service).get("selector") or {}
        for port in ports_of(service) if selector and matches(selector, labels_of(pod)) else ():
            if port_number(port, pod, number) == number:
                return int(port.get("port") or number)
    return number


def bare_pod(mesh: Mesh, pod: Json) -> Bare:
    """A pod without a sidecar."""
    return Bare(name_of(pod), home_of(pod), is_ambient(mesh, pod))


def no_proxy(bare: Bare) -> str:
    """Why nothing is decided at a pod."""
    if bare.aside:
        return f"Port {bare.port} of pod {bare.pod} bypasses its proxy (annotation {bare.aside})."
    if bare.ambient:
        return (
            f"Pod {bare.pod} is in the ambient mesh: no sidecar decides for it, but the ztunnel of its node (and a "
            "waypoint, where there is one), which are not looked at."
        )
    return f"Pod {bare.pod} has no sidecar, so nothing of the mesh decides there."


def arrived_from(mesh: Mesh, request: Request, caller: Json, sent: Sent) -> Arrived:
    """What a proxy's targets lead to, each pod asked as this caller asks it."""
    found = Arrived()
    config = mesh.config_of(caller)
    # By default a certificate is for this; a mesh may have another trust domain.
    named = f"spiffe://cluster.local/ns/{home_of(caller)}/sa/{service_account(caller)}"
    identity = (config.identity if config is not None else "") or named
    address = str((caller.get("status") or {}).get("podIP") or "")
    for target in sent.met:
        for endpoint in target.endpoints:
            if endpoint.pod is None:
                continue
            peer = Peer(identity if endpoint.mtls else "", address)
            found.add(mesh, request, endpoint.pod, endpoint.port, peer, endpoint.handshake)
    return found


def _receive(
    mesh: Mesh, request: Request, pod: Json, connection: Connection, peer: Peer, mutual: bool
) -> Received | None:
    config = mesh.config_of(pod)
    if config is None:
        return None
    port = connection.port
    mode, origin, where = mtls_of(mesh, pod, port)
    listener = config.listener("virtualInbound")
    chain = choose_chain(listener, replace(connection, server_name="")) if listener else None
    base = Received(name_of(pod), home_of(pod), port, mutual, chain is not None, True, mode, origin, where)
    base = replace(base, tls=connection.tls and not mutual)
    if chain is None:
        return replace(base, synced=config.synced)
    base = replace(base, strange=strange_to_connections(chain))
    manager = manager_of(chain)
    if manager is None:
        call = Call(request, peer, port)
        access = [judge_access(one, call) for one in _tcp_rules(chain)]
        return replace(base, http=False, access=tuple(access))
    filters = filters_of(manager, config.extensions)
    request = normalized(manager, request)
    routes = config.route_config(manager) or {}
    routed = choose_route(routes, request)
    return replace(
        base,
        strange=(*base.strange, *strange_filters(filters)),
        **guarded(mesh, pod, filters, routes, routed, Call(request, seen_by(manager, request, peer), port)),
    )


def _tcp_rules(chain: Json) -> list[Json]:
    return [
        (one.get("typed_config") or {}).get("rules") or {}
        for one in chain.get("filters") or ()
        if one.get("name") == "envoy.filters.network.rbac"
    ]
