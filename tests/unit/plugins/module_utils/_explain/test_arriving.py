# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.journey import Journey
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.text import text_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import (
    at_gateway,
    from_workload,
    without_proxy,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    cluster,
    endpoint,
    manager,
    mesh,
    outbound,
    pod,
    rule_of,
    service,
    with_gateway,
)

EGRESS = "outbound|80||istio-egressgateway.istio-system.svc.cluster.local"
OUTSIDE = "outbound|80||edition.example"
URL = "http://edition.example/politics"


def tls(kind: str, server_name: str = "") -> Json:
    """What a cluster speaks for a DestinationRule's tls of this kind, as istiod writes it."""
    offered = ["istio"] if kind == "ISTIO_MUTUAL" else ["h2", "http/1.1"]
    config = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": offered},
        **({"sni": server_name} if server_name else {}),
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": config}}


def with_egress(
    routes: list[Json], filters: t.Sequence[Json] = (), how: Json | None = None, match: Json | None = None
) -> Mesh:
    """The mesh with an egress gateway, to which productpage sends what is for edition.example, and its routes there."""
    found = mesh(
        Pod=[pod("istio-egressgateway", "10.0.0.20", "istio-system", app="istio-egressgateway")],
        Service=[service("istio-egressgateway", 80, namespace="istio-system")],
    )
    (gateway,) = [one for one in found.of("Pod") if one["metadata"]["name"].startswith("istio-egress")]
    gateway["spec"]["containers"] = [{"name": "istio-proxy", "args": ["proxy", "router"]}]
    (entrance,) = [one for one in found.of("Service") if one["metadata"]["name"] == "istio-egressgateway"]
    entrance["spec"]["ports"] = [{"name": "http2", "port": 80, "targetPort": 8080}]
    base = outbound([rule_of("through-egress", {"match": {"prefix": "/"}, "route": {"cluster": EGRESS}})])
    (host,) = base.routes["9080"]["virtual_hosts"]
    host["domains"] = ["edition.example"]
    base.listeners[0]["address"]["socket_address"]["port_value"] = 80
    place = endpoint("10.0.0.20", mtls=False)
    place["endpoint"]["address"]["socket_address"]["port_value"] = 8080
    caller = ProxyConfig(
        "productpage-a-b",
        "bookinfo",
        base.listeners,
        base.routes,
        {**base.clusters, EGRESS: {**cluster(EGRESS), **({"transport_socket_matches": [], **how} if how else {})}},
        {**base.endpoints, EGRESS: (place,)},
    )
    chain = manager(rds={"route_config_name": "http.8080"}, http_filters=list(filters))
    listener = {
        "name": "0.0.0.0_8080",
        "traffic_direction": "OUTBOUND",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
        "filter_chains": [{**chain, "filter_chain_match": match or {}}],
    }
    outside = {"endpoint": {"address": {"socket_address": {"address": "edition.example", "port_value": 80}}}}
    vhosts = [{"name": "edition.example:80", "domains": ["edition.example"], "routes": routes}]
    egress = ProxyConfig(
        "istio-egressgateway-a-b",
        "istio-system",
        (listener,),
        {"http.8080": {"name": "http.8080", "virtual_hosts": vhosts}},
        {OUTSIDE: {"name": OUTSIDE, "type": "STRICT_DNS"}},
        {OUTSIDE: (outside,)},
    )
    proxies = {("bookinfo", "productpage-a-b"): caller, ("istio-system", "istio-egressgateway-a-b"): egress}
    return Mesh(found.objects, {**found.configs, **proxies})


def walk(found: Mesh) -> Journey:
    return from_workload(found, request_of(URL), found.of("Pod")[0])


def onward(name: str = "to-edition") -> list[Json]:
    return [rule_of(name, {"match": {"prefix": "/"}, "route": {"cluster": OUTSIDE}})]


def test_the_way_goes_on_through_an_egress_gateway() -> None:
    journey = walk(with_egress(onward()))
    (behind,) = journey.through
    assert behind.sent is not None
    assert (behind.sent.role, behind.sent.listener, str(behind.sent.origin)) == (
        "gateway",
        "0.0.0.0_8080",
        "VirtualService bookinfo/to-edition",
    )
    assert [one.cluster for one in behind.sent.targets] == [OUTSIDE]
    assert outcome_of(journey) == "Outcome: passed on to edition.example:80, which is outside of the mesh."
    text = text_of(journey)
    assert "2. the gateway, istio-egressgateway-a-b" in text
    assert "Taken by a rule of VirtualService bookinfo/to-edition." in text


def test_an_egress_gateway_without_a_route_answers_itself() -> None:
    journey = walk(with_egress([]))
    assert outcome_of(journey) == "Outcome: status 404 by the proxy itself, since no route takes the request."


def test_an_egress_gateway_sees_who_calls_it() -> None:
    def allowing(principal: str) -> Json:
        body = {
            "permissions": [{"any": True}],
            "principals": [{"authenticated": {"principal_name": {"exact": f"spiffe://{principal}"}}}],
        }
        rules = {"action": "ALLOW", "policies": {"ns[istio-system]-policy[egress]-rule[0]": body}}
        return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}

    mutual, chain = tls("ISTIO_MUTUAL", "edition.example"), {"server_names": ["edition.example"]}
    allowed = "cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    for principal, denied in ((allowed, False), ("cluster.local/ns/a/sa/b", True)):
        (behind,) = walk(with_egress(onward(), [allowing(principal)], mutual, chain)).through
        assert behind.sent is not None
        assert (behind.sent.denying is not None) == denied


def test_an_egress_gateway_that_expects_another_server_name_closes_the_connection() -> None:
    mutual, chain = tls("ISTIO_MUTUAL", "other.example"), {"server_names": ["edition.example"]}
    journey = walk(with_egress(onward(), how=mutual, match=chain))
    assert "the connection is closed" in outcome_of(journey)


def test_tls_of_another_kind_is_not_taken_for_plain_text() -> None:
    found = mesh()
    config = found.configs[("bookinfo", "productpage-a-b")]
    clusters = {
        **config.clusters,
        REVIEWS: {**config.clusters[REVIEWS], "transport_socket_matches": [], **tls("SIMPLE")},
    }
    simple = ProxyConfig(config.pod, config.namespace, config.listeners, config.routes, clusters, config.endpoints)
    chains: list[Json] = [
        {
            **manager(http_filters=[]),
            "filter_chain_match": {
                "destination_port": 9080,
                "transport_protocol": "tls",
                "application_protocols": ["istio", "istio-http/1.1"],
            },
        },
        {
            **manager(http_filters=[]),
            "filter_chain_match": {"destination_port": 9080, "transport_protocol": "raw_buffer"},
        },
    ]
    callee = ProxyConfig("reviews-v1-a-b", "bookinfo", ({"name": "virtualInbound", "filter_chains": chains},))
    proxies = {**found.configs, ("bookinfo", "productpage-a-b"): simple, ("bookinfo", "reviews-v1-a-b"): callee}
    journey = from_workload(Mesh(found.objects, proxies), request_of("http://reviews:9080/"), found.of("Pod")[0])
    (received, _other) = journey.received
    assert (received.accepted, received.mtls, received.tls) == (False, False, True)
    assert "takes no TLS without the mesh's certificate on port 9080" in outcome_of(journey)


def test_a_client_without_a_sidecar_at_a_gateway() -> None:
    journey = without_proxy(with_egress(onward()), request_of("http://istio-egressgateway.istio-system/"), "default")
    (behind,) = journey.through
    assert behind.sent is not None
    assert behind.sent.listener == "0.0.0.0_8080"


def test_a_callee_behind_a_gateway_knows_the_client_by_what_the_gateway_tells() -> None:
    def only(key: str) -> Json:
        block = {key: {"address_prefix": "203.0.113.0", "prefix_len": 24}}
        body = {"permissions": [{"any": True}], "principals": [block]}
        rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[near]-rule[0]": body}}
        return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}

    def reached(hops: int, key: str, *forwarded: str) -> tuple[bool, bool]:
        found = with_gateway(mesh(filters=[only(key)]))
        (listener,) = found.configs[("istio-system", "ingress-a-b")].listeners
        config = listener["filter_chains"][0]["filters"][0]["typed_config"]
        config.update({"use_remote_address": True, "xff_num_trusted_hops": hops})
        headers = [("x-forwarded-for", one) for one in forwarded]
        journey = at_gateway(found, request_of("http://a/", headers=headers), found.gateways()[0])
        (access,) = journey.received[0].access
        return access.denies, access.uncertain

    # Nobody here knows the address that the client's packets have at the gateway.
    assert reached(0, "remote_ip") == (True, True)
    assert reached(0, "remote_ip", "203.0.113.9") == (True, True)
    # Behind one trusted proxy the callee sees the one that the gateway has added, and not the client.
    assert reached(1, "remote_ip", "203.0.113.9") == (True, True)
    # The caller is the gateway, whatever headers say.
    assert reached(1, "direct_remote_ip", "203.0.113.9") == (True, False)
