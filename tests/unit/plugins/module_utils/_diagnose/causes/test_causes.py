# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import dataclasses
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import concerned, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.causes import case_of
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.causes.access import principals_of
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.access import RuleResult
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.origin import Origin
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    V1,
    Json,
    mesh,
    record,
    rule_of,
    service,
    with_gateway,
)

URL = "http://reviews:9080/reviews/0"
JASON = {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": "jason"}}]}
REST: Json = {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}


def findings(found: Mesh, *statuses: int, headers: t.Sequence[tuple[str, str]] = (), **parts: t.Any) -> Findings:
    """A check from productpage that has failed with these answers."""
    given = {"url": URL, "source": "productpage", "namespace": "bookinfo", "request": request_of(URL, headers=headers)}
    seen = tuple({"status": status, "body": "", "headers": []} for status in statuses)
    return Findings(**{**given, "seen": seen, "objects": found.objects, "configs": found.configs, **parts})


def told(found: Mesh, *statuses: int, **parts: t.Any) -> str:
    diagnosis = diagnose(findings(found, *statuses, **parts))
    assert diagnosis is not None
    assert diagnosis.remedy or not diagnosis.sentence.endswith("are wrong.")
    return diagnosis.sentence


def changed(found: Mesh, *statuses: int, **parts: t.Any) -> str:
    diagnosis = diagnose(findings(found, *statuses, **parts))
    assert diagnosis is not None
    return diagnosis.change


def thing(name: str, **spec: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


def rbac(principal: str, action: str = "ALLOW") -> Json:
    body = {
        "permissions": [{"any": True}],
        "principals": [{"authenticated": {"principal_name": {"exact": f"spiffe://{principal}"}}}],
    }
    rules = {"action": action, "policies": {"ns[bookinfo]-policy[readers]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


def test_the_closest_rule_says_what_it_lacks() -> None:
    sentence = told(mesh(filters=[rbac("cluster.local/ns/a/sa/b")]), 403)
    assert sentence == (
        "No rule of AuthorizationPolicy bookinfo/readers allows the request at pod reviews-v1-a-b: in rule 1 the "
        "caller has "
        "to be cluster.local/ns/a/sa/b, and is cluster.local/ns/bookinfo/sa/bookinfo-productpage."
    )


def test_a_policy_without_rules_is_said_to_have_none() -> None:
    body = {"permissions": [{"any": True}], "principals": [{"not_id": {"any": True}}]}
    rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[deny-all]-rule[0]": body}}
    nothing = {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}
    assert told(mesh(filters=[nothing], AuthorizationPolicy=[thing("deny-all")]), 403) == (
        "AuthorizationPolicy bookinfo/deny-all has no rules, so it allows nothing, and no other policy allows the "
        "request at pod reviews-v1-a-b."
    )


@pytest.mark.parametrize(("written", "said"), [(["*"], " *"), (["a/*", "b/c"], " a/* and b/c"), ([], "")])
def test_request_principals_are_named_as_they_are_written(written: list[str], said: str) -> None:
    users = thing("users", rules=[{"from": [{"source": {"requestPrincipals": written}}]}])
    case = case_of(findings(mesh(AuthorizationPolicy=[users]), 403))
    rule = RuleResult(Origin("AuthorizationPolicy", "bookinfo", "users"), 1, "no sub claim")
    assert principals_of(case, rule) == said


def test_a_rule_that_denies_is_named_with_its_lab() -> None:
    meta = {"name": "readers", "namespace": "bookinfo"}
    found = mesh(
        filters=[rbac("cluster.local/ns/bookinfo/sa/bookinfo-productpage", "DENY")],
        AuthorizationPolicy=[{"metadata": {**meta, "labels": {"mesh.workshop/lab": "rbac"}}, "spec": {}}],
    )
    assert told(found, 403) == (
        "Rule 1 of AuthorizationPolicy bookinfo/readers of lab rbac denies the request (RBAC: access denied, pod "
        "reviews-v1-a-b)."
    )


def test_a_rule_that_lets_in_too_much_is_named() -> None:
    rules = [{"to": [{"operation": {"methods": ["GET"]}}]}, {"from": [{"source": {"namespaces": ["a"]}}]}]
    mine = [rbac("cluster.local/ns/bookinfo/sa/bookinfo-productpage")]
    readers = {"selector": {"matchLabels": {"app": "reviews"}}}
    found = mesh(filters=mine, AuthorizationPolicy=[thing("readers", **readers, rules=rules)])
    assert told(found, 200, expected_status=(403,)) == (
        "Rule 1 of AuthorizationPolicy bookinfo/readers has no from, so it lets any caller GET; its rules are "
        "alternatives."
    )
    both = json.dumps([{"op": "add", "path": "/spec/rules", "value": [{**rules[0], **rules[1]}]}])
    assert changed(found, 200, expected_status=(403,)) == (
        f"kubectl -n bookinfo patch authorizationpolicy readers --type=json -p '{both}'"
    )
    third = {"from": [{"source": {"namespaces": ["b"]}}]}
    more = mesh(filters=mine, AuthorizationPolicy=[thing("readers", **readers, rules=[*rules, third])])
    assert changed(more, 200, expected_status=(403,)) == "", "which of three belong together is not known"


def test_sources_that_were_meant_to_hold_together_are_told_apart() -> None:
    sources = [{"source": {"namespaces": ["bookinfo"]}}, {"source": {"principals": ["a/b"]}}]
    found = mesh(
        filters=[rbac("cluster.local/ns/bookinfo/sa/bookinfo-productpage")],
        AuthorizationPolicy=[thing("readers", **FOR_REVIEWS, rules=[{"from": sources}])],
    )
    assert told(found, 200, expected_status=(403,)) == (
        "Rule 1 of AuthorizationPolicy bookinfo/readers allows this request: its 2 sources are alternatives, and the "
        "caller is one of them."
    )


def test_a_rule_that_was_passed_over_is_named_with_its_condition() -> None:
    routes = [rule_of("reviews", {"name": "jason", "match": JASON, "route": {"cluster": V1}}), REST]
    rules = {"hosts": ["reviews"], "http": [{"name": "jason"}, {}]}
    found = mesh(routes, VirtualService=[thing("reviews", **rules)])
    wrong: Json = {"expected_versions": ("v1",), "served": ("v2",), "headers": [("end-user", "Jason")]}
    assert told(found, 200, **wrong) == (
        "Rule 1 of VirtualService bookinfo/reviews does not take the request: the header end-user has to be exactly "
        "'jason', and is 'Jason'."
    )


def test_a_rule_that_leads_elsewhere_is_not_accused() -> None:
    routes = [rule_of("reviews", {"name": "jason", "match": JASON, "route": {"cluster": REVIEWS}}), REST]
    found = mesh(routes, VirtualService=[thing("reviews", hosts=["reviews"], http=[{"name": "jason"}, {}])])
    assert "does not take the request" not in told(found, 200, expected_versions=("v1",), served=("v2",))


def test_plain_text_towards_strict_mtls_names_both_sides() -> None:
    found = mesh(strict=True, PeerAuthentication=[thing("closed", mtls={"mode": "STRICT"})])
    no_sidecar = {"source": "no_sidecar", "url": "http://reviews.bookinfo:9080/"}
    reset = ({"status": None, "error": {"kind": "reset_before_response", "detail": ""}, "headers": [], "body": ""},)
    request = request_of("http://reviews.bookinfo:9080/")
    assert told(found, **no_sidecar, seen=reset, request=request) == (
        "PeerAuthentication bookinfo/closed demands mTLS (STRICT), and this client has no sidecar to speak it."
    )


def test_the_limit_that_ends_a_slow_request_is_named() -> None:
    route = {"match": {"prefix": "/"}, "route": {"cluster": V1, "timeout": "0.5s"}}
    assert told(mesh([rule_of("reviews", route)]), 504) == (
        "VirtualService bookinfo/reviews gives the request 0.5 s (timeout), and reviews needs longer."
    )


def test_where_nothing_explains_it_the_way_is_told() -> None:
    assert told(mesh(), 418) == (
        "By the proxies' configuration the request is answered by the application in reviews-v1-a-b or reviews-v2-a-b; "
        "why the answer differs is unknown."
    )


def test_without_the_proxies_configuration_nothing_is_made_up() -> None:
    assert diagnose(findings(mesh(configs=False), 418)) is None


def test_what_could_not_be_read_is_told_where_nothing_else_is() -> None:
    unseen = ("The configuration of the proxy of pod bookinfo/a cannot be read. What is decided there is not known.",)
    assert told(mesh(configs=False), 418, unseen=unseen) == unseen[0]
    known = diagnose(findings(mesh(filters=[rbac("cluster.local/ns/a/sa/b")]), 403, unseen=unseen))
    assert known is not None
    assert known.sentence.startswith("No rule of AuthorizationPolicy bookinfo/readers")
    assert " ".join(" ".join(known.path).split()).endswith(f"not seen {unseen[0]}")


@pytest.mark.parametrize(("proxy", "status"), [("productpage-a-b", 502), ("reviews-v1-a-b", 503)])
def test_a_proxy_that_has_never_got_a_configuration_is_named(proxy: str, status: int) -> None:
    found = mesh(strict=True, PeerAuthentication=[thing("closed", mtls={"mode": "STRICT"})])
    empty = {**found.configs, ("bookinfo", proxy): ProxyConfig(proxy, "bookinfo")}
    assert told(found, status, configs=empty) == (
        f"The proxy of pod {proxy} has never got a configuration from istiod, so it takes no connection and passes "
        "none on."
    )


def test_a_callee_that_has_never_synced_refuses_no_plain_text() -> None:
    found = mesh(strict=True, PeerAuthentication=[thing("closed", mtls={"mode": "STRICT"})])
    empty = {("bookinfo", f"reviews-{one}-a-b"): ProxyConfig(f"reviews-{one}-a-b", "bookinfo") for one in ("v1", "v2")}
    url = "http://reviews.bookinfo:9080/"
    reset = ({"status": None, "error": {"kind": "reset_before_response", "detail": ""}, "headers": [], "body": ""},)
    sentence = told(found, source="no_sidecar", url=url, seen=reset, request=request_of(url), configs=empty)
    assert "has never got a configuration" in sentence


def test_a_configuration_of_another_form_leaves_the_rules() -> None:
    found = mesh()
    strange = {**found.configs, ("bookinfo", "productpage-a-b"): "not a configuration"}
    assert diagnose(findings(found, 418, configs=strange)) is None


def test_whose_proxies_are_looked_at() -> None:
    pods = concerned(findings(mesh(), 418))
    assert [pod["metadata"]["name"] for pod in pods] == ["productpage-a-b", "reviews-v1-a-b", "reviews-v2-a-b"]


def test_requests_of_the_application_are_followed_too() -> None:
    case = case_of(
        findings(mesh(), 200, url="http://productpage:9080/", request=request_of("http://productpage:9080/"))
    )
    assert {one.request.host for one in case.journeys} >= {"productpage"}


def test_the_path_says_what_the_proxies_wrote() -> None:
    busy = record("productpage-a-b", 503, "UO", REVIEWS)
    path = case_of(findings(mesh(), 503, records=(busy,))).path()
    assert "   answered   Status 503 after 3 ms (UO, a circuit breaker is full)." in path


ENTRANCE = "http://shop.example/reviews/0"
A, B = "https://a.example", "https://b.example"


def bearer(**claims: t.Any) -> list[tuple[str, str]]:
    """A token whose signature nobody verifies."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "ES256"}, claims)
    ]
    return [("authorization", f"Bearer {'.'.join(parts)}.AA")]


def jwt(**provider: t.Any) -> Json:
    """Tokens of one issuer, whose keys the proxy fetches itself."""
    requires = {"requires_any": {"requirements": [{"provider_name": "a"}, {"allow_missing": {}}]}}
    config = {
        "providers": {"a": {"issuer": A, "payload_in_metadata": "payload", "remote_jwks": {}, **provider}},
        "rules": [{"match": {"prefix": "/"}, "requires": requires}],
    }
    return {"name": "envoy.filters.http.jwt_authn", "typed_config": config}


def at_gateway(found: Mesh, *statuses: int, **parts: t.Any) -> str:
    request = request_of(ENTRANCE, headers=parts.pop("headers", ()))
    return told(found, *statuses, **{"url": ENTRANCE, "source": "host", "request": request, **parts})


def for_gateway(name: str, **spec: t.Any) -> Json:
    selector = {"matchLabels": {"istio": "ingressgateway"}}
    return {"metadata": {"name": name, "namespace": "istio-system"}, "spec": {"selector": selector, **spec}}


TOKENS: Json = {"RequestAuthentication": [for_gateway("tokens")]}


@pytest.mark.parametrize(
    ("provider", "claims", "status", "said"),
    [
        ({}, {"iss": B}, 401, f"refuses the token, whose issuer {B} it does not know"),
        ({}, {"iss": A, "exp": 1}, 401, "refuses the request: Jwt is expired (its exp was "),
        (
            {"audiences": ["books"]},
            {"iss": A, "aud": "films"},
            403,
            "refuses the request: Audiences in Jwt are not allowed (the token is for the audience films, and not for "
            "books)",
        ),
        (
            {"remote_jwks": None, "local_jwks": {"inline_string": '{"keys": [{"kty": "RSA", "kid": "1"}]}'}},
            {"iss": A},
            401,
            f"refuses the request: Jwt verification fails (no key of {A} has signed it)",
        ),
    ],
)
@pytest.mark.parametrize("entrance", [True, False])
def test_a_token_is_refused_by_whoever_reads_it_first(
    entrance: bool, provider: Json, claims: Json, status: int, said: str
) -> None:
    if entrance:
        found = with_gateway(mesh(**TOKENS), [jwt(**provider)])
        sentence = at_gateway(found, status, headers=bearer(**claims))
        who = "RequestAuthentication istio-system/tokens holds for istio-ingressgateway and "
    else:
        users = thing("users", selector={"matchLabels": {"app": "reviews"}})
        sentence = told(
            mesh(filters=[jwt(**provider)], RequestAuthentication=[users]), status, headers=bearer(**claims)
        )
        who = "RequestAuthentication bookinfo/users holds for reviews and "
    assert sentence.startswith(f"{who}{said}")
    assert sentence.endswith("; policies are asked only afterwards.")


def test_what_only_the_proxy_can_tell_of_a_token_is_told_in_its_words() -> None:
    wrote = dataclasses.replace(
        record("reviews-v1-a-b", 401, "-", "inbound|9080||"),
        details="jwt_authn_access_denied{Jwks_doesn't_have_key_to_match_kid_or_alg_from_Jwt}",
    )
    users = thing("users", selector={"matchLabels": {"app": "reviews"}})
    found = mesh(filters=[jwt()], RequestAuthentication=[users])
    assert told(found, 401, headers=bearer(iss=A), records=(wrote,)) == (
        "RequestAuthentication bookinfo/users holds for reviews and refuses the request: Jwks doesn't have key to "
        "match kid or alg from Jwt; policies are asked only afterwards."
    )


def test_a_policy_of_the_gateway_is_named_where_it_denies() -> None:
    body = {"permissions": [{"destination_port": 80}], "principals": [{"any": True}]}
    rules = {"action": "ALLOW", "policies": {"ns[istio-system]-policy[ports]-rule[0]": body}}
    found = with_gateway(mesh(), [{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}])
    assert at_gateway(found, 403) == (
        "No rule of AuthorizationPolicy istio-system/ports allows the request at pod ingress-a-b: in rule 1 the port "
        "has to be 80, and is 8080."
    )
    assert at_gateway(with_gateway(mesh(), [rbac("a/b")]), 403) == (
        "The caller sends plain text and so has no identity; no principal in AuthorizationPolicy bookinfo/readers can "
        "match it."
    )


def test_a_policys_port_that_is_a_services_is_named_as_such() -> None:
    body = {"permissions": [{"destination_port": 80}], "principals": [{"any": True}]}
    rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[ports]-rule[0]": body}}
    ports = thing("ports", **FOR_REVIEWS, rules=[{"to": [{"operation": {"ports": ["80"]}}]}])
    found = mesh(
        filters=[{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}],
        AuthorizationPolicy=[ports],
        Service=[service("books", 80, app="reviews")],
    )
    assert told(found, 403) == (
        "AuthorizationPolicy bookinfo/ports names port 80, and the pods of reviews listen on 9080; port 80 is Service "
        "books's."
    )


def test_a_policy_of_the_gateway_that_lets_in_is_named() -> None:
    body = {"permissions": [{"any": True}], "principals": [{"any": True}]}
    rules = {"action": "ALLOW", "policies": {"ns[istio-system]-policy[all]-rule[0]": body}}
    found = with_gateway(
        mesh(AuthorizationPolicy=[for_gateway("all", rules=[{}])]),
        [{"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}],
    )
    assert at_gateway(found, 200, expected_status=(403,)) == (
        "Rule 1 of AuthorizationPolicy istio-system/all allows this request. It has no from and no to and no when."
    )


def telemetry(name: str, namespace: str, **tracing: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"tracing": [tracing]}}


FEW = telemetry("mesh-default", "istio-system", randomSamplingPercentage=1)
ALL = telemetry("all-of-it", "bookinfo", randomSamplingPercentage=100)
GATEWAYS = "The gateway decides whether a request is traced, by Telemetry istio-system/mesh-default (1 %)"


@pytest.mark.parametrize(
    ("telemetries", "said"),
    [
        ([FEW, ALL], f"{GATEWAYS}; bookinfo/all-of-it holds only for requests that begin in bookinfo."),
        ([FEW], f"{GATEWAYS}."),
        ([FEW, telemetry("of-others", "other", randomSamplingPercentage=100)], f"{GATEWAYS}."),
        (
            [telemetry("mesh-default", "istio-system", providers=[{"name": "zipkin"}])],
            "The gateway decides whether a request is traced, by the mesh's default (1 %), since Telemetry "
            "istio-system/mesh-default has no randomSamplingPercentage.",
        ),
    ],
)
def test_who_decides_about_traces_is_named(telemetries: list[Json], said: str) -> None:
    found = with_gateway(mesh(Telemetry=telemetries))
    assert at_gateway(found, 200, expects_traces=True, answers=20, traced=1) == said


def test_a_workloads_own_proxy_decides_about_what_it_begins() -> None:
    found = diagnose(findings(mesh(Telemetry=[FEW, ALL]), 200, expects_traces=True, answers=20, traced=1))
    assert found is None or "decides whether" not in found.sentence
    assert told(mesh(Telemetry=[FEW]), 200, expects_traces=True, answers=20, traced=1) == (
        "The proxy of productpage decides whether a request is traced, by Telemetry istio-system/mesh-default (1 %)."
    )


def test_the_way_says_who_decides_about_traces() -> None:
    case = case_of(findings(mesh(Telemetry=[FEW, ALL]), 200))
    assert (
        " ".join(" ".join(case.path()).split()).count(
            "trace Where no proxy before it has decided whether the request is traced, it does, by Telemetry "
            "bookinfo/all-of-it (100 %). To change it: spec.tracing[].randomSamplingPercentage of Telemetry "
            "bookinfo/all-of-it."
        )
        == 1
    )


def claim(name: str) -> Json:
    path = [{"key": "payload"}, {"key": name}]
    value = {"string_match": {"safe_regex": {"regex": ".+"}}}
    return {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": path, "value": value}}


def demanding(principal: Json) -> Json:
    body = {"permissions": [{"any": True}], "principals": [principal]}
    rules = {"action": "ALLOW", "policies": {"ns[bookinfo]-policy[users]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


FOR_REVIEWS: Json = {"selector": {"matchLabels": {"app": "reviews"}}}


def test_a_token_that_is_looked_for_elsewhere_is_read_by_nobody() -> None:
    places = {"fromHeaders": [{"name": "x-jwt"}], "fromParams": ["token"], "fromCookies": ["session"]}
    tokens = thing("tokens", **FOR_REVIEWS, jwtRules=[{"issuer": A, **places}])
    filters = [jwt(from_headers=[{"name": "x-jwt"}]), demanding(claim("iss"))]
    found = mesh(filters=filters, RequestAuthentication=[tokens])
    assert told(found, 403, headers=bearer(iss=A, sub="a")) == (
        "RequestAuthentication bookinfo/tokens holds for reviews and looks for tokens in the header x-jwt, the "
        "parameter token and the cookie session only, so the token in the Authorization header is not read, and "
        "AuthorizationPolicy bookinfo/users demands one."
    )


def test_a_request_authentication_of_another_namespace_reads_no_token() -> None:
    elsewhere = thing("tokens", **FOR_REVIEWS)
    elsewhere["metadata"]["namespace"] = "other"
    found = mesh(filters=[demanding(claim("iss"))], RequestAuthentication=[elsewhere])
    assert told(found, 403, headers=bearer(iss=A, sub="a")) == (
        "RequestAuthentication other/tokens selects app=reviews, and no pod in namespace other has these labels; pods "
        "of namespace bookinfo have them, so reviews does not read the token, and AuthorizationPolicy bookinfo/users "
        "demands one."
    )


def test_tokens_that_nobody_demands() -> None:
    found = mesh(filters=[jwt()], RequestAuthentication=[thing("tokens", **FOR_REVIEWS)])
    assert told(found, 200, expected_status=(401,)) == (
        "RequestAuthentication bookinfo/tokens makes reviews reject invalid tokens but accept requests "
        "without a token; no AuthorizationPolicy there demands one."
    )
    accepted = diagnose(findings(found, 200, expected_status=(401,), headers=bearer(iss=A)))
    assert accepted is None or "accept requests without a token" not in accepted.sentence


@pytest.mark.parametrize("by_rule", [True, False])
def test_what_switches_mtls_off_takes_the_callers_identity(by_rule: bool) -> None:
    found = mesh(filters=[rbac("cluster.local/ns/bookinfo/sa/bookinfo-productpage")])
    config = found.configs["bookinfo", "productpage-a-b"]
    plain = {
        "name": REVIEWS,
        **({"metadata": rule_of("reviews", {}, "destination-rule")["metadata"]} if by_rule else {}),
    }
    config = dataclasses.replace(config, clusters={**config.clusters, REVIEWS: plain})
    objects: Json = {
        "DestinationRule": [thing("reviews", host="reviews", trafficPolicy={"tls": {"mode": "DISABLE"}})],
        "PeerAuthentication": [] if by_rule else [thing("off", **FOR_REVIEWS, mtls={"mode": "DISABLE"})],
    }
    known = {**found.objects, **{kind: tuple(some) for kind, some in objects.items()}}
    who = "DestinationRule bookinfo/reviews" if by_rule else "PeerAuthentication bookinfo/off"
    configs = {**found.configs, ("bookinfo", "productpage-a-b"): config}
    assert told(found, 403, objects=known, configs=configs) == (
        f"{who} switches mTLS off on the way to reviews (mode DISABLE), so the caller has no identity there, and no "
        "principal in AuthorizationPolicy bookinfo/readers can match it."
    )


def test_a_rule_of_the_gateway_whose_header_the_request_lacks_is_named() -> None:
    route = rule_of("shop", {"match": JASON, "route": {"cluster": V1}})
    assert at_gateway(with_gateway(mesh(), route=route), 404) == (
        "A rule of VirtualService bookinfo/shop does not take the request: the header end-user has to be exactly "
        "'jason', and the request has none."
    )


def test_a_match_at_the_gateway_that_no_path_is_is_named() -> None:
    uri = {"exact": "/reviews/0?x=1"}
    server = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["shop.example"]}
    entrance = thing("shop", selector={"istio": "ingressgateway"}, servers=[server])
    shop = thing("shop", hosts=["shop.example"], gateways=["shop"], http=[{"match": [{"uri": uri}], "route": []}])
    route = rule_of("shop", {"match": {"path": "/reviews/0?x=1"}, "route": {"cluster": V1}})
    found = with_gateway(mesh(VirtualService=[shop], Gateway=[entrance]), route=route)
    assert at_gateway(found, 404) == (
        "VirtualService bookinfo/shop matches the exact /reviews/0?x=1, which no path is: a path is compared without "
        "its query."
    )
