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
from .roles import HOST, ON, config, role

Json = dict[str, t.Any]


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        ("{mode: 'ON'}", [("istio-system", {})]),
        ("{mode: ON_WITH_INCLUSION, inclusion: {namespaces: [a, b]}}", [("a", {}), ("b", {})]),
        (
            "{mode: ON_WITH_INCLUSION, inclusion: {services: [ratings.default.svc.cluster.local]}}",
            [("default", {"selector": {"matchLabels": {"app": "ratings"}}})],
        ),
        ("{mode: ON_WITH_EXCLUSION, exclusion: {namespaces: [a]}}", [("istio-system", {}), ("a", {"rules": [{}]})]),
        (
            "{mode: ON_WITH_EXCLUSION, exclusion: {services: [ratings.default.svc.cluster.local]}}",
            [
                ("istio-system", {}),
                (
                    "default",
                    {
                        "selector": {"matchLabels": {"app": "ratings"}},
                        "rules": [{"to": [{"operation": {"ports": ["9080"]}}]}],
                    },
                ),
            ],
        ),
        ("{mode: 'OFF'}", []),
    ],
)
def test_the_switch_becomes_policies_that_allow_nothing_or_all(
    converter: Converter, spec: str, written: list[tuple[str, Json]]
) -> None:
    found = converter.outputs(config(spec))
    assert [(doc["metadata"]["namespace"], doc["spec"]) for doc in found] == written


@pytest.mark.parametrize("side", ["INCLUSION", "EXCLUSION"])
def test_a_service_that_the_switch_names_and_nobody_knows_is_told_of(converter: Converter, side: str) -> None:
    text = config(f"{{mode: ON_WITH_{side}, {side.lower()}: {{services: [gone.default.svc.cluster.local]}}}}")
    result = converter.result(text)
    assert result.refusals() == []
    assert "No Service default/gone" in str(result.docs[0].differences)
    # Where nothing is known of the namespace it may be there.
    assert "Service default/gone are not known" in converter.refusal(text, known=False)


def test_roles_have_no_effect_where_rbac_was_not_on(converter: Converter) -> None:
    text = config("{mode: ON_WITH_INCLUSION, inclusion: {namespaces: [other]}}") + role(f"[{{services: [{HOST}]}}]")
    assert [doc["metadata"]["namespace"] for doc in converter.outputs(text)] == ["other"]
    assert "no effect" in str(converter.result(text).docs[1].differences)


def test_without_a_switch_the_role_is_converted_and_the_report_says_so(converter: Converter) -> None:
    text = role(f"[{{services: [{HOST}]}}]")
    assert [doc["metadata"]["name"] for doc in converter.outputs(text)] == ["viewer"]
    assert "RBAC is taken to have been on" in converter.result(text).docs[0].differences[0].text


def test_a_role_without_a_namespace_is_where_its_binding_is(converter: Converter) -> None:
    text = (
        role("[{services: ['*']}]")
        .replace("viewer, namespace: default", "viewer")
        .replace("bind, namespace: default", "bind, namespace: shop")
    )
    assert converter.outputs(text)[0]["metadata"] == {"name": "viewer", "namespace": "shop"}


def test_a_binding_without_its_role_is_refused(converter: Converter) -> None:
    found = converter.refusal(role("[]").split("---\n")[1])
    assert "the ServiceRole default/viewer is not in the input" in found


def test_the_policy_of_1_3_keeps_its_selector(converter: Converter) -> None:
    text = """\
apiVersion: rbac.istio.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec:
  workload_selector: {labels: {app: ratings}}
  allow:
    - subjects: [{names: [a], not_namespaces: [b]}]
      actions: [{methods: [GET], ports: [9080]}]
"""
    assert converter.outputs(text)[0]["spec"] == {
        "selector": {"matchLabels": {"app": "ratings"}},
        "rules": [
            {
                "from": [{"source": {"principals": ["a"], "notNamespaces": ["b"]}}],
                "to": [{"operation": {"methods": ["GET"], "ports": ["9080"]}}],
            }
        ],
    }


V1ALPHA1 = """\
apiVersion: rbac.istio.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec: {allow: [{subjects: [{names: [a]}], actions: [{methods: [GET]}]}]}
"""


def test_the_policy_of_1_3_has_no_effect_where_rbac_was_not_on(converter: Converter) -> None:
    for mode in ("{mode: 'OFF'}", "{mode: ON_WITH_INCLUSION, inclusion: {namespaces: [other]}}"):
        doc = converter.result(config(mode) + V1ALPHA1).docs[-1]
        assert not doc.outputs
        assert "no policy is written" in str(doc.differences)
    assert "RBAC is taken to have been on" in str(converter.result(V1ALPHA1).docs[0].differences)
    assert converter.result(ON + V1ALPHA1).docs[-1].status == "converted"
    assert converter.result(config("{mode: MAYBE}") + V1ALPHA1).docs[-1].status == "refused"


def test_a_switch_of_another_name_was_never_in_force(converter: Converter) -> None:
    result = converter.result(ON.replace("name: default", "name: foo"))
    assert not result.docs[0].outputs
    assert "never in force" in str(result.docs[0].differences)


# A reference of both languages, written from their documentation --------------------------------------------------

PRINCIPALS = ["", "cluster.local/ns/default/sa/a", "cluster.local/ns/other/sa/b"]
METHODS = ["GET", "POST"]
PATHS = ["/", "/a/b", "/x.html"]
HEADERS = [None, "", "one"]
SERVICES = ["ratings", "reviews"]


class Request(t.NamedTuple):
    service: str
    principal: str
    method: str
    path: str
    header: str | None
    group: str | None


REQUESTS = [
    Request(*values) for values in itertools.product(SERVICES, PRINCIPALS, METHODS, PATHS, HEADERS, [None, "admins"])
]


def matches(value: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern


def any_matches(value: str | None, patterns: list[str]) -> bool:
    return value is not None and any(matches(value, pattern) for pattern in patterns)


def namespace_of(principal: str) -> str | None:
    return principal.split("/")[2] if principal else None


def old_allows(documents: list[Json], request: Request) -> bool:
    """Istio 1.4 with v1alpha1 policies."""
    by_kind: dict[str, list[Json]] = {}
    for document in documents:
        by_kind.setdefault(document["kind"], []).append(document["spec"])
    mode = by_kind.get("ClusterRbacConfig", [{"mode": "ON"}])[0]
    host = f"{request.service}.default.svc.cluster.local"
    target = mode.get("inclusion") or mode.get("exclusion") or {}
    named = "default" in target.get("namespaces", []) or host in target.get("services", [])
    enforced = {"OFF": False, "ON": True, "ON_WITH_INCLUSION": named, "ON_WITH_EXCLUSION": not named}[mode["mode"]]
    if not enforced:
        return True
    rules = by_kind["ServiceRole"][0]["rules"]
    subjects = by_kind["ServiceRoleBinding"][0]["subjects"]
    return any(old_rule(rule, request, host) for rule in rules) and any(old_subject(s, request) for s in subjects)


def old_rule(rule: Json, request: Request, host: str) -> bool:
    return (
        any_matches(host, rule["services"])
        and ("methods" not in rule or any_matches(request.method, rule["methods"]))
        and ("paths" not in rule or any_matches(request.path, rule["paths"]))
        and all(any_matches(request.header, constraint["values"]) for constraint in rule.get("constraints", []))
    )


def old_subject(subject: Json, request: Request) -> bool:
    user = subject.get("user")
    properties = subject.get("properties", {})
    if not (user or subject.get("group") or properties):
        return False
    return (
        (user is None or user == "*" or (bool(request.principal) and matches(request.principal, user)))
        and ("group" not in subject or any_matches(request.group, [subject["group"]]))
        and (
            "source.namespace" not in properties
            or any_matches(namespace_of(request.principal), [properties["source.namespace"]])
        )
        and ("request.headers[x]" not in properties or any_matches(request.header, [properties["request.headers[x]"]]))
    )


def new_allows(policies: list[Json], request: Request) -> bool:
    """Today's AuthorizationPolicies with action ALLOW."""
    applying = [
        policy["spec"]
        for policy in policies
        if policy["metadata"].get("namespace") in ("istio-system", "default")
        and policy["spec"].get("selector", {"matchLabels": {}})["matchLabels"].get("app", request.service)
        == request.service
    ]
    return not applying or any(new_rule(rule, request) for spec in applying for rule in spec.get("rules", []))


def filled(value: str | None, patterns: list[str]) -> bool:
    """Today "*" asks for a value that is not empty."""
    return bool(value) and any_matches(value, patterns)


def new_rule(rule: Json, request: Request) -> bool:
    sources = [item["source"] for item in rule.get("from", [])]
    operations = [item["operation"] for item in rule.get("to", [])]
    values = {"request.headers[x]": request.header, "request.auth.claims[groups]": request.group}
    return (
        (not sources or any(new_source(source, request) for source in sources))
        and (not operations or any(new_operation(operation, request) for operation in operations))
        and all(filled(values[item["key"]], item["values"]) for item in rule.get("when", []))
    )


def new_source(source: Json, request: Request) -> bool:
    return ("principals" not in source or filled(request.principal, source["principals"])) and (
        "namespaces" not in source or filled(namespace_of(request.principal), source["namespaces"])
    )


def new_operation(operation: Json, request: Request) -> bool:
    return (
        ("methods" not in operation or filled(request.method, operation["methods"]))
        and ("paths" not in operation or filled(request.path, operation["paths"]))
        and ("ports" not in operation or "9080" in operation["ports"])
    )


def optional(fields: dict[str, st.SearchStrategy[t.Any]]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


WORDS = st.sampled_from(["*", "one", "t*", "*o"])
RULE = st.builds(
    lambda services, rest: {"services": services, **rest},
    st.lists(st.sampled_from([HOST, "*", "reviews.*", "ratings*"]), min_size=1, max_size=2),
    optional(
        {
            "methods": st.lists(st.sampled_from(["GET", "POST", "*"]), min_size=1, max_size=2),
            "paths": st.lists(st.sampled_from(["/", "/a", "/a*", "*.html", "*"]), min_size=1, max_size=2),
            "constraints": st.lists(
                st.fixed_dictionaries(
                    {"key": st.just("request.headers[x]"), "values": st.lists(WORDS, min_size=1, max_size=2)}
                ),
                max_size=1,
            ),
        }
    ),
)
SUBJECT = optional(
    {
        "user": st.sampled_from(["*", PRINCIPALS[1], PRINCIPALS[2], "cluster.local/ns/default/*"]),
        "group": st.sampled_from(["admins", "others"]),
        "properties": optional(
            {"source.namespace": st.sampled_from(["default", "o*", "*"]), "request.headers[x]": WORDS}
        ),
    }
)
MODE = st.sampled_from(
    [
        {"mode": "ON"},
        {"mode": "OFF"},
        {"mode": "ON_WITH_INCLUSION", "inclusion": {"namespaces": ["default"]}},
        {"mode": "ON_WITH_INCLUSION", "inclusion": {"services": [HOST]}},
        {"mode": "ON_WITH_EXCLUSION", "exclusion": {"services": [HOST]}},
        {"mode": "ON_WITH_EXCLUSION", "exclusion": {"namespaces": ["default"]}},
    ]
)


@settings(max_examples=40)
@given(MODE, st.lists(RULE, min_size=1, max_size=2), st.lists(SUBJECT, min_size=1, max_size=2))
def test_old_and_new_agree_and_access_never_widens(mode: Json, rules: list[Json], subjects: list[Json]) -> None:
    documents: list[Json] = [
        {"kind": "ClusterRbacConfig", "metadata": {"name": "default"}, "spec": mode},
        {"kind": "ServiceRole", "metadata": {"name": "r", "namespace": "default"}, "spec": {"rules": rules}},
        {
            "kind": "ServiceRoleBinding",
            "metadata": {"name": "b", "namespace": "default"},
            "spec": {"subjects": subjects, "roleRef": {"kind": "ServiceRole", "name": "r"}},
        },
    ]
    text = yaml.safe_dump_all([{"apiVersion": "rbac.istio.io/v1alpha1", **document} for document in documents])
    result = migrate([("a.yaml", text.encode())], Options(), [facts()])
    assert result.refusals() == []
    policies = [out for doc in result.docs for out in doc.outputs]
    said = " ".join(note.text for doc in result.docs for note in doc.differences)
    for request in REQUESTS:
        before, after = old_allows(documents, request), new_allows(policies, request)
        assert before or not after, request
        if before != after:
            assert "not empty" in said, request


def test_a_role_that_a_policy_takes_in_is_not_told_as_unused(converter: Converter) -> None:
    given = role("[{services: ['*'], methods: [GET]}]").partition("---")[0]
    policy = """\
---
apiVersion: rbac.istio.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: authz, namespace: default}
spec:
  workloadSelector: {labels: {app: ratings}}
  allow: [{subjects: [{names: [cluster.local/ns/default/sa/a]}], role: viewer}]
"""
    told = {
        doc.name: [one.text for one in doc.differences] for doc in converter.result(ON + given + policy).files[0].docs
    }
    assert not [text for text in told["viewer"] if "No binding" in text]
    alone = {doc.name: [one.text for one in doc.differences] for doc in converter.result(ON + given).files[0].docs}
    assert [text for text in alone["viewer"] if "No binding" in text]


def test_a_role_is_not_judged_where_rbac_only_logged(converter: Converter) -> None:
    logged = config("{mode: 'ON', enforcementMode: PERMISSIVE}")
    result = converter.result(
        logged + role(f"[{{services: [{HOST}], constraints: [{{key: destination.user, values: [a]}}]}}]")
    )
    assert not result.refusals()


def test_roles_of_istio_0_7_are_read_alike(converter: Converter) -> None:
    given = role("[{services: ['*'], methods: [GET]}]")
    assert converter.outputs(given.replace("rbac.istio.io/v1alpha1", "config.istio.io/v1alpha2")) == converter.outputs(
        given
    )
    result = converter.result(given.replace("rbac.istio.io/v1alpha1", "config.istio.io/v1alpha2"))
    assert {doc.family for doc in result.docs} == {"rbac"}


def test_a_binding_of_a_role_without_effect_says_so(converter: Converter) -> None:
    spec = "{mode: ON_WITH_EXCLUSION, exclusion: {services: [ratings.default.svc.cluster.local]}}"
    result = converter.result(config(spec) + role(f"[{{services: [{HOST}]}}]"))
    assert "The ServiceRole viewer that it binds had no effect" in str(result.docs[2].differences)


def test_a_role_that_is_granted_to_nobody_says_so(converter: Converter) -> None:
    given = role(f"[{{services: [{HOST}]}}]").replace("spec:\n  subjects", "spec:\n  mode: PERMISSIVE\n  subjects")
    assert "Its bindings grant it to nobody" in str(converter.result(ON + given).docs[1].differences)


def test_a_binding_may_name_its_role_alone(converter: Converter) -> None:
    given = role("[{services: ['*']}]")
    short = given.replace("roleRef: {kind: ServiceRole, name: viewer}", "role: viewer")
    assert short != given
    assert converter.outputs(ON + short) == converter.outputs(ON + given)
