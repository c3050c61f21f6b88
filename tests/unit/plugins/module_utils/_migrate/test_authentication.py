# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, migrate
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Converter, facts

Json = dict[str, t.Any]
JWKS = "https://issuer.example/jwks.json"


def policy(spec: str, name: str = "ratings", kind: str = "Policy") -> str:
    home = "" if kind == "MeshPolicy" else ", namespace: default"
    return f"""\
apiVersion: authentication.istio.io/v1alpha1
kind: {kind}
metadata: {{name: {name}{home}}}
spec: {spec}
---
"""


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        ("{peers: [{mtls: {}}]}", "STRICT"),
        ("{peers: [{mtls: }]}", "STRICT"),
        ("{peers: [{mtls: {mode: PERMISSIVE}}]}", "PERMISSIVE"),
        ("{peers: [{mtls: {}}], peerIsOptional: true}", "PERMISSIVE"),
        ("{peers: }", "DISABLE"),
        ("{}", "DISABLE"),
    ],
)
def test_peers_become_a_mode(converter: Converter, spec: str, mode: str) -> None:
    mesh, namespace = converter.outputs(policy(spec, "default", "MeshPolicy"), policy(spec, "default"))
    assert (mesh["kind"], mesh["metadata"]) == (
        "PeerAuthentication",
        {"name": "default", "namespace": "istio-system"},
    )
    assert namespace["metadata"] == {"name": "default", "namespace": "default"}
    assert mesh["spec"] == namespace["spec"] == {"mtls": {"mode": mode}}


def test_a_port_of_the_service_is_that_of_the_workload(converter: Converter) -> None:
    targets = "targets: [{name: ratings, ports: [{number: 80}]}]"
    found = converter.outputs(policy(f"{{{targets}, peers: [{{mtls: {{}}}}]}}"))
    assert found[0]["spec"] == {
        "selector": {"matchLabels": {"app": "ratings"}},
        "portLevelMtls": {"9080": {"mode": "STRICT"}},
    }


def test_policies_for_one_workload_become_one(converter: Converter) -> None:
    strict = policy("{targets: [{name: ratings, ports: [{name: http}]}], peers: [{mtls: {}}]}", "one")
    rest = policy("{targets: [{name: ratings}]}", "two")
    found = converter.outputs(strict + rest)
    assert [doc["spec"] for doc in found] == [
        {
            "selector": {"matchLabels": {"app": "ratings"}},
            "mtls": {"mode": "DISABLE"},
            "portLevelMtls": {"9080": {"mode": "STRICT"}},
        }
    ]


def test_a_token_is_read_and_asked_for(converter: Converter) -> None:
    jwt = f"{{issuer: me, jwksUri: '{JWKS}', audiences: [a], jwt_headers: [x-token], jwtParams: [t]}}"
    text = policy(f"{{targets: [{{name: ratings}}], peers: [{{mtls: {{}}}}], origins: [{{jwt: {jwt}}}]}}")
    selector = {"matchLabels": {"app": "ratings"}}
    assert [(doc["kind"], doc["spec"]) for doc in converter.outputs(text)] == [
        ("PeerAuthentication", {"selector": selector, "mtls": {"mode": "STRICT"}}),
        (
            "RequestAuthentication",
            {
                "selector": selector,
                "jwtRules": [
                    {
                        "issuer": "me",
                        "jwksUri": JWKS,
                        "audiences": ["a"],
                        "fromHeaders": [{"name": "x-token"}],
                        "fromParams": ["t"],
                        "forwardOriginalToken": True,
                    }
                ],
            },
        ),
        (
            "AuthorizationPolicy",
            {
                "selector": selector,
                "action": "DENY",
                "rules": [{"from": [{"source": {"notRequestPrincipals": ["*"]}}]}],
            },
        ),
    ]
    assert "401" in str(converter.result(text).docs[0].differences)


def test_an_optional_token_is_not_asked_for(converter: Converter) -> None:
    text = policy(f"{{originIsOptional: true, origins: [{{jwt: {{issuer: me, jwksUri: '{JWKS}'}}}}]}}", "default")
    assert [doc["kind"] for doc in converter.outputs(text)] == ["PeerAuthentication", "RequestAuthentication"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("{targets: [{name: nowhere}]}", "Service default/nowhere are not known"),
        ("{targets: [{name: ratings, ports: [{number: 81}]}]}", "no port 81"),
        ("{origins: [{jwt: {issuer: a, jwksUri: soon}}], targets: [{name: ratings}]}", "not a URL"),
        (
            f"{{targets: [{{name: ratings}}], origins: [{{jwt: {{issuer: a, jwksUri: '{JWKS}', triggerRules: "
            "[{excludedPaths: [{regex: a}]}]}}]}",
            "not by regex",
        ),
        ("{peers: [{mtls: {}}]}", "only in force under the name default"),
        ("{peers: [{jwt: {}}], targets: [{name: ratings}]}", "only mtls"),
    ],
)
def test_what_cannot_be_said_is_refused(converter: Converter, spec: str, reason: str) -> None:
    found = converter.refusal(policy(spec))
    assert found.count("spec.") <= 1
    assert reason in found
    assert "Policy default/ratings" in found


# A reference of both: who gets through with which token on which path ---------------------------------------------

ISSUERS = ["one", "two"]
PATHS = ["/", "/health", "/api/a", "/api/b", "/x.html"]


def matches(path: str, match: Json) -> bool:
    kind, value = next(iter(match.items()))
    return {"exact": path == value, "prefix": path.startswith(value), "suffix": path.endswith(value)}[kind]


def triggered(jwt: Json, path: str) -> bool:
    rules = jwt.get("triggerRules")
    return not rules or any(
        not any(matches(path, match) for match in rule.get("excludedPaths", []))
        and (not rule.get("includedPaths") or any(matches(path, match) for match in rule["includedPaths"]))
        for rule in rules
    )


def old_allows(spec: Json, path: str, issuer: str | None) -> bool:
    """Istio 1.4: one of the origins that look at this path must hold."""
    looked_at = [origin["jwt"]["issuer"] for origin in spec["origins"] if triggered(origin["jwt"], path)]
    return spec.get("originIsOptional", False) or not looked_at or issuer in looked_at


def pattern_matches(value: str, pattern: str) -> bool:
    if pattern == "*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern


def new_allows(outputs: list[Json], path: str, issuer: str | None) -> bool:
    principal = f"{issuer}/subject" if issuer else ""
    for document in outputs:
        for rule in document["spec"].get("rules", []) if document["kind"] == "AuthorizationPolicy" else []:
            without = rule["from"][0]["source"]["notRequestPrincipals"]
            operations = [item["operation"] for item in rule.get("to", [])]
            here = not operations or any(
                ("paths" not in operation or any(pattern_matches(path, p) for p in operation["paths"]))
                and not any(pattern_matches(path, p) for p in operation.get("notPaths", []))
                for operation in operations
            )
            if here and not any(pattern_matches(principal, pattern) for pattern in without):
                return False
    return True


MATCH = st.sampled_from(
    [{"exact": "/health"}, {"exact": "/api/a"}, {"prefix": "/api"}, {"prefix": "/"}, {"prefix": "/api/b"}]
)
TRIGGER = st.fixed_dictionaries(
    {},
    optional={
        "excludedPaths": st.lists(MATCH, min_size=1, max_size=2),
        "includedPaths": st.lists(MATCH, min_size=1, max_size=2),
    },
)
TRIGGERS = st.one_of(st.none(), st.lists(TRIGGER.filter(bool), min_size=1, max_size=2))


@settings(max_examples=150)
@given(st.lists(TRIGGERS, min_size=1, max_size=2), st.booleans())
def test_old_and_new_agree_on_who_gets_through(triggers: list[list[Json] | None], optional: bool) -> None:
    origins = []
    for issuer, rules in zip(ISSUERS, triggers, strict=False):
        jwt: Json = {"issuer": issuer, "jwksUri": JWKS}
        if rules:
            jwt["triggerRules"] = rules
        origins.append({"jwt": jwt})
    spec: Json = {"targets": [{"name": "ratings"}], "origins": origins}
    if optional:
        spec["originIsOptional"] = True
    document = {
        "apiVersion": "authentication.istio.io/v1alpha1",
        "kind": "Policy",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": spec,
    }
    result = migrate([("a.yaml", yaml.safe_dump(document).encode())], Options(), [facts()])
    assert result.refusals() == []
    outputs = result.docs[0].outputs
    for path, issuer in itertools.product(PATHS, [None, *[origin["jwt"]["issuer"] for origin in origins]]):
        assert old_allows(spec, path, issuer) == new_allows(outputs, path, issuer), (path, issuer)


def test_of_several_methods_the_first_counted(converter: Converter) -> None:
    text = policy("{targets: [{name: ratings}], peers: [{mtls: {mode: PERMISSIVE}}, {mtls: {}}]}")
    (found,) = converter.outputs(text)
    assert found["spec"]["mtls"] == {"mode": "PERMISSIVE"}
    assert "the first counted" in str(converter.result(text).docs[0].differences)
    assert "leave others out" in converter.refusal(
        policy(f"{{targets: [{{name: ratings}}], peers: [{{mtls: {{}}}}, {{jwt: {{issuer: a, jwksUri: '{JWKS}'}}}}]}}")
    )


def test_a_policy_for_a_port_took_the_place_of_one_that_asks_for_tokens(converter: Converter) -> None:
    asking = policy(f"{{targets: [{{name: ratings}}], origins: [{{jwt: {{issuer: a, jwksUri: '{JWKS}'}}}}]}}")
    plain = policy("{targets: [{name: ratings, ports: [{number: 80}]}], peers: [{mtls: {}}]}", "other")
    result = converter.result(asking + "---\n" + plain)
    assert result.refusals() == []
    assert "took the place of one that asks for tokens" in str(result.docs[1].differences)
    other = converter.result(asking + "---\n" + plain.replace("ratings", "reviews"))
    assert "took the place" not in str(other.docs[1].differences)


def test_in_the_root_namespace_only_tokens_are_asked_for(converter: Converter) -> None:
    origins = f"origins: [{{jwt: {{issuer: a, jwksUri: '{JWKS}'}}}}]"
    result = converter.result(policy(f"{{targets: [{{name: ratings}}], {origins}}}"), root_namespace="default")
    assert [out["kind"] for out in result.docs[0].outputs] == ["RequestAuthentication", "AuthorizationPolicy"]
    assert "a PeerAuthentication for single workloads is not looked at there" in str(result.docs[0].differences)
    for text in (
        policy("{peers: [{mtls: {}}]}", "default"),
        policy("{targets: [{name: ratings}], peers: [{mtls: {}}]}"),
    ):
        assert "default is the root namespace" in converter.refusal(text, root_namespace="default")
    # The policy of the mesh belongs there.
    (mesh,) = converter.outputs(policy("{peers: [{mtls: {}}]}", "default", "MeshPolicy"), root_namespace="default")
    assert mesh["spec"] == {"mtls": {"mode": "STRICT"}}


def test_maistras_policy_is_that_of_the_mesh(converter: Converter) -> None:
    text = policy("{peers: [{mtls: {}}]}", "default", "MeshPolicy").replace("istio.io/v1alpha1", "maistra.io/v1")
    (found,) = converter.outputs(text.replace("MeshPolicy", "ServiceMeshPolicy"))
    assert (found["kind"], found["metadata"]["namespace"]) == ("PeerAuthentication", "istio-system")


@pytest.mark.parametrize("lenient", ["originIsOptional: true, ", ""])
def test_what_a_policy_let_through_is_asked_for_by_the_one_above_and_that_is_told(
    converter: Converter, lenient: str
) -> None:
    trigger = "" if lenient else ", triggerRules: [{excludedPaths: [{exact: /health}]}]"
    above = policy(f"{{origins: [{{jwt: {{issuer: a, jwksUri: '{JWKS}'}}}}]}}", "default")
    spec = f"{{{lenient}targets: [{{name: ratings}}], origins: [{{jwt: {{issuer: b, jwksUri: '{JWKS}'{trigger}}}}}]}}"
    result = converter.result(above + policy(spec))
    assert result.refusals() == []
    assert "tokens are still asked for here" in str(result.docs[1].differences)
    assert "still asked for" not in str(converter.result(policy(spec)).docs[0].differences)


def test_targets_of_one_workload_are_asked_at_the_ports_of_both(converter: Converter) -> None:
    jwt = f"peers: [{{mtls: {{}}}}], origins: [{{jwt: {{issuer: me, jwksUri: '{JWKS}'}}}}]"
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: canary, namespace: default}\n"
        "spec: {selector: {app: ratings}, ports: [{port: 81}]}\n---\n"
    )
    first, second = "{name: ratings, ports: [{number: 80}]}", "{name: canary, ports: [{number: 81}]}"
    found = converter.outputs(service + policy(f"{{targets: [{first}, {second}], {jwt}}}"))[1:]
    assert [doc["kind"] for doc in found] == ["PeerAuthentication", "RequestAuthentication", "AuthorizationPolicy"]
    assert found[0]["spec"]["portLevelMtls"] == {"9080": {"mode": "STRICT"}, "81": {"mode": "STRICT"}}
    assert found[2]["spec"]["rules"][0]["to"] == [{"operation": {"ports": ["9080", "81"]}}]
    found = converter.outputs(service + policy(f"{{targets: [{first}, {{name: canary}}], {jwt}}}"))[1:]
    assert found[0]["spec"]["mtls"] == {"mode": "STRICT"}
    assert "to" not in found[2]["spec"]["rules"][0]


def test_each_version_of_a_service_is_asked_for_tokens(converter: Converter) -> None:
    jwt = f"origins: [{{jwt: {{issuer: me, jwksUri: '{JWKS}'}}}}]"
    targets = ", ".join(f"{{name: ratings, labels: {{version: v{number}}}}}" for number in (1, 2))
    found = converter.outputs(policy(f"{{targets: [{targets}], {jwt}}}"))
    asked = [(doc["metadata"]["name"], doc["spec"]["selector"]["matchLabels"]["version"]) for doc in found]
    assert [one for one in asked if one[0].endswith("require-jwt")] == [
        ("ratings-ratings-require-jwt", "v1"),
        ("ratings-ratings-2-require-jwt", "v2"),
    ]
