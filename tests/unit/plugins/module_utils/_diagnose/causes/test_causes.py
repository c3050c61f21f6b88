# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import concerned, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.causes import case_of
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.causes.access import principals_of
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.access import RuleResult
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
        "what makes its answer another is not known here."
    )


def test_without_the_proxies_configuration_nothing_is_made_up() -> None:
    assert diagnose(findings(mesh(configs=False), 418)) is None


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
