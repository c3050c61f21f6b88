# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callee's side of a request: the pods that it may reach, and what the proxy before each of them decides."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._istio.pods import has_sidecar
from .access import Call, judge_access
from .dump import filters_of, manager_of
from .guards import guarded, strange_filters, strange_to_connections
from .journey import Bare, Journey, Received, Sent
from .mesh import Mesh, home_of, is_ambient, mtls_of, name_of, service_account
from .normalizing import normalized
from .request import Peer, Request
from .routing import Connection, choose_chain, choose_route

Json = t.Mapping[str, t.Any]


@dataclass
class Arrived:
    """What is at the other end: pods with a sidecar, and those without."""

    received: list[Received] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)

    def add(
        self, mesh: Mesh, request: Request, pod: Json, port: int, mtls: bool, peer: Peer, protocols: tuple[str, ...]
    ) -> None:
        if not has_sidecar(pod):
            self.bare.append(bare_pod(mesh, pod))
            return
        one = _receive(mesh, request, pod, port, mtls, peer, protocols)
        self.received += [one] if one else []

    def journey(self, request: Request, caller: str, sent: Sent | None) -> Journey:
        return Journey(request, caller, sent, tuple(self.received), bare=tuple(dict.fromkeys(self.bare)))


def bare_pod(mesh: Mesh, pod: Json) -> Bare:
    """A pod without a sidecar."""
    return Bare(name_of(pod), home_of(pod), is_ambient(mesh, pod))


def no_proxy(bare: Bare) -> str:
    """Why nothing is decided at a pod."""
    if bare.ambient:
        return (
            f"Pod {bare.pod} is in the ambient mesh: no sidecar decides for it, but the ztunnel of its node (and a "
            "waypoint, where there is one), which are not looked at."
        )
    return f"Pod {bare.pod} has no sidecar, so nothing of the mesh decides there."


def arrived_from(mesh: Mesh, request: Request, caller: Json, sent: Sent) -> Arrived:
    """What a proxy's targets lead to, each pod asked as this caller asks it."""
    found = Arrived()
    identity = f"spiffe://cluster.local/ns/{home_of(caller)}/sa/{service_account(caller)}"
    address = str((caller.get("status") or {}).get("podIP") or "")
    for target in sent.targets:
        for endpoint in target.endpoints:
            if endpoint.pod is None or (target.share <= 0 and len(sent.targets) > 1):
                continue
            found.add(
                mesh,
                request,
                endpoint.pod,
                endpoint.port,
                endpoint.mtls,
                Peer(identity if endpoint.mtls else "", address),
                ("istio", "istio-http/1.1") if endpoint.mtls else ("h2c",) if request.http2 else ("http/1.1",),
            )
    return found


def _receive(
    mesh: Mesh, request: Request, pod: Json, port: int, mtls: bool, peer: Peer, protocols: tuple[str, ...]
) -> Received | None:
    config = mesh.config_of(pod)
    if config is None:
        return None
    mode, origin, where = mtls_of(mesh, pod, port)
    listener = config.listener("virtualInbound")
    address = str((pod.get("status") or {}).get("podIP") or "")
    chain = choose_chain(listener, Connection(address, port, mtls, "", protocols)) if listener else None
    base = Received(name_of(pod), home_of(pod), port, mtls, chain is not None, True, mode, origin, where)
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
        **guarded(mesh, pod, filters, routes, routed, Call(request, peer, port)),
    )


def _tcp_rules(chain: Json) -> list[Json]:
    return [
        (one.get("typed_config") or {}).get("rules") or {}
        for one in chain.get("filters") or ()
        if one.get("name") == "envoy.filters.network.rbac"
    ]
