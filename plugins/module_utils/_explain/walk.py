# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request through the live configuration: what each proxy on it decides, and by which resource.

Sources: Envoy's ``config.route.v3.RouteAction`` (``prefix_rewrite``, ``request_mirror_policies``, ``retry_policy``) and
``extensions.filters.http.fault.v3``; istio.io, "Sidecar" and "MeshConfig" (``outboundTrafficPolicy``) and "Ambient
mode".
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._istio.durations import parse_duration
from .._istio.pods import has_sidecar
from .._kube.objects import home_of, labels_of, matches, name_of, spec_of
from .access import Call
from .arriving import Arrived, Entrance, arrived_from, bare_pod, no_proxy
from .dump import Filter, ProxyConfig, filters_of, manager_of, tcp_cluster
from .forwarding import passed_on, seen_by
from .gateway import server_of
from .guards import guarded, strange_filters, strange_to_connections
from .interception import leaves_aside
from .journey import BLACKHOLE, PASSTHROUGH, Journey, Sent
from .mesh import (
    ROOT,
    Mesh,
    holds_for,
    is_headless,
    is_open_itself,
    origin_for,
    port_number,
    port_of,
    protocol_of,
    rule_of_route,
    selector_of,
)
from .normalizing import normalized
from .origin import Origin, origin_of, rule_of_httproute
from .request import Peer, Request
from .rewriting import rewritten
from .routing import (
    Connection,
    Routed,
    choose_chain,
    choose_route,
    fraction_of,
    gateway_listeners,
    outbound_listener,
    socket_of,
    targets_of,
)
from .sampling import sampling_of
from .targets import target_of

Json = t.Mapping[str, t.Any]
FAULT = "envoy.filters.http.fault"


DEEPEST = 4
"""Gateways behind gateways that are followed; more can only be a circle."""


@dataclass(frozen=True)
class _Step:
    """Where a walk is."""

    mesh: Mesh
    pod: Json
    """The one whose proxy decides."""
    caller: str
    peer: Peer = field(default_factory=Peer)
    """The one that the proxy sees as its client."""
    addresses: tuple[str, ...] = ("",)
    """Those that may be asked."""
    port: int = 0
    """The port that a gateway's pod is asked at."""
    depth: int = 0


def from_workload(mesh: Mesh, request: Request, pod: Json, address: str | None = None) -> Journey:
    """The way of a request from a pod, through its sidecar; `address` where it asks a pod and not the URL's host."""
    home = home_of(pod)
    if not has_sidecar(pod):
        bare = bare_pod(mesh, pod)
        return replace(without_proxy(mesh, request, home, address), caller=name_of(pod), unseen=(no_proxy(bare),))
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, name_of(pod), None, unseen=(f"The configuration of the proxy of {name_of(pod)}.",))
    if not config.synced:
        return Journey(request, name_of(pod), Sent(name_of(pod), "caller", home, synced=False))
    service = None if address else mesh.service_for(request.host, home)
    addresses = ([address] if address else mesh.addresses_of(request.host, home)) or ["0.0.0.0"]
    aside = leaves_aside(pod, addresses, request.port)
    if aside:
        said = f"What pod {name_of(pod)} sends to port {request.port} bypasses its proxy (annotation {aside})."
        past = without_proxy(mesh, request, home, address)
        return replace(past, caller=name_of(pod), aside=aside, unseen=(said,))
    listener = outbound_listener(config, addresses[0], request.port)
    found = mesh.service(service) if service else None
    port = port_of(found, request.port) if found else None
    if listener is None:
        return Journey(request, name_of(pod), None, unseen=(f"No listener of {name_of(pod)} for port {request.port}.",))
    protocols = ("h2c",) if request.http2 else ("http/1.1",)
    tls = request.scheme in ("https", "tls")
    chain = choose_chain(listener, Connection(addresses[0], request.port, tls, request.host, () if tls else protocols))
    base = Sent(
        proxy=name_of(pod),
        role="caller",
        namespace=home,
        listener=str(listener.get("name", "")),
        service=service,
        port=port,
        why=protocol_of(port)[1] if port else "",
        sampling=sampling_of(mesh, pod),
    )
    return _onward(_Step(mesh, pod, name_of(pod), addresses=tuple(addresses)), request, config, base, chain)


def at_gateway(mesh: Mesh, request: Request, pod: Json) -> Journey:
    """The way of a request from outside through a gateway's pod."""
    tls = request.scheme in ("https", "tls")
    inner = _target_port(mesh, pod, request.port)
    if inner is None:
        config = mesh.config_of(pod)
        synced = config is None or config.synced
        why = f"no Service of the gateway has port {request.port}"
        return Journey(request, "host", Sent(name_of(pod), "gateway", home_of(pod), synced=synced, unreached=why))
    connection = Connection("0.0.0.0", inner, tls, request.host if tls else "", ("http/1.1",))
    return _through(_Step(mesh, pod, "host", Peer()), request, Entrance(pod, connection, Peer(), request.port))


def _through(step: _Step, request: Request, entrance: Entrance) -> Journey:
    """The way on through a gateway."""
    mesh, pod, port = step.mesh, entrance.pod, entrance.port
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, step.caller, None, unseen=(f"The configuration of the gateway {name_of(pod)}.",))
    every = (*gateway_listeners(config), *config.warming)
    listener = next((one for one in every if socket_of(one)[1] == entrance.connection.port), None)
    base = Sent(
        proxy=name_of(pod),
        role="gateway",
        namespace=home_of(pod),
        synced=config.synced,
        sampling=sampling_of(mesh, pod),
    )
    if listener is None:
        return Journey(request, step.caller, base)
    chain = choose_chain(listener, entrance.connection)
    server = server_of(mesh, config, pod, listener, chain, port, entrance.connection.server_name or request.host)
    base = replace(base, listener=str(listener.get("name", "")), server=server)
    if server.warming or server.has_secret is False:
        return Journey(request, step.caller, base)
    inner = replace(step, pod=pod, peer=entrance.peer, addresses=("",), port=entrance.connection.port)
    return _onward(inner, request, config, base, chain)


def without_proxy(mesh: Mesh, request: Request, namespace: str, address: str | None = None) -> Journey:
    """The way of a request from a client outside of the mesh: plain text, to whatever pod the Service selects."""
    service = mesh.service_for(request.host, namespace)
    pods = mesh.pods_of(service) if service else []
    found = mesh.service(service) if service else None
    port = port_of(found, request.port) if found else None
    places = [(pod, port_number(port, pod, request.port)) for pod in pods]
    if is_headless(found):
        asked = map(mesh.pod_at, mesh.addresses_of(request.host, namespace))
        places = [(pod, request.port) for pod in asked if pod is not None]
    if address:
        target = mesh.pod_at(address)
        places = [(target, request.port)] if target is not None else []
    arrived = Arrived()
    for pod, number in places:
        arrived.add(mesh, request, pod, number, Peer())
    caller = "a client without a sidecar"
    return _with_gateways(_Step(mesh, {}, caller), request, arrived, arrived.journey(request, caller, None))


def _onward(step: _Step, request: Request, config: ProxyConfig, sent: Sent, chain: Json | None) -> Journey:
    mesh, pod, caller, addresses = step.mesh, step.pod, step.caller, step.addresses
    if chain is None:
        return Journey(request, caller, sent)
    manager = manager_of(chain)
    sent = replace(sent, strange=strange_to_connections(chain))
    if manager is None:
        if not tcp_cluster(chain):
            ends = f"What the last filter of {sent.proxy}'s listener {sent.listener} does with the request."
            return Journey(request, caller, replace(sent, http=False), unseen=(ends,))
        target = target_of(mesh, config, tcp_cluster(chain), 1.0, addresses, request.port)
        sent = _with_policy(mesh, pod, replace(sent, http=False, targets=(target,)))
        arrived = arrived_from(mesh, request, pod, sent)
        return _with_gateways(step, request, arrived, arrived.journey(request, caller, sent))
    asked, request = request, normalized(manager, request)
    if request.path != asked.path:
        sent = replace(sent, normalized=request.path)
    routes = config.route_config(manager)
    if routes is None:
        return Journey(request, caller, sent, unseen=(f"The routes of {sent.proxy}.",))
    routed = choose_route(routes, request)
    if (routed.host or {}).get("require_tls") == "ALL" and request.scheme == "http":
        sent = replace(sent, routed=replace(routed, route=None, skipped=()), redirect="https")
        return Journey(request, caller, sent)
    filters = filters_of(manager, config.extensions)
    decided = _decided(mesh, config, filters, routed, addresses, request.port)
    peer = seen_by(manager, request, step.peer)
    # A gateway's policies see the port of its pod, not that of its Service.
    call = Call(request, peer, step.port or request.port)
    guard = guarded(mesh, pod, filters, routes, routed, call, decided.get("targets", ()))
    left = guard["token"].request or request  # a token that was accepted is mostly taken out
    onward = passed_on(manager, rewritten(routed.route or {}, left), peer)
    sent = replace(sent, routed=routed, strange=(*sent.strange, *strange_filters(filters)), **decided)
    if (onward.path, onward.header(":authority")) != (request.path, request.header(":authority")):
        sent = replace(sent, rewrite=f"{onward.method} {onward.header(':authority')}{onward.path}")
    sent = _with_policy(mesh, pod, replace(sent, **guard))
    if sent.token.refused or sent.denying is not None:
        return Journey(request, caller, sent)
    arrived = arrived_from(mesh, onward, pod, sent)
    return _with_gateways(step, onward, arrived, arrived.journey(asked, caller, sent))


def _with_gateways(step: _Step, request: Request, arrived: Arrived, journey: Journey) -> Journey:
    """The journey, with its ways on through the gateways that it is sent to."""
    if step.depth >= DEEPEST:
        return journey
    inner = replace(step, depth=step.depth + 1)
    headers = {**request.headers, "host": request.header(":authority") or ""}
    through = [_through(inner, replace(request, port=one.port, headers=headers), one) for one in arrived.entrances]
    return replace(journey, through=tuple(through))


def _with_policy(mesh: Mesh, pod: Json, sent: Sent) -> Sent:
    """With the outboundTrafficPolicy, where the mesh does not know what is asked: by a Sidecar, else of the mesh."""
    clusters = {one.cluster for one in sent.targets}
    blocked = BLACKHOLE in clusters or ((sent.routed and sent.routed.host) or {}).get("name") == "block_all"
    if sent.role == "gateway" or not (blocked or PASSTHROUGH in clusters):
        return sent
    ranked = sorted(
        (one for one in mesh.of("Sidecar") if holds_for(one, pod)),
        key=lambda one: (home_of(one) == ROOT, not selector_of(one)),
    )
    sidecar = next(iter(ranked), None)
    own = bool(sidecar and (spec_of(sidecar).get("outboundTrafficPolicy") or {}).get("mode"))
    return replace(
        sent,
        policy="REGISTRY_ONLY" if blocked else "ALLOW_ANY",
        policy_origin=origin_for("Sidecar", sidecar) if sidecar is not None and own else None,
    )


def _decided(
    mesh: Mesh, config: ProxyConfig, filters: t.Sequence[Filter], routed: Routed, addresses: t.Sequence[str], port: int
) -> dict[str, t.Any]:
    route = routed.route
    if route is None:
        return {}
    action = route.get("route") or {}
    for_all = next((one.config for one in filters if one.type == "fault"), {})
    per_filter = (route.get("typed_per_filter_config") or {}).get(FAULT) or for_all
    origin, rule = _rule_of(mesh, origin_of(route), routed)
    delay, abort = per_filter.get("delay") or {}, per_filter.get("abort") or {}
    retry = action.get("retry_policy") or {}
    return {
        "origin": origin,
        "rule": rule,
        "targets": tuple(target_of(mesh, config, name, share, addresses, port) for name, share in targets_of(route)),
        "delay": parse_duration(delay.get("fixed_delay")) or 0.0,
        "delay_share": fraction_of(delay.get("percentage")),
        "abort": str(abort.get("http_status") or (f"gRPC {abort['grpc_status']}" if "grpc_status" in abort else "")),
        "abort_share": fraction_of(abort.get("percentage")),
        "timeout": parse_duration(action.get("timeout")) or None,
        "per_try": parse_duration(retry.get("per_try_timeout")) or None,
        "retries": int(retry.get("num_retries") or 0),
        "retry_on": str(retry.get("retry_on") or ""),
        "mirrors": tuple(
            (
                target_of(mesh, config, str(one.get("cluster", "")), 1.0, addresses, port),
                fraction_of((one.get("runtime_fraction") or {}).get("default_value"))
                if one.get("runtime_fraction")
                else 1.0,
            )
            for one in action.get("request_mirror_policies") or ()
        ),
        "redirect": str((route.get("redirect") or {}).get("host_redirect", ""))
        or ("a redirect" if "redirect" in route else ""),
    }


def _rule_of(mesh: Mesh, origin: Origin | None, routed: Routed) -> tuple[Origin | None, int | None]:
    """The VirtualService and the number, from 0, of the rule that a route is; it may be another's than its own."""
    number = rule_of_httproute(routed.route)
    rule = mesh.find(origin) if origin is not None else None
    if number is not None or rule is None or routed.host is None:
        return origin, number
    own = [one for one in routed.host.get("routes") or () if origin_of(one) == origin]
    place = next(index for index, one in enumerate(own) if one is routed.route)
    return rule_of_route(mesh, rule, place) or (origin, None)


def _target_port(mesh: Mesh, pod: Json, port: int) -> int | None:
    """The port of a gateway's pod behind its Service's port; None where its Services do not have it."""
    seen = False
    for service in mesh.of("Service", home_of(pod)):
        selector = spec_of(service).get("selector") or {}
        if selector and matches(selector, labels_of(pod)):
            seen = True
            found = port_of(service, port)
            if found is not None:
                return port_number(found, pod, port)
    return None if seen and not is_open_itself(pod) else port
