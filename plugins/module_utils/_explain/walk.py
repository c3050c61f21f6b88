# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request through the live configuration: what each proxy on it decides, and by which resource."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .access import Access, Call, TokenResult, judge_access, judge_token
from .dump import ProxyConfig, http_filters, manager_of, tcp_cluster
from .mesh import (
    Mesh,
    ServiceName,
    home_of,
    mtls_of,
    name_of,
    port_of,
    protocol_of,
    service_account,
)
from .origin import Origin, origin_of, service_of
from .request import Peer, Request, token_of
from .routing import (
    Connection,
    Routed,
    choose_chain,
    choose_route,
    fraction_of,
    gateway_listeners,
    outbound_listener,
    seconds_of,
    socket_of,
    targets_of,
)

Json = t.Mapping[str, t.Any]

PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"
FAULT = "envoy.filters.http.fault"


@dataclass(frozen=True)
class Endpoint:
    """One address that a cluster may send to."""

    address: str
    port: int
    healthy: bool
    mtls: bool
    pod: Json | None = None


@dataclass(frozen=True)
class Target:
    """A cluster that a request may be sent to."""

    cluster: str
    share: float
    known: bool
    """Whether the proxy has this cluster."""
    service: ServiceName | None = None
    subset: str = ""
    origin: Origin | None = None
    """The DestinationRule that holds for it."""
    endpoints: tuple[Endpoint, ...] = ()
    tls: str = ""
    """``mtls``, ``tls`` (SIMPLE or MUTUAL), or empty for plain text; of the first endpoint."""


@dataclass(frozen=True)
class Sent:
    """What the proxy at the beginning of a hop does with the request: a caller's or a gateway's."""

    proxy: str
    role: str
    """``gateway`` or ``caller``."""
    namespace: str
    listener: str = ""
    service: ServiceName | None = None
    """The Service whose address is asked, where it is one."""
    port: Json | None = None
    http: bool = True
    """Whether the listener routes HTTP, and does not pass connections on as TCP."""
    why: str = ""
    """Why it takes the port's traffic so."""
    routed: Routed | None = None
    origin: Origin | None = None
    """The VirtualService of the route."""
    targets: tuple[Target, ...] = ()
    delay: float = 0.0
    """Seconds, where a fault delays the request."""
    delay_share: float = 0.0
    abort: str = ""
    """HTTP or gRPC status that a fault answers."""
    abort_share: float = 0.0
    timeout: float | None = None
    per_try: float | None = None
    retries: int = 0
    mirrors: tuple[tuple[Target, float], ...] = ()
    redirect: str = ""

    @property
    def route(self) -> Json | None:
        return self.routed.route if self.routed else None


@dataclass(frozen=True)
class Received:
    """What the proxy before the callee does with the request."""

    proxy: str
    namespace: str
    port: int
    mtls: bool
    """Whether the connection is mTLS."""
    accepted: bool
    """Whether a filter chain takes such a connection."""
    http: bool = True
    mode: str = "PERMISSIVE"
    mode_origin: Origin | None = None
    mode_field: str = ""
    token: TokenResult = field(default_factory=TokenResult)
    access: tuple[Access, ...] = ()

    @property
    def denying(self) -> Access | None:
        return next((one for one in self.access if one.denies and not one.uncertain), None)


@dataclass(frozen=True)
class Journey:
    """One request from a caller to the callees that it may reach."""

    request: Request
    caller: str
    sent: Sent | None
    """None where the caller has no proxy."""
    received: tuple[Received, ...] = ()
    """By each pod that it may reach and whose configuration is known."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, as sentences."""


# -- the caller's side ---------------------------------------------------


def from_workload(mesh: Mesh, request: Request, pod: Json, address: str | None = None) -> Journey:
    """The way of a request from a pod, through its sidecar; `address` where it asks a pod and not the URL's host."""
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, name_of(pod), None, unseen=(f"The configuration of the proxy of {name_of(pod)}.",))
    home = home_of(pod)
    service = None if address else mesh.service_for(request.host, home)
    target = address or _cluster_address(mesh, service) or "0.0.0.0"
    listener = outbound_listener(config, target, request.port)
    found = mesh.service(service) if service else None
    port = port_of(found, request.port) if found else None
    if listener is None:
        return Journey(request, name_of(pod), None, unseen=(f"No listener of {name_of(pod)} for port {request.port}.",))
    protocols = ("h2c",) if request.http2 else ("http/1.1",)
    tls = request.scheme in ("https", "tls")
    chain = choose_chain(listener, Connection(target, request.port, tls, request.host, () if tls else protocols))
    base = Sent(
        proxy=name_of(pod),
        role="caller",
        namespace=home,
        listener=str(listener.get("name", "")),
        service=service,
        port=port,
        why=protocol_of(port)[1] if port else "",
    )
    return _onward(mesh, request, pod, config, base, chain, target)


def at_gateway(mesh: Mesh, request: Request, pod: Json) -> Journey:
    """The way of a request from outside through a gateway's pod."""
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, "host", None, unseen=(f"The configuration of the gateway {name_of(pod)}.",))
    inner = _target_port(mesh, pod, request.port)
    listener = next((one for one in gateway_listeners(config) if socket_of(one)[1] == inner), None)
    base = Sent(proxy=name_of(pod), role="gateway", namespace=home_of(pod))
    if listener is None:
        return Journey(request, "host", base)
    tls = request.scheme in ("https", "tls")
    chain = choose_chain(listener, Connection("0.0.0.0", inner, tls, request.host, ("http/1.1",)))
    base = replace(base, listener=str(listener.get("name", "")))
    return _onward(mesh, request, pod, config, base, chain, "")


def without_proxy(mesh: Mesh, request: Request, namespace: str, address: str | None = None) -> Journey:
    """The way of a request from a client outside of the mesh: plain text, to whatever pod the Service selects."""
    service = mesh.service_for(request.host, namespace)
    pods = mesh.pods_of(service) if service else []
    found = mesh.service(service) if service else None
    port = port_of(found, request.port) if found else None
    received = []
    for pod in pods:
        number = _number(port, pod, request.port)
        one = _receive(mesh, request, pod, number, mtls=False, peer=Peer(), server_name="", protocols=("http/1.1",))
        received += [one] if one else []
    if address and not received:
        target = mesh.pod_at(address)
        if target is not None:
            one = _receive(mesh, request, target, request.port, False, Peer(), "", ("http/1.1",))
            received += [one] if one else []
    return Journey(request, "a client without a sidecar", None, tuple(received))


def _onward(
    mesh: Mesh, request: Request, pod: Json, config: ProxyConfig, sent: Sent, chain: Json | None, address: str
) -> Journey:
    caller = "host" if sent.role == "gateway" else name_of(pod)
    if chain is None:
        return Journey(request, caller, sent)
    manager = manager_of(chain)
    if manager is None:
        target = _target(mesh, config, tcp_cluster(chain), 1.0, address, request.port)
        sent = replace(sent, http=False, targets=(target,))
        return Journey(request, caller, sent, _arrive(mesh, request, pod, sent))
    routes = config.route_config(manager)
    if routes is None:
        return Journey(request, caller, sent, unseen=(f"The routes of {sent.proxy}.",))
    routed = choose_route(routes, request)
    sent = replace(sent, routed=routed, **_decided(mesh, config, routed, address, request.port))
    return Journey(request, caller, sent, _arrive(mesh, request, pod, sent))


def _decided(mesh: Mesh, config: ProxyConfig, routed: Routed, address: str, port: int) -> dict[str, t.Any]:
    route = routed.route
    if route is None:
        return {}
    action = route.get("route") or {}
    per_filter = (route.get("typed_per_filter_config") or {}).get(FAULT) or {}
    delay, abort = per_filter.get("delay") or {}, per_filter.get("abort") or {}
    retry = action.get("retry_policy") or {}
    return {
        "origin": origin_of(route),
        "targets": tuple(_target(mesh, config, name, share, address, port) for name, share in targets_of(route)),
        "delay": seconds_of(delay.get("fixed_delay")) or 0.0,
        "delay_share": fraction_of(delay.get("percentage")),
        "abort": str(abort.get("http_status") or (f"gRPC {abort['grpc_status']}" if "grpc_status" in abort else "")),
        "abort_share": fraction_of(abort.get("percentage")),
        "timeout": seconds_of(action.get("timeout")) or None,
        "per_try": seconds_of(retry.get("per_try_timeout")) or None,
        "retries": int(retry.get("num_retries") or 0),
        "mirrors": tuple(
            (
                _target(mesh, config, str(one.get("cluster", "")), 1.0, address, port),
                fraction_of((one.get("runtime_fraction") or {}).get("default_value"))
                if one.get("runtime_fraction")
                else 1.0,
            )
            for one in action.get("request_mirror_policies") or ()
        ),
        "redirect": str((route.get("redirect") or {}).get("host_redirect", ""))
        or ("a redirect" if "redirect" in route else ""),
    }


def _target(mesh: Mesh, config: ProxyConfig, name: str, share: float, address: str, port: int) -> Target:
    cluster = config.clusters.get(name)
    if cluster is None:
        return Target(name, share, known=False, service=_named_service(name), subset=_subset(name))
    if name == PASSTHROUGH:
        pod = mesh.pod_at(address)
        endpoints: tuple[Endpoint, ...] = (Endpoint(address, port, healthy=True, mtls=False, pod=pod),)
        return Target(name, share, known=True, endpoints=endpoints)
    found = []
    for one in config.endpoints.get(name, ()):
        place = ((one.get("endpoint") or {}).get("address") or {}).get("socket_address") or {}
        where = str(place.get("address", ""))
        found.append(
            Endpoint(
                where,
                int(place.get("port_value") or 0),
                str(one.get("health_status", "HEALTHY")) in ("HEALTHY", "UNKNOWN", "DEGRADED"),
                _transport(cluster, one) == "mtls",
                mesh.pod_at(where),
            )
        )
    first = next(iter(config.endpoints.get(name, ())), {})
    return Target(
        name,
        share,
        known=True,
        service=service_of(cluster) or _named_service(name),
        subset=_subset(name),
        origin=origin_of(cluster),
        endpoints=tuple(found),
        tls=_transport(cluster, first),
    )


def _transport(cluster: Json, endpoint: Json) -> str:
    """How a cluster speaks to an endpoint (``envoy.config.cluster.v3.Cluster``, transport_socket_matches)."""
    labels = ((endpoint.get("metadata") or {}).get("filter_metadata") or {}).get("envoy.transport_socket_match") or {}
    socket = cluster.get("transport_socket")
    for one in cluster.get("transport_socket_matches") or ():
        if all(labels.get(key) == value for key, value in (one.get("match") or {}).items()):
            socket = one.get("transport_socket")
            break
    config = (socket or {}).get("typed_config") or {}
    if "tls" not in str(config.get("@type", "")).lower() or "UpstreamTls" not in str(config.get("@type", "")):
        return ""
    offered = (config.get("common_tls_context") or {}).get("alpn_protocols") or ()
    return "mtls" if any(str(one).startswith("istio") for one in offered) else "tls"


def _named_service(cluster: str) -> ServiceName | None:
    """Name and namespace by a cluster's name, ``outbound|port|subset|host``."""
    parts = cluster.split("|")
    names = parts[3].split(".") if len(parts) == 4 else []
    return (names[0], names[1]) if len(names) > 2 and names[2] == "svc" else None


def _subset(cluster: str) -> str:
    parts = cluster.split("|")
    return parts[2] if len(parts) == 4 else ""


def _cluster_address(mesh: Mesh, service: ServiceName | None) -> str:
    found = mesh.service(service) if service else None
    address = str(((found or {}).get("spec") or {}).get("clusterIP") or "")
    return "" if address == "None" else address


def _target_port(mesh: Mesh, pod: Json, port: int) -> int:
    """The port of a gateway's pod behind its Service's port."""
    for service in mesh.of("Service", home_of(pod)):
        if any(name_of(one) == name_of(pod) for one in mesh.pods_of((name_of(service), home_of(service)))):
            found = port_of(service, port)
            if found is not None:
                return _number(found, pod, port)
    return port


def _number(port: Json | None, pod: Json, default: int) -> int:
    """A Service port's targetPort as a number of this pod."""
    target = (port or {}).get("targetPort", (port or {}).get("port", default))
    if isinstance(target, int):
        return target
    for container in (pod.get("spec") or {}).get("containers") or ():
        for one in container.get("ports") or ():
            if one.get("name") == target:
                return int(one.get("containerPort") or default)
    return default


# -- the callee's side ---------------------------------------------------


def _arrive(mesh: Mesh, request: Request, caller: Json, sent: Sent) -> tuple[Received, ...]:
    found = []
    identity = f"spiffe://cluster.local/ns/{home_of(caller)}/sa/{service_account(caller)}"
    for target in sent.targets:
        for endpoint in target.endpoints:
            if endpoint.pod is None or (target.share <= 0 and len(sent.targets) > 1):
                continue
            status = (caller.get("status") or {}).get("podIP") or ""
            one = _receive(
                mesh,
                request,
                endpoint.pod,
                endpoint.port,
                endpoint.mtls,
                Peer(identity if endpoint.mtls else "", str(status)),
                "",
                ("istio", "istio-http/1.1") if endpoint.mtls else ("h2c",) if request.http2 else ("http/1.1",),
            )
            found += [one] if one else []
    return tuple(found)


def _receive(
    mesh: Mesh,
    request: Request,
    pod: Json,
    port: int,
    mtls: bool,
    peer: Peer,
    server_name: str,
    protocols: tuple[str, ...],
) -> Received | None:
    config = mesh.config_of(pod)
    if config is None:
        return None
    mode, origin, where = mtls_of(mesh, pod, port)
    listener = config.listener("virtualInbound")
    address = str((pod.get("status") or {}).get("podIP") or "")
    chain = choose_chain(listener, Connection(address, port, mtls, server_name, protocols)) if listener else None
    base = Received(name_of(pod), home_of(pod), port, mtls, chain is not None, True, mode, origin, where)
    if chain is None:
        return base
    manager = manager_of(chain)
    if manager is None:
        call = Call(request, peer, port)
        access = [judge_access(one, call) for one in _tcp_rules(chain)]
        return replace(base, http=False, access=tuple(access))
    token = judge_token(http_filters(manager, "jwt_authn"), request, token_of(request), time.time())
    call = Call(request, peer, port, token.token)
    access = [judge_access(one["rules"], call) for one in http_filters(manager, "rbac") if one.get("rules")]
    # An ALLOW filter without a policy denies all; Envoy's dump leaves out what is empty.
    access += [Access("ALLOW", ()) for one in http_filters(manager, "rbac") if one.get("rules") == {}]
    return replace(base, token=token, access=tuple(access))


def _tcp_rules(chain: Json) -> list[Json]:
    return [
        (one.get("typed_config") or {}).get("rules") or {}
        for one in chain.get("filters") or ()
        if one.get("name") == "envoy.filters.network.rbac"
    ]
