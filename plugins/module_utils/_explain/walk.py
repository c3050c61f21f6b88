# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request through the live configuration: what each proxy on it decides, and by which resource.

Sources: Envoy's ``config.cluster.v3`` (``CircuitBreakers``, ``OutlierDetection``), ``config.route.v3.RouteAction``
(``prefix_rewrite``, ``request_mirror_policies``, ``retry_policy``) and ``extensions.filters.http.fault.v3``; istio.io,
"Sidecar" and "MeshConfig" (``outboundTrafficPolicy``) and "Ambient mode".
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._istio.durations import parse_duration
from .._istio.pods import has_sidecar
from .access import Access, Call, judge_access
from .breakers import breaker_of, outliers_of
from .dump import Filter, ProxyConfig, filters_of, manager_of, tcp_cluster
from .gateway import Server, server_of
from .limits import Caller, Limit, limits_of
from .mesh import (
    ROOT,
    Mesh,
    ServiceName,
    holds_for,
    home_of,
    is_ambient,
    mtls_of,
    name_of,
    origin_for,
    port_of,
    protocol_of,
    rule_number,
    selector_of,
    service_account,
    spec_of,
)
from .origin import Origin, origin_of, service_of
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
from .sampling import Sampling, sampling_of
from .tokens import TokenResult, judge_token

Json = t.Mapping[str, t.Any]

PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"
FAULT = "envoy.filters.http.fault"
# What these do is followed here, or they change no answer.
FOLLOWED = frozenset(
    (
        *("router", "fault", "cors", "rbac", "jwt_authn", "local_ratelimit", "ratelimit", "grpc_stats", "grpc_web"),
        *("alpn", "peer_metadata", "stats", "metadata_exchange", "istio_authn", "set_filter_state", "compressor"),
    )
)
# Of the filters of a connection, those that are followed or change no answer, each by the end of its name.
FOLLOWED_BY_CONNECTION = frozenset(
    (
        *("http_connection_manager", "tcp_proxy", "rbac", "metadata_exchange", "stats", "set_filter_state"),
        *("mongo_proxy", "mysql_proxy", "postgres_proxy"),
    )
)


@dataclass(frozen=True)
class Endpoint:
    """One address that a cluster may send to."""

    address: str
    port: int
    healthy: bool
    mtls: bool
    pod: Json | None = None
    state: str = ""
    """Why it is not healthy, such as ``ejected``; empty where that is not known."""

    @property
    def name(self) -> str:
        """Its pod, else its address."""
        return name_of(self.pod) if self.pod is not None else f"{self.address}:{self.port}"


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
    breaker: str = ""
    """What its circuit breaker lets through at once."""
    outliers: str = ""
    """When its outlier detection ejects a pod."""


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
    retry_on: str = ""
    rewrite: str = ""
    """Method, host and path as they are sent on, where a rule changes one of them."""
    rule: int | None = None
    """The number of the route's rule in its VirtualService, from 0, where it can be told."""
    server: Server | None = None
    """What a gateway's listener is made of."""
    policy: str = ""
    """The outboundTrafficPolicy, where the request leaves for what the mesh does not know."""
    policy_origin: Origin | None = None
    """The Sidecar that sets it; None where the mesh's configuration does."""
    token: TokenResult = field(default_factory=TokenResult)
    access: tuple[Access, ...] = ()
    """Of policies that hold at a gateway."""
    limits: tuple[Limit, ...] = ()
    limiters: tuple[Origin, ...] = ()
    """EnvoyFilters that may have set the limits."""
    strange: tuple[str, ...] = ()
    """Filters whose doing is not known here."""
    synced: bool = True
    """Whether the proxy has ever got a configuration."""
    sampling: Sampling | None = None
    """What it decides about traces, where it is the first to decide."""

    @property
    def route(self) -> Json | None:
        return self.routed.route if self.routed else None

    @property
    def denying(self) -> Access | None:
        return _denying(self.access)


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
    limits: tuple[Limit, ...] = ()
    limiters: tuple[Origin, ...] = ()
    """EnvoyFilters that may have set the limits."""
    strange: tuple[str, ...] = ()
    """Filters whose doing is not known here."""
    synced: bool = True
    """Whether the proxy has ever got a configuration."""

    @property
    def denying(self) -> Access | None:
        return _denying(self.access)


@dataclass(frozen=True)
class Bare:
    """A pod that answers and has no sidecar that could decide."""

    pod: str
    namespace: str
    ambient: bool
    """Whether its node's ztunnel takes its connections."""


def _denying(access: t.Iterable[Access]) -> Access | None:
    return next((one for one in access if one.denies and not one.uncertain), None)


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
    bare: tuple[Bare, ...] = ()
    """Pods that it may reach and that have no sidecar."""

    @property
    def proxies(self) -> tuple[Sent | Received, ...]:
        """The proxies that it meets, in their order."""
        return (*((self.sent,) if self.sent is not None else ()), *self.received)


# -- the caller's side ---------------------------------------------------


def from_workload(mesh: Mesh, request: Request, pod: Json, address: str | None = None) -> Journey:
    """The way of a request from a pod, through its sidecar; `address` where it asks a pod and not the URL's host."""
    home = home_of(pod)
    if not has_sidecar(pod):
        bare = _bare(mesh, pod)
        return replace(without_proxy(mesh, request, home, address), caller=name_of(pod), unseen=(no_proxy(bare),))
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, name_of(pod), None, unseen=(f"The configuration of the proxy of {name_of(pod)}.",))
    if not config.synced:
        return Journey(request, name_of(pod), Sent(name_of(pod), "caller", home, synced=False))
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
        sampling=sampling_of(mesh, pod),
    )
    return _onward(mesh, request, pod, config, base, chain, target)


def at_gateway(mesh: Mesh, request: Request, pod: Json) -> Journey:
    """The way of a request from outside through a gateway's pod."""
    config = mesh.config_of(pod)
    if config is None:
        return Journey(request, "host", None, unseen=(f"The configuration of the gateway {name_of(pod)}.",))
    inner = _target_port(mesh, pod, request.port)
    every = (*gateway_listeners(config), *config.warming)
    listener = next((one for one in every if socket_of(one)[1] == inner), None)
    base = Sent(
        proxy=name_of(pod),
        role="gateway",
        namespace=home_of(pod),
        synced=config.synced,
        sampling=sampling_of(mesh, pod),
    )
    if listener is None:
        return Journey(request, "host", base)
    tls = request.scheme in ("https", "tls")
    chain = choose_chain(listener, Connection("0.0.0.0", inner, tls, request.host, ("http/1.1",)))
    server = server_of(mesh, config, pod, listener, chain, request.port, request.host)
    base = replace(base, listener=str(listener.get("name", "")), server=server)
    if server.warming or server.has_secret is False:
        return Journey(request, "host", base)
    return _onward(mesh, request, pod, config, base, chain, "")


def without_proxy(mesh: Mesh, request: Request, namespace: str, address: str | None = None) -> Journey:
    """The way of a request from a client outside of the mesh: plain text, to whatever pod the Service selects."""
    service = mesh.service_for(request.host, namespace)
    pods = mesh.pods_of(service) if service else []
    found = mesh.service(service) if service else None
    port = port_of(found, request.port) if found else None
    places = [(pod, _number(port, pod, request.port)) for pod in pods]
    if address and not places:
        target = mesh.pod_at(address)
        places = [(target, request.port)] if target is not None else []
    arrived = Arrived()
    for pod, number in places:
        arrived.add(mesh, request, pod, number, mtls=False, peer=Peer(), protocols=("http/1.1",))
    return arrived.journey(request, "a client without a sidecar", None)


def _onward(
    mesh: Mesh, request: Request, pod: Json, config: ProxyConfig, sent: Sent, chain: Json | None, address: str
) -> Journey:
    caller = "host" if sent.role == "gateway" else name_of(pod)
    if chain is None:
        return Journey(request, caller, sent)
    manager = manager_of(chain)
    sent = replace(sent, strange=_strange_to_connections(chain))
    if manager is None:
        if not tcp_cluster(chain):
            ends = f"What the last filter of {sent.proxy}'s listener {sent.listener} does with the request."
            return Journey(request, caller, replace(sent, http=False), unseen=(ends,))
        target = _target(mesh, config, tcp_cluster(chain), 1.0, address, request.port)
        sent = _with_policy(mesh, pod, replace(sent, http=False, targets=(target,)))
        return _arrive(mesh, request, pod, sent).journey(request, caller, sent)
    routes = config.route_config(manager)
    if routes is None:
        return Journey(request, caller, sent, unseen=(f"The routes of {sent.proxy}.",))
    routed = choose_route(routes, request)
    if (routed.host or {}).get("require_tls") == "ALL" and request.scheme == "http":
        sent = replace(sent, routed=replace(routed, route=None, skipped=()), redirect="https")
        return Journey(request, caller, sent)
    filters = filters_of(manager, config.extensions)
    decided = _decided(mesh, config, filters, routed, address, request.port)
    onward = rewritten(routed.route or {}, request)
    sent = replace(sent, routed=routed, strange=(*sent.strange, *_strange(filters)), **decided)
    if (onward.path, onward.header(":authority")) != (request.path, request.header(":authority")):
        sent = replace(sent, rewrite=f"{onward.method} {onward.header(':authority')}{onward.path}")
    # A gateway's policies see the port of its pod, not that of its Service.
    port = _target_port(mesh, pod, request.port) if sent.role == "gateway" else request.port
    guard = _guard(mesh, pod, filters, routes, routed, Call(request, Peer(), port), decided.get("targets", ()))
    sent = _with_policy(mesh, pod, replace(sent, **guard))
    if sent.token.refused or sent.denying is not None:
        return Journey(request, caller, sent)
    return _arrive(mesh, onward, pod, sent).journey(request, caller, sent)


def _guard(
    mesh: Mesh,
    pod: Json,
    filters: t.Sequence[Filter],
    routes: Json,
    routed: Routed,
    call: Call,
    targets: t.Sequence[Target] = (),
) -> dict[str, t.Any]:
    """What tokens, policies and rate limits at a proxy say of a call."""
    token = judge_token([one.config for one in filters if one.type == "jwt_authn"], call.request, time.time())
    rules = [one.config.get("rules") for one in filters if one.type == "rbac" and "rules" in one.config]
    request = token.request or call.request
    call = replace(call, request=request, token=token.token)
    # An ALLOW filter without a policy denies all; Envoy's dump leaves out what is empty.
    access = [judge_access(one, call) for one in rules if one] + [Access("ALLOW", ()) for one in rules if one == {}]
    caller = Caller(call.peer.address, targets[0].cluster if targets else "")
    limits = limits_of(filters, routes, routed, request, caller)
    return {
        "token": token,
        "access": tuple(access),
        "limits": tuple(limits),
        "limiters": tuple(_limiters(mesh, pod)) if limits else (),
    }


def _limiters(mesh: Mesh, pod: Json) -> t.Iterator[Origin]:
    """The EnvoyFilters for a pod that speak of rate limits; a proxy's configuration does not name them."""
    for one in mesh.of("EnvoyFilter"):
        if holds_for(one, pod) and any(word in str(spec_of(one)) for word in ("rate_limit", "ratelimit")):
            yield origin_for("EnvoyFilter", one)


def _strange(filters: t.Iterable[Filter]) -> tuple[str, ...]:
    return tuple(f"{one.name} ({one.type})" for one in filters if one.type.lower() not in FOLLOWED)


def _strange_to_connections(chain: Json) -> tuple[str, ...]:
    """Filters of the connection itself whose doing is not known here."""
    names = [str(one.get("name", "")) for one in chain.get("filters") or ()]
    return tuple(one for one in names if one.rpartition(".")[2] not in FOLLOWED_BY_CONNECTION)


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
    mesh: Mesh, config: ProxyConfig, filters: t.Sequence[Filter], routed: Routed, address: str, port: int
) -> dict[str, t.Any]:
    route = routed.route
    if route is None:
        return {}
    action = route.get("route") or {}
    for_all = next((one.config for one in filters if one.type == "fault"), {})
    per_filter = (route.get("typed_per_filter_config") or {}).get(FAULT) or for_all
    origin = origin_of(route)
    delay, abort = per_filter.get("delay") or {}, per_filter.get("abort") or {}
    retry = action.get("retry_policy") or {}
    return {
        "origin": origin,
        "rule": _rule_of(mesh, origin, routed),
        "targets": tuple(_target(mesh, config, name, share, address, port) for name, share in targets_of(route)),
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


def _rule_of(mesh: Mesh, origin: Origin | None, routed: Routed) -> int | None:
    """Which rule of its VirtualService a route is, from 0."""
    rule = mesh.find(origin) if origin is not None else None
    if rule is None or routed.host is None:
        return None
    own = [one for one in routed.host.get("routes") or () if origin_of(one) == origin]
    return rule_number(rule, next(index for index, one in enumerate(own) if one is routed.route))


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
                config.ejected.get((name, where, int(place.get("port_value") or 0)), ""),
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
        breaker=breaker_of(cluster),
        outliers=outliers_of(cluster),
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


@dataclass
class Arrived:
    """What is at the other end: pods with a sidecar, and those without."""

    received: list[Received] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)

    def add(
        self, mesh: Mesh, request: Request, pod: Json, port: int, mtls: bool, peer: Peer, protocols: tuple[str, ...]
    ) -> None:
        if not has_sidecar(pod):
            self.bare.append(_bare(mesh, pod))
            return
        one = _receive(mesh, request, pod, port, mtls, peer, protocols)
        self.received += [one] if one else []

    def journey(self, request: Request, caller: str, sent: Sent | None) -> Journey:
        return Journey(request, caller, sent, tuple(self.received), bare=tuple(dict.fromkeys(self.bare)))


def _bare(mesh: Mesh, pod: Json) -> Bare:
    return Bare(name_of(pod), home_of(pod), is_ambient(mesh, pod))


def no_proxy(bare: Bare) -> str:
    """Why nothing is decided at a pod."""
    if bare.ambient:
        return (
            f"Pod {bare.pod} is in the ambient mesh: no sidecar decides for it, but the ztunnel of its node (and a "
            "waypoint, where there is one), which are not looked at."
        )
    return f"Pod {bare.pod} has no sidecar, so nothing of the mesh decides there."


def _arrive(mesh: Mesh, request: Request, caller: Json, sent: Sent) -> Arrived:
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
    base = replace(base, strange=_strange_to_connections(chain))
    manager = manager_of(chain)
    if manager is None:
        call = Call(request, peer, port)
        access = [judge_access(one, call) for one in _tcp_rules(chain)]
        return replace(base, http=False, access=tuple(access))
    filters = filters_of(manager, config.extensions)
    routes = config.route_config(manager) or {}
    routed = choose_route(routes, request)
    return replace(
        base,
        strange=(*base.strange, *_strange(filters)),
        **_guard(mesh, pod, filters, routes, routed, Call(request, peer, port)),
    )


def _tcp_rules(chain: Json) -> list[Json]:
    return [
        (one.get("typed_config") or {}).get("rules") or {}
        for one in chain.get("filters") or ()
        if one.get("name") == "envoy.filters.network.rbac"
    ]
