# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    record,
    with_gateway,
)

URL = "http://reviews:9080/reviews/0"
ANYBODY: Json = {"any": True}


def told(found: Mesh, *seen: Json, **parts: t.Any) -> Diagnosis:
    given = {"url": URL, "source": "productpage", "namespace": "bookinfo", "request": request_of(URL)}
    seen = seen or ({"status": 403, "body": "", "headers": []},)
    answer = diagnose(Findings(**{**given, "seen": seen, "objects": found.objects, "configs": found.configs, **parts}))
    assert answer is not None
    return answer


def policy(name: str, action: str, *rules: Json) -> Json:
    spec = {"selector": {"matchLabels": {"app": "reviews"}}, "action": action, "rules": list(rules)}
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


def rbac(name: str, action: str, permission: Json | None = None, principal: Json | None = None) -> Json:
    body = {"permissions": [permission or ANYBODY], "principals": [principal or ANYBODY]}
    rules = {"action": action, "policies": {f"ns[bookinfo]-policy[{name}]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


@pytest.mark.parametrize(
    "name",
    [
        "extensions.istio.io/wasmplugin/bookinfo.auth",
        "extensions.istio.io/trafficextension/bookinfo.auth~istio-translated-wasmplugin",
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_and_no_policy(name: str) -> None:
    lost = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {},
        "rules_stat_prefix": "wasm-default-deny",
    }
    answer = told(mesh(filters=[{"name": name, "typed_config": lost}]))
    assert answer.sentence == (
        "WasmPlugin bookinfo/auth cannot be loaded by the proxy of reviews and fails closed, so every request is "
        "denied (RBAC: access denied)."
    )
    assert answer.accused() == {"WasmPlugin bookinfo/auth"}
    assert any("WasmPlugin bookinfo/auth could not be loaded" in line for line in answer.path)


def test_a_rule_that_denies_all_but_something_says_what() -> None:
    operation = {"notPaths": ["/health"], "notMethods": ["PUT"]}
    found = mesh(
        filters=[rbac("health", "DENY")],
        AuthorizationPolicy=[policy("health", "DENY", {"to": [{"operation": operation}]})],
    )
    assert told(found).sentence.endswith(": it is for all requests but those of notPaths /health and notMethods PUT.")


def denied(pod: str) -> t.Any:
    own = record(pod, 403, "", REVIEWS)
    return dataclasses.replace(own, details="rbac_access_denied_matched_policy[none]", cluster="inbound|9080||")


GET: Json = {"ns[bookinfo]-policy[get]-rule[0]": {"permissions": [ANYBODY], "principals": [ANYBODY]}}
CLIENTS: Json = {"remote_ip": {"address_prefix": "192.0.2.0", "prefix_len": 24}}


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            "ALLOW",
            "No rule of AuthorizationPolicy bookinfo/clients allows the request at pod ingress-a-b: rule 1 asks for "
            "another client's address than the proxy sees.",
        ),
        (
            "DENY",
            "Rule 1 of AuthorizationPolicy bookinfo/clients denies the request at pod ingress-a-b by the client's "
            "address.",
        ),
    ],
)
def test_an_address_that_only_the_proxy_knows_is_what_is_left(action: str, said: str) -> None:
    found = with_gateway(mesh(), [rbac("clients", action, principal=CLIENTS)])
    url = "http://mybookstore.com/"
    where = {"url": url, "source": "host", "request": request_of(url)}
    answer = told(found, records=(denied("ingress-a-b"),), **where)
    assert answer.sentence == said
    assert "remoteIpBlocks" in answer.remedy


def test_the_addresses_that_a_rule_asks_for_are_told() -> None:
    rule = {"from": [{"source": {"remoteIpBlocks": ["192.0.2.0/24", "198.51.100.7"], "principals": ["*"]}}]}
    clients = policy("clients", "ALLOW", rule)
    found = with_gateway(mesh(AuthorizationPolicy=[clients]), [rbac("clients", "ALLOW", principal=CLIENTS)])
    url = "http://mybookstore.com/"
    where = {"url": url, "source": "host", "request": request_of(url)}
    assert told(found, records=(denied("ingress-a-b"),), **where).sentence.endswith(
        "than the proxy sees (remoteIpBlocks: 192.0.2.0/24 and 198.51.100.7)."
    )


def test_the_gateways_address_is_told_from_the_clients() -> None:
    block = {"direct_remote_ip": {"address_prefix": "192.0.2.0", "prefix_len": 24}}
    found = with_gateway(mesh(filters=[rbac("office", "ALLOW", principal=block)]))
    url = "http://mybookstore.com/"
    answer = told(found, url=url, source="host", request=request_of(url))
    assert answer.sentence.endswith("which is the gateway's (ipBlocks is about who opens the connection).")


@pytest.mark.parametrize(
    ("action", "rules", "said"),
    [
        ("ALLOW", {}, "which are of HTTP, and port 9080 of reviews is raw TCP to its proxy, so no rule holds and"),
        ("DENY", {"policies": GET}, "so such a rule of DENY counts without it and connections are closed."),
    ],
)
def test_a_policy_of_http_at_a_raw_port_is_named(action: str, rules: Json, said: str) -> None:
    found = mesh(http=False, AuthorizationPolicy=[policy("get", action, {"to": [{"operation": {"methods": ["GET"]}}]})])
    chain = {
        "filter_chain_match": {"destination_port": 9080, "transport_protocol": "tls"},
        "filters": [
            {"name": "envoy.filters.network.rbac", "typed_config": {"rules": {"action": action, **rules}}},
            {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "inbound|9080||"}},
        ],
    }
    listeners = ({"name": "virtualInbound", "filter_chains": [chain]},)
    callees = {
        ("bookinfo", name): ProxyConfig(name, "bookinfo", listeners) for name in ("reviews-v1-a-b", "reviews-v2-a-b")
    }
    closed = {"status": None, "error": {"kind": "reset_before_response", "detail": ""}}
    answer = told(Mesh(found.objects, {**found.configs, **callees}), closed)
    assert answer.sentence.startswith("AuthorizationPolicy bookinfo/get asks for methods")
    assert said in answer.sentence


def test_a_provider_that_the_mesh_does_not_have_is_named() -> None:
    name = "istio-ext-authz-opa-ns[bookinfo]-policy[ext]-rule[0]-deny-due-to-bad-CUSTOM-action"
    body = {"permissions": [ANYBODY], "principals": [ANYBODY]}
    filters = [
        {"name": "envoy.filters.http.rbac", "typed_config": {"rules": {"action": "DENY", "policies": {name: body}}}}
    ]
    own = policy("ext", "CUSTOM", {})
    own["spec"]["provider"] = {"name": "opa"}
    assert told(mesh(filters=filters, AuthorizationPolicy=[own])).sentence == (
        "AuthorizationPolicy bookinfo/ext leaves the decision to the provider opa, which the mesh's configuration does "
        "not have or cannot use, so what it is for is denied (RBAC: access denied)."
    )


@pytest.mark.parametrize(("others", "named"), [((), True), ((policy("open", "ALLOW", {}),), False)])
def test_a_policy_that_only_records(others: tuple[Json, ...], named: bool) -> None:
    found = mesh(AuthorizationPolicy=[policy("watch", "AUDIT", {}), *others])
    answer = told(found, {"status": 200, "body": "", "headers": []}, expected_status=(403,))
    said = (
        "AuthorizationPolicy bookinfo/watch has the action AUDIT, which records requests and denies none, and no other "
        "policy holds for reviews."
    )
    assert (answer.sentence == said) == named
    assert ('"path": "/spec/action", "value": "DENY"' in answer.change) == named


def test_a_rule_without_conditions_denies_everything() -> None:
    found = mesh(filters=[rbac("closed", "DENY")], AuthorizationPolicy=[policy("closed", "DENY", {})])
    assert told(found).sentence.endswith("): it has no from, to or when, so it is for all requests.")


@pytest.mark.parametrize(("source", "word"), [("namespaces", "namespace"), ("principals", "principal")])
def test_what_a_plain_caller_is_missed_by(source: str, word: str) -> None:
    rule = {"from": [{"source": {source: ["*"]}}]}
    anyone = {"authenticated": {"principal_name": {"safe_regex": {"regex": ".+"}}}}
    found = mesh(
        filters=[rbac("callers", "ALLOW", principal=anyone)], AuthorizationPolicy=[policy("callers", "ALLOW", rule)]
    )
    assert told(found, source="no_sidecar").sentence == (
        f"The caller sends plain text and so has no identity; no {word} in AuthorizationPolicy bookinfo/callers can "
        "match it."
    )
