# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
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
    V1,
    endpoint,
    manager,
    mesh,
    outbound,
    pod,
    rule_of,
    with_gateway,
)

URL = "http://reviews:9080/reviews/0"
JASON = {"name": "end-user", "string_match": {"exact": "jason"}}


def walk(found: Mesh, url: str = URL, address: str | None = None, **headers: str) -> Journey:
    request = request_of(url, headers=headers.items())
    return from_workload(found, request, found.of("Pod")[0], address)


def test_without_rules_all_pods_of_the_service_are_met() -> None:
    journey = walk(mesh())
    assert journey.sent is not None
    assert (journey.sent.listener, journey.sent.http, journey.sent.origin) == ("0.0.0.0_9080", True, None)
    (target,) = journey.sent.targets
    assert (target.service, target.tls, len(target.endpoints)) == (("reviews", "bookinfo"), "mtls", 2)
    assert [(one.proxy, one.mtls, one.accepted) for one in journey.received] == [
        ("reviews-v1-a-b", True, True),
        ("reviews-v2-a-b", True, True),
    ]


def test_the_route_names_its_virtual_service_fault_and_limits() -> None:
    route = {
        "match": {"prefix": "/", "headers": [JASON]},
        "route": {
            "cluster": V1,
            "timeout": "3s",
            "retry_policy": {"num_retries": 2, "per_try_timeout": "1s"},
            "request_mirror_policies": [{"cluster": "outbound|9080|v9|reviews.bookinfo.svc.cluster.local"}],
        },
        "typed_per_filter_config": {
            "envoy.filters.http.fault": {
                "delay": {"fixed_delay": "7s", "percentage": {"numerator": 50}},
                "abort": {"http_status": 500},
            }
        },
    }
    found = mesh([rule_of("reviews", route), {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}])
    sent = walk(found, **{"end-user": "jason"}).sent
    assert sent is not None
    assert str(sent.origin) == "VirtualService bookinfo/reviews"
    assert (sent.delay, sent.delay_share, sent.abort, sent.abort_share) == (7.0, 0.5, "500", 0.0)
    assert (sent.timeout, sent.per_try, sent.retries) == (3.0, 1.0, 2)
    assert [(one.known, one.subset) for one, _share in sent.mirrors] == [(False, "v9")]
    assert [one.subset for one in sent.targets] == ["v1"]
    other = walk(found).sent
    assert other is not None
    assert other.origin is None


def test_a_subset_that_the_proxy_does_not_have() -> None:
    sent = walk(mesh([{"match": {"prefix": "/"}, "route": {"cluster": V1.replace("v1", "v9")}}])).sent
    assert sent is not None
    assert not sent.targets[0].known
    assert sent.targets[0].service == ("reviews", "bookinfo")


def test_a_port_that_is_raw_tcp() -> None:
    sent = walk(mesh(http=False)).sent
    assert sent is not None
    assert not sent.http
    assert sent.routed is None
    assert sent.why == "its name tcp-web"


def test_a_pods_address_is_passed_through_in_plain_text() -> None:
    strict = {"metadata": {"name": "default", "namespace": "bookinfo"}, "spec": {"mtls": {"mode": "STRICT"}}}
    found = mesh(strict=True, PeerAuthentication=[strict])
    # The listener of port 9080 takes it, and routes by the host; another port has no listener of its own.
    journey = walk(found, "http://reviews-pod.example:9081/", "10.0.0.2")
    assert journey.sent is not None
    assert journey.sent.targets[0].cluster == "PassthroughCluster"
    (received,) = journey.received
    assert not received.accepted
    assert str(received.mode_origin) == "PeerAuthentication bookinfo/default"


def test_a_client_without_a_proxy_sends_plain_text() -> None:
    request = request_of("http://reviews.bookinfo:9080/")
    assert [one.accepted for one in without_proxy(mesh(), request, "default").received] == [True, True]
    assert [one.accepted for one in without_proxy(mesh(strict=True), request, "default").received] == [False, False]


def rbac(action: str, principal: str) -> dict[str, t.Any]:
    body = {
        "permissions": [{"any": True}],
        "principals": [{"authenticated": {"principal_name": {"exact": f"spiffe://{principal}"}}}],
    }
    rules = {"action": action, "policies": {"ns[bookinfo]-policy[reviews]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


def test_policies_see_the_callers_identity() -> None:
    good = "cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    assert walk(mesh(filters=[rbac("ALLOW", good)])).received[0].denying is None
    denying = walk(mesh(filters=[rbac("ALLOW", "cluster.local/ns/a/sa/b")])).received[0].denying
    assert denying is not None
    assert denying.rules[0].fault.startswith("the caller has to be cluster.local/ns/a/sa/b")
    assert walk(mesh(filters=[rbac("DENY", good)])).received[0].denying is not None


def test_what_cannot_be_looked_at_is_said() -> None:
    journey = walk(mesh(configs=False))
    assert journey.sent is None
    assert journey.unseen == ("The configuration of the proxy of productpage-a-b.",)


def with_configs(found: Mesh, **configs: ProxyConfig) -> Mesh:
    """The mesh with other configurations, by the beginning of their pod's name."""
    named = {(one.namespace, one.pod): one for one in configs.values()}
    return replace(found, configs={**found.configs, **named})


def flat(journey: Journey) -> str:
    return " ".join(text_of(journey).split())


def test_a_rewritten_path_is_what_policies_see() -> None:
    paths = [{"url_path": {"path": {"exact": "/new/0"}}}]
    body = {"permissions": paths, "principals": [{"any": True}]}
    rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[reviews]-rule[0]": body}}
    filters = [{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}]
    route = {"match": {"prefix": "/reviews/"}, "route": {"cluster": V1, "prefix_rewrite": "/new/"}}
    journey = walk(mesh([rule_of("reviews", route)], filters))
    assert journey.sent is not None
    assert journey.sent.rewrite == "GET reviews:9080/new/0"
    assert journey.received[0].denying is None
    assert "It is sent on as GET reviews:9080/new/0." in flat(journey)


def test_a_fault_of_all_routes_holds_where_a_route_has_none() -> None:
    config = outbound([{"match": {"prefix": "/"}, "route": {"cluster": V1}}])
    fault = {
        "name": "envoy.filters.http.fault",
        "typed_config": {"abort": {"http_status": 418, "percentage": {"numerator": 100}}},
    }
    listener = {
        **config.listeners[0],
        "filter_chains": [manager(rds={"route_config_name": "9080"}, http_filters=[fault])],
    }
    found = with_configs(mesh(), productpage=replace(config, listeners=(listener,)))
    assert outcome_of(walk(found)) == "Outcome: status 418 by the fault of an EnvoyFilter."


def test_pools_and_ejected_pods() -> None:
    config = outbound([{"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}])
    cluster = {
        **config.clusters[REVIEWS],
        "circuit_breakers": {"thresholds": [{"max_connections": 1}]},
        "outlier_detection": {"consecutive_5xx": 2},
    }
    config = replace(
        config,
        clusters={**config.clusters, REVIEWS: cluster},
        endpoints={REVIEWS: (endpoint("10.0.0.2", "UNHEALTHY"), endpoint("10.0.0.3", "HEALTHY"))},
        ejected={(REVIEWS, "10.0.0.2", 9080): "ejected"},
    )
    journey = walk(with_configs(mesh(), productpage=config))
    text = flat(journey)
    assert "1 of 2 pods healthy (reviews-v1-a-b is ejected)" in text
    assert "The circuit breaker: at most 1 connection at once. More is answered 503 with the flag UO." in text
    assert "A pod is ejected for 30 s after 2 errors (5xx) in a row" in text
    all_out = replace(config, endpoints={REVIEWS: (endpoint("10.0.0.2", "UNHEALTHY"),)})
    assert outcome_of(walk(with_configs(mesh(), productpage=all_out))) == (
        "Outcome: status 503, since no pod of Service bookinfo/reviews is healthy."
    )


@pytest.mark.parametrize("own", [True, False])
def test_what_leaves_the_mesh_names_who_lets_it(own: bool) -> None:
    sidecar = {
        "metadata": {"name": "default", "namespace": "bookinfo"},
        "spec": {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}} if own else {"egress": [{"hosts": ["./*"]}]},
    }
    journey = walk(mesh(Sidecar=[sidecar]), "http://elsewhere.example:9081/")
    assert journey.sent is not None
    assert (journey.sent.policy, str(journey.sent.policy_origin)) == (
        "ALLOW_ANY",
        "Sidecar bookinfo/default" if own else "None",
    )
    by = "by Sidecar bookinfo/default" if own else "of the mesh"
    assert (
        f"PassthroughCluster, since the mesh knows no Service there and outboundTrafficPolicy {by} is ALLOW_ANY."
        in (flat(journey))
    )


def test_what_may_not_leave_the_mesh() -> None:
    config = outbound([{"name": "block_all", "match": {"prefix": "/"}, "direct_response": {"status": 502}}])
    hosts = [{**config.routes["9080"]["virtual_hosts"][0], "name": "block_all"}]
    config = replace(config, routes={"9080": {**config.routes["9080"], "virtual_hosts": hosts}})
    journey = walk(with_configs(mesh(), productpage=config))
    assert journey.sent is not None
    assert journey.sent.policy == "REGISTRY_ONLY"


BARE = {"containers": [{"name": "app"}]}


def test_pods_without_a_sidecar_decide_nothing() -> None:
    bare = {**pod("reviews-v3", "10.0.0.4", app="reviews"), "spec": BARE}
    config = outbound([{"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}])
    config = replace(config, endpoints={REVIEWS: (endpoint("10.0.0.4", mtls=False),)})
    journey = walk(with_configs(mesh(Pod=[bare]), productpage=config))
    assert (journey.received, [one.pod for one in journey.bare]) == ((), ["reviews-v3-a-b"])
    text = flat(journey)
    assert "2. the callee, without a sidecar, reviews-v3-a-b" in text
    assert "Pod reviews-v3-a-b has no sidecar, so nothing of the mesh decides there." in text
    assert text.endswith("Outcome: answered by the application in reviews-v3-a-b.")


@pytest.mark.parametrize(
    ("pod_labels", "namespace_labels", "annotations", "ambient"),
    [
        ({}, {}, {}, False),
        ({"istio.io/dataplane-mode": "ambient"}, {}, {}, True),
        ({}, {"istio.io/dataplane-mode": "ambient"}, {}, True),
        ({"istio.io/dataplane-mode": "none"}, {"istio.io/dataplane-mode": "ambient"}, {}, False),
        ({}, {}, {"ambient.istio.io/redirection": "enabled"}, True),
    ],
)
def test_ambient_pods_are_named_as_such(
    pod_labels: dict[str, str], namespace_labels: dict[str, str], annotations: dict[str, str], ambient: bool
) -> None:
    caller = {**pod("client", "10.0.0.5", app="client"), "spec": BARE}
    caller["metadata"] = {**caller["metadata"], "labels": pod_labels, "annotations": annotations}
    home = {"metadata": {"name": "bookinfo", "labels": namespace_labels}}
    found = mesh(Pod=[caller], Namespace=[home])
    journey = from_workload(found, request_of(URL), found.of("Pod")[-1])
    assert journey.caller == "client-a-b"
    assert ("is in the ambient mesh: no sidecar decides for it" in journey.unseen[0]) == ambient
    # It sends plain text to those that have a sidecar.
    assert [one.mtls for one in journey.received] == [False, False]


def test_a_proxy_that_has_never_synced() -> None:
    journey = walk(with_configs(mesh(), productpage=ProxyConfig("productpage-a-b", "bookinfo")))
    assert "It has never got a configuration from istiod, so it passes nothing on." in flat(journey)
    assert outcome_of(journey) == ("Outcome: refused by productpage-a-b, whose proxy has never got a configuration.")


def test_a_callee_that_has_never_synced_takes_nothing() -> None:
    empty = {f"reviews_{one}": ProxyConfig(f"reviews-{one}-a-b", "bookinfo") for one in ("v1", "v2")}
    journey = walk(with_configs(mesh(), **empty))
    assert "It has never got a configuration from istiod, so it takes nothing." in flat(journey)
    assert outcome_of(journey) == (
        "Outcome: refused by reviews-v1-a-b or reviews-v2-a-b, whose proxy has never got a configuration."
    )


def test_a_gateway_that_has_never_synced() -> None:
    found = with_configs(gateway_mesh(), ingress=ProxyConfig("ingress-a-b", "istio-system"))
    assert outcome_of(enter(found)) == "Outcome: refused by ingress-a-b, whose proxy has never got a configuration."


def test_filters_of_connections_that_are_not_known_are_named_and_walked_around() -> None:
    new = {"name": "envoy.filters.network.new_one", "typed_config": {}}
    said = "envoy.filters.network.new_one: what it does is not known here; it may answer or change the request."
    for http in (True, False):
        found = mesh(http=http)
        config = found.configs["bookinfo", "productpage-a-b"]
        (chain,) = config.listeners[0]["filter_chains"]
        before = {**config.listeners[0], "filter_chains": [{"filters": [new, *chain["filters"]]}]}
        journey = walk(with_configs(found, productpage=replace(config, listeners=(before, *config.listeners[1:]))))
        assert said in flat(journey)
        assert [one.proxy for one in journey.received] == ["reviews-v1-a-b", "reviews-v2-a-b"]
        last = {**before, "filter_chains": [{"filters": [new]}]}
        journey = walk(with_configs(found, productpage=replace(config, listeners=(last,))))
        assert said in flat(journey)
        assert "not seen What the last filter of productpage-a-b's listener 0.0.0.0_9080 does with the" in flat(journey)
        assert outcome_of(journey) == "Outcome: not known, since what answers could not be looked at."


def test_filters_of_the_callees_connections_are_named_too() -> None:
    found = mesh()
    config = found.configs["bookinfo", "reviews-v1-a-b"]
    chains = [{**one, "filters": [{"name": "x.new"}, *one["filters"]]} for one in config.listeners[0]["filter_chains"]]
    listener = {**config.listeners[0], "filter_chains": chains}
    journey = walk(with_configs(found, reviews_v1=replace(config, listeners=(listener,))))
    assert [one.strange for one in journey.received] == [("x.new",), ()]


# -- gateways ------------------------------------------------------------

INGRESS = pod("ingress", "10.0.0.8", "istio-system", istio="ingressgateway")
SHOP = {"name": "shop.example:443", "domains": ["shop.example"]}
TO_REVIEWS = {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}


def gateway_mesh(
    *, secret: bool = True, waits: bool = False, host: dict[str, t.Any] | None = None, filters: t.Sequence[t.Any] = ()
) -> Mesh:
    sds = {"tls_certificate_sds_secret_configs": [{"name": "kubernetes://cert"}]}
    chain = {
        **manager(
            route_config={"virtual_hosts": [host or {**SHOP, "routes": [TO_REVIEWS]}]}, http_filters=list(filters)
        ),
        "filter_chain_match": {"server_names": ["shop.example"]},
        "transport_socket": {"typed_config": {"common_tls_context": sds}},
    }
    listener = {
        "name": "0.0.0.0_443",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 443}},
        "filter_chains": [chain],
    }
    base = outbound([])
    config = ProxyConfig(
        "ingress-a-b",
        "istio-system",
        () if waits else (listener,),
        clusters=base.clusters,
        endpoints=base.endpoints,
        warming=(listener,) if waits else (),
        secrets={"kubernetes://cert": secret},
    )
    server = {
        "port": {"number": 443, "protocol": "HTTPS"},
        "hosts": ["shop.example"],
        "tls": {"mode": "SIMPLE", "credentialName": "cert"},
    }
    gateway = {
        "metadata": {"name": "shop", "namespace": "bookinfo"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }
    return with_configs(mesh(Pod=[INGRESS], Gateway=[gateway]), ingress=config)


def enter(found: Mesh, url: str = "https://shop.example/", **headers: str) -> Journey:
    return at_gateway(found, request_of(url, headers=headers.items()), found.of("Pod")[-1])


def test_a_gateway_takes_the_name_with_its_certificate() -> None:
    text = flat(enter(gateway_mesh()))
    assert "server spec.servers[0] of Gateway bookinfo/shop (HTTPS, TLS mode SIMPLE)." in text
    assert (
        "tls The server name (SNI) shop.example is taken by the chain for shop.example, with the certificate of Secret "
        "istio-system/cert." in text
    )
    assert "No VirtualService for shop.example names this Gateway." in text
    assert text.endswith("answered by the application in reviews-v1-a-b or reviews-v2-a-b.")


def test_a_name_that_no_chain_is_for() -> None:
    journey = enter(gateway_mesh(), "https://other.example/")
    assert "No filter chain is for the server name (SNI) other.example; it has shop.example." in flat(journey)
    assert outcome_of(journey) == (
        "Outcome: the connection is closed, since no server of port 443 is for other.example."
    )


@pytest.mark.parametrize("waits", [True, False])
def test_a_certificate_that_the_proxy_has_not_got(waits: bool) -> None:
    journey = enter(gateway_mesh(secret=False, waits=waits))
    assert "create Secret istio-system/cert" in flat(journey)
    assert outcome_of(journey) == (
        "Outcome: the connection is closed, since the gateway has no certificate from Secret istio-system/cert."
    )


def test_a_port_that_no_gateway_opens() -> None:
    assert outcome_of(enter(gateway_mesh(), "http://shop.example:81/")) == (
        "Outcome: refused, since no Gateway opens port 81."
    )


def test_plain_http_is_redirected() -> None:
    journey = enter(gateway_mesh(host={**SHOP, "require_tls": "ALL", "routes": [TO_REVIEWS]}))
    assert outcome_of(journey) != "Outcome: a redirect by the proxy itself."  # it comes by HTTPS
    found = gateway_mesh(host={**SHOP, "require_tls": "ALL", "routes": [TO_REVIEWS]})
    config = found.configs[("istio-system", "ingress-a-b")]
    plain = {**config.listeners[0], "filter_chains": [{"filters": config.listeners[0]["filter_chains"][0]["filters"]}]}
    found = with_configs(found, ingress=replace(config, listeners=(plain,)))
    journey = enter(found, "http://shop.example:443/", host="shop.example")
    assert outcome_of(journey) == "Outcome: a redirect by the proxy itself."


def test_policies_and_tokens_at_a_gateway_end_the_request_there() -> None:
    rules = {
        "action": "DENY",
        "policies": {
            "ns[istio-system]-policy[no]-rule[0]": {"permissions": [{"any": True}], "principals": [{"any": True}]}
        },
    }
    journey = enter(gateway_mesh(filters=[{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}]))
    assert journey.received == ()
    assert outcome_of(journey) == "Outcome: status 403 by the gateway (RBAC: access denied)."
    jwt = {
        "providers": {"a": {"issuer": "a"}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "a"}}],
    }
    found = gateway_mesh(filters=[{"name": "envoy.filters.http.jwt_authn", "typed_config": jwt}])
    assert outcome_of(enter(found, authorization="Bearer nonsense")) == (
        "Outcome: status 401 by the gateway: Jwt is not in the form of Header.Payload.Signature with two dots and 3 "
        "sections."
    )


def test_routes_and_policies_see_the_normalised_path() -> None:
    secret: dict[str, t.Any] = {
        "permissions": [{"url_path": {"path": {"exact": "/admin"}}}],
        "principals": [{"any": True}],
    }
    rules = {"action": "DENY", "policies": {"ns[bookinfo]-policy[admin]-rule[0]": secret}}
    routes = [
        {"match": {"prefix": "/admin"}, "route": {"cluster": V1}},
        {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}},
    ]
    found = mesh(routes, [{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}])
    config = outbound(routes)
    config.listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]["normalize_path"] = True
    journey = walk(with_configs(found, caller=config), "http://reviews:9080/x/../admin")
    assert journey.sent is not None
    assert ([one.subset for one in journey.sent.targets], journey.sent.normalized) == (["v1"], "/admin")
    assert "The path is normalised to /admin" in text_of(journey)
    assert journey.received[0].denying is not None


def test_a_query_is_compared_as_it_is_written() -> None:
    def matched(wanted: str) -> bool:
        match = {"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"exact": wanted}}]}
        sent = walk(mesh([{"match": match, "route": {"cluster": REVIEWS}}]), "http://reviews:9080/?q=a%20b").sent
        return sent is not None and sent.route is not None

    assert (matched("a%20b"), matched("a b")) == (True, False)


def test_a_caller_is_known_by_its_certificate() -> None:
    # In a mesh with another trust domain, istiod writes the policies' principals for that one.
    found = mesh(filters=[rbac("ALLOW", "old.example/ns/bookinfo/sa/bookinfo-productpage")])
    caller = found.configs[("bookinfo", "productpage-a-b")]
    other = replace(caller, identity="spiffe://old.example/ns/bookinfo/sa/bookinfo-productpage")
    assert walk(found).received[0].denying is not None
    assert walk(with_configs(found, caller=other)).received[0].denying is None


def test_an_http_route_of_the_gateway_api_is_told_as_such() -> None:
    route = rule_of("reviews~0~istio-autogenerated-k8s-gateway", {"match": {"prefix": "/"}, "route": {"cluster": V1}})
    text = text_of(walk(mesh([{**route, "name": "bookinfo.reviews.1"}])))
    assert "Taken by a rule of HTTPRoute bookinfo/reviews." in text
    assert "To change it: spec.rules[1] of HTTPRoute bookinfo/reviews." in text


def test_a_delegates_rule_is_told_as_its_own() -> None:
    def rules(name: str, *http: dict[str, t.Any], **spec: t.Any) -> dict[str, t.Any]:
        return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": {**spec, "http": list(http)}}

    routes = [rule_of("root", {"match": {"prefix": path}, "route": {"cluster": V1}}) for path in ("/a", "/")]
    root = rules("root", {"delegate": {"name": "inner"}}, hosts=["reviews"])
    found = mesh(routes, VirtualService=[root, rules("inner", {"match": [{"uri": {"prefix": "/a"}}]}, {})])
    assert "To change it: spec.http[1] of VirtualService bookinfo/inner." in text_of(walk(found))


def test_a_gateway_of_the_gateway_api_is_told_by_its_pods_label() -> None:
    found = with_gateway(mesh())
    (pod_of_it,) = found.gateways()
    text = text_of(at_gateway(found, request_of("http://a/"), pod_of_it))
    assert "No server of a Gateway for this port has the host a." in text
    pod_of_it["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] = "entrance"
    text = text_of(at_gateway(found, request_of("http://a/"), pod_of_it))
    assert "server     A listener of Gateway istio-system/entrance." in text
    assert "No VirtualService" not in text
