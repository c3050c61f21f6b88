# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.access import Call, judge_access
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import Peer, Token, request_of

PRODUCTPAGE = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage"
POLICY = "ns[bookinfo]-policy[details]-rule[0]"
CALL = Call(request_of("http://details:9080/details/0"), Peer(PRODUCTPAGE, "10.0.0.7"), 9080)
ANY = [{"and_rules": {"rules": [{"any": True}]}}]
ANYONE = [{"and_ids": {"ids": [{"any": True}]}}]


def rules(action: str = "ALLOW", **policies: t.Any) -> dict[str, t.Any]:
    body = {"permissions": ANY, "principals": ANYONE, **policies}
    return {"action": action, "policies": {POLICY: body}}


def fault(call: Call = CALL, **policies: t.Any) -> str:
    (rule,) = judge_access(rules(**policies), call).rules
    assert not rule.unknown
    return rule.fault


def test_a_policy_without_conditions_holds() -> None:
    access = judge_access(rules(), CALL)
    assert access.holding is not None
    assert str(access.holding.policy) == "AuthorizationPolicy bookinfo/details"
    assert access.holding.number == 1
    assert not access.denies
    assert judge_access(rules("DENY"), CALL).denies


def test_nothing_is_allowed_where_no_rule_holds() -> None:
    assert judge_access({"policies": {}}, CALL).denies
    assert not judge_access({"action": "DENY", "policies": {}}, CALL).denies
    assert fault(principals=[{"not_id": {"any": True}}]) == "a policy without rules holds for no request"


def one_of(*ids: t.Any) -> list[t.Any]:
    return [{"and_ids": {"ids": [{"or_ids": {"ids": list(ids)}}]}}]


def operation(*alternatives: t.Any) -> list[t.Any]:
    return [{"and_rules": {"rules": [{"or_rules": {"rules": list(alternatives)}}]}}]


def principal(name: str) -> dict[str, t.Any]:
    return {"authenticated": {"principal_name": {"exact": f"spiffe://{name}"}}}


def test_the_caller() -> None:
    assert fault(principals=one_of(principal("cluster.local/ns/bookinfo/sa/bookinfo-productpage"))) == ""
    assert fault(principals=one_of(principal("cluster.local/ns/a/sa/b"))) == (
        "the caller has to be cluster.local/ns/a/sa/b, and is cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    )
    plain = Call(CALL.request, Peer("", "10.0.0.7"), 9080)
    found = fault(plain, principals=one_of(principal("cluster.local/ns/a/sa/b")))
    assert "it has none, since it sends plain text" in found


def test_alternatives_are_told_together() -> None:
    method = [{"header": {"name": ":method", "string_match": {"exact": name}}} for name in ("POST", "PUT")]
    assert fault(permissions=operation(*method)) == "the method has to be exactly 'POST' or exactly 'PUT', and is 'GET'"


def test_paths_ports_and_templates() -> None:
    assert fault(permissions=operation({"url_path": {"path": {"prefix": "/details"}}})) == ""
    assert fault(permissions=operation({"url_path": {"path": {"exact": "/x"}}})) == (
        "the path has to be exactly '/x', and is '/details/0'"
    )
    assert fault(permissions=operation({"destination_port": 80})) == "the port has to be 80, and is 9080"
    template = {"name": "uri-template", "typed_config": {"path_template": "/details/*"}}
    assert fault(permissions=operation({"uri_template": template})) == ""


def test_networks_and_exclusions() -> None:
    block = {"remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}
    assert fault(principals=one_of(block)) == ""
    other = {"remote_ip": {"address_prefix": "11.0.0.0", "prefix_len": 8}}
    assert "has to be in 11.0.0.0/8" in fault(principals=one_of(other))
    excluded = [{"and_ids": {"ids": [{"not_id": {"or_ids": {"ids": [block, principal("x")]}}}]}}]
    assert fault(principals=excluded).startswith("it must not be so that")


def claim(*keys: str, **value: t.Any) -> dict[str, t.Any]:
    path = [{"key": "payload"}, *({"key": key} for key in keys)]
    return {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": path, "value": value}}


def request_principal() -> list[t.Any]:
    present = {"safe_regex": {"regex": ".+"}}
    ids = [claim("iss", string_match=present), claim("sub", string_match=present)]
    return [{"and_ids": {"ids": [{"and_ids": {"ids": ids}}]}}]


def test_request_principals() -> None:
    def with_token(**claims: t.Any) -> Call:
        return Call(CALL.request, CALL.peer, 9080, Token(claims))

    assert "no valid token" in fault(principals=request_principal())
    assert "no sub claim" in fault(with_token(iss="https://a"), principals=request_principal())
    assert fault(with_token(iss="https://a", sub="b"), principals=request_principal()) == ""


def test_claims() -> None:
    exact = {"string_match": {"exact": "a"}}
    wanted = {"or_match": {"value_matchers": [{"list_match": {"one_of": exact}}, exact]}}
    for value, holds in (("a", True), (["b", "a"], True), ("b", False), (None, False)):
        call = Call(CALL.request, CALL.peer, 9080, Token({"group": value}))
        assert (fault(call, principals=one_of(claim("group", **wanted))) == "") is holds


def test_what_is_not_known_is_no_verdict() -> None:
    access = judge_access(rules(permissions=operation({"sourced_metadata": {}})), CALL)
    assert access.uncertain
    assert access.rules[0].unknown == "the condition sourced_metadata"
