# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small mesh for tests: productpage asks reviews, behind a gateway, with the configurations of their proxies."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import MANAGER, ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record

Json = dict[str, t.Any]

OTHERS = (
    *("Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "Telemetry", "EnvoyFilter"),
    *("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"),
)
REVIEWS = "outbound|9080||reviews.bookinfo.svc.cluster.local"
V1 = "outbound|9080|v1|reviews.bookinfo.svc.cluster.local"
PASSTHROUGH, BLACKHOLE = "PassthroughCluster", "BlackHoleCluster"


def pod(name: str, address: str, namespace: str = "bookinfo", **labels: str) -> Json:
    return {
        "metadata": {"name": f"{name}-a-b", "namespace": namespace, "labels": labels},
        "spec": {
            "serviceAccountName": f"bookinfo-{name.partition('-')[0]}",
            "containers": [{"name": "app", "ports": [{"containerPort": 9080}]}, {"name": "istio-proxy"}],
        },
        "status": {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def service(name: str, port: int = 9080, port_name: str = "http", namespace: str = "bookinfo", **selector: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": f"10.96.0.{len(name)}",
            "selector": selector or {"app": name},
            "ports": [{"name": port_name, "port": port, "targetPort": 9080}],
        },
    }


def rule_of(name: str, route: Json, kind: str = "virtual-service") -> Json:
    """A route that comes from a VirtualService."""
    config = f"/apis/networking.istio.io/v1/namespaces/bookinfo/{kind}/{name}"
    return {**route, "metadata": {"filter_metadata": {"istio": {"config": config}}}}


def manager(**parts: t.Any) -> Json:
    return {"filters": [{"name": MANAGER, "typed_config": parts}]}


def cluster(name: str) -> Json:
    tls = {
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {"alpn_protocols": ["istio"]},
        }
    }
    raw = {"typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}
    services = {"services": [{"name": "reviews", "namespace": "bookinfo"}]}
    return {
        "name": name,
        "metadata": {"filter_metadata": {"istio": services}} if "reviews" in name else {},
        "transport_socket_matches": [
            {"match": {"tlsMode": "istio"}, "transport_socket": tls},
            {"match": {}, "transport_socket": raw},
        ],
    }


def endpoint(address: str, health: str = "HEALTHY", mtls: bool = True) -> Json:
    mode = {"tlsMode": "istio"} if mtls else {}
    return {
        "endpoint": {"address": {"socket_address": {"address": address, "port_value": 9080}}},
        "health_status": health,
        "metadata": {"filter_metadata": {"envoy.transport_socket_match": mode}},
    }


def outbound(routes: list[Json], domains: t.Sequence[str] = ("reviews",), http: bool = True) -> ProxyConfig:
    """productpage's configuration, with these routes for reviews."""
    proxy = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": REVIEWS}}]}
    through = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": PASSTHROUGH}}]}
    host = {"name": "reviews.bookinfo.svc.cluster.local:9080", "domains": list(domains), "routes": routes}
    return ProxyConfig(
        "productpage-a-b",
        "bookinfo",
        (
            {
                "name": "0.0.0.0_9080",
                "traffic_direction": "OUTBOUND",
                "address": {"socket_address": {"address": "0.0.0.0", "port_value": 9080}},
                "filter_chains": [manager(rds={"route_config_name": "9080"}) if http else proxy],
            },
            {"name": "virtualOutbound", "traffic_direction": "OUTBOUND", "filter_chains": [through]},
        ),
        {"9080": {"name": "9080", "ignore_port_in_host_matching": True, "virtual_hosts": [host]}},
        {name: cluster(name) for name in (REVIEWS, V1, PASSTHROUGH, BLACKHOLE)},
        {REVIEWS: (endpoint("10.0.0.2"), endpoint("10.0.0.3")), V1: (endpoint("10.0.0.2"),)},
    )


def inbound(name: str, filters: t.Sequence[Json] = (), strict: bool = False) -> ProxyConfig:
    """A callee's configuration, with these HTTP filters."""
    chains = []
    for transport in ["tls"] if strict else ["tls", "raw_buffer"]:
        match = {"destination_port": 9080, "transport_protocol": transport}
        chains.append({**manager(http_filters=list(filters)), "filter_chain_match": match})
    return ProxyConfig(f"{name}-a-b", "bookinfo", ({"name": "virtualInbound", "filter_chains": chains},))


def mesh(
    routes: list[Json] | None = None,
    filters: t.Sequence[Json] = (),
    *,
    strict: bool = False,
    http: bool = True,
    configs: bool = True,
    **objects: list[Json],
) -> Mesh:
    """The mesh, with more objects by kind."""
    found: dict[str, list[Json]] = {
        "Pod": [
            pod("productpage", "10.0.0.1", app="productpage"),
            pod("reviews-v1", "10.0.0.2", app="reviews", version="v1"),
            pod("reviews-v2", "10.0.0.3", app="reviews", version="v2"),
            pod("istiod", "10.0.0.9", "istio-system", app="istiod"),
        ],
        "Service": [service("productpage"), service("reviews", port_name="http" if http else "tcp-web")],
        **{
            kind: []
            for kind in ("Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "Telemetry")
        },
        **{kind: [] for kind in ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "EnvoyFilter")},
    }
    for kind, more in objects.items():
        found[kind] = [*found.get(kind, []), *copy.deepcopy(more)]
    default = [{"name": "default", "match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}]
    proxies = {
        ("bookinfo", "productpage-a-b"): outbound(default if routes is None else routes, http=http),
        ("bookinfo", "reviews-v1-a-b"): inbound("reviews-v1", filters, strict),
        ("bookinfo", "reviews-v2-a-b"): inbound("reviews-v2", filters, strict),
    }
    return Mesh({kind: tuple(one) for kind, one in found.items()}, proxies if configs else {})


def record(proxy: str, status: int, flags: str, cluster_name: str, authority: str = "reviews:9080") -> Record:
    """What a proxy wrote about a request."""
    return Record(
        agent="mesh-workshop-probe/1-1-1",
        pod=proxy,
        status=status,
        flags=flags,
        details="",
        failure="",
        authority=authority,
        path="/reviews/0",
        upstream="",
        cluster=cluster_name,
        route="",
        milliseconds=3,
    )


def with_gateway(found: Mesh, filters: t.Sequence[Json] = (), route: Json | None = None) -> Mesh:
    """The mesh behind the ingress gateway, whose port 80 is 8080 of its pod, with these HTTP filters and this route."""
    route = route or {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}
    chain = manager(
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=list(filters),
    )
    listener = {
        "name": "0.0.0.0_8080",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
        "filter_chains": [chain],
    }
    base = outbound([])
    config = ProxyConfig("ingress-a-b", "istio-system", (listener,), clusters=base.clusters, endpoints=base.endpoints)
    ingress = pod("ingress", "10.0.0.8", "istio-system", app="istio-ingressgateway", istio="ingressgateway")
    entrance = service("ingress", 80, namespace="istio-system", istio="ingressgateway")
    entrance["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": 8080}]
    objects = {
        **found.objects,
        "Pod": (*found.objects["Pod"], ingress),
        "Service": (*found.objects["Service"], entrance),
    }
    return Mesh(objects, {**found.configs, ("istio-system", "ingress-a-b"): config})
