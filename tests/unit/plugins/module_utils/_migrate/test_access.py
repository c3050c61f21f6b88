# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated policies in both languages, asked the same requests: access never widens unless the report says so.

The old meaning is written from Istio 1.4's reference of `istio.rbac.v1alpha1` and `istio.authentication.v1alpha1`.
"""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate
from hypothesis import given, settings
from hypothesis import strategies as st

from . import reference
from .conftest import facts

Json = dict[str, t.Any]
Request = dict[str, str]

PODS = [("ratings", "v1"), ("reviews", "v1"), ("reviews", "v3")]
SOME = "cluster.local/ns/default/sa/a"
OTHER = "cluster.local/ns/other/sa/b"


def convert(documents: list[Json], root: str = "istio-system") -> tuple[Result, list[Json], str]:
    """What becomes of documents: all outputs, and all that is said of differences."""
    options = Options(root_namespace=root)
    result = migrate([("a.yaml", yaml.safe_dump_all(documents).encode())], options, [facts()])
    outputs = applied([out for doc in result.docs for out in doc.outputs])
    return result, outputs, " ".join(note.text for doc in result.docs for note in doc.differences)


def applied(outputs: list[Json]) -> list[Json]:
    """What is in a cluster after all of them: of two with one kind, namespace and name the last."""
    last = {(out["kind"], out["metadata"].get("namespace", "default"), out["metadata"]["name"]): out for out in outputs}
    return list(last.values())


def requests() -> t.Iterator[Request]:
    """Every caller with every header on every operation."""
    callers: list[Request] = [{}]
    callers += [{"source.principal": p, "source.namespace": p.split("/")[2]} for p in (SOME, OTHER)]
    tokens: list[Request] = [{}, {"request.auth.principal": "i/s", "request.auth.claims[groups]": "admins"}]
    headers: list[Request] = [{}, {"request.headers[x]": ""}, {"request.headers[x]": "one"}]
    ips: list[Request] = [{"source.ip": "10.0.0.1"}, {"source.ip": "10.9.0.1"}]
    operations = [{"request.method": m, "request.path": p} for m in ("GET", "POST") for p in ("/", "/a/b", "/x.html")]
    for parts in itertools.product(callers, tokens, headers, ips, operations):
        yield {"destination.port": "9080", **{key: value for part in parts for key, value in part.items()}}


# Five shares no divisor with any number of choices, so that all of them are met, in other combinations.
REQUESTS = list(requests())[::5]


# RBAC ---------------------------------------------------------------------------------------------------------------


def matched(value: str | None, patterns: list[str]) -> bool:
    """A value that is there matches one of the patterns; `*` took an empty one too."""
    return value is not None and any(pattern == "*" or reference.matches(value, pattern) for pattern in patterns)


def rule_holds(rule: Json, service: str, version: str, request: Request, told: str) -> bool:
    """:param told: what the report says; a name that is not full only counts where the report says that it does now"""
    host = f"{service}.default.svc.cluster.local"
    labels = {"app": service, "version": version}
    if not any(
        matched(host, [name])
        or (f"compared full names, so {name} " in told and matched(service, [name.partition(".")[0]]))
        for name in rule.get("services", ["*"])
    ):
        return False
    for field, key in (("methods", "request.method"), ("paths", "request.path")):
        if field in rule and not matched(request[key], rule[field]):
            return False
    for constraint in rule.get("constraints", []):
        key = constraint["key"]
        if key.startswith("destination.labels["):
            value = labels.get(key[19:-1])
        elif key == "destination.port":
            value = request[key]
        elif key == "destination.namespace":
            value = "default"
        else:
            value = request.get(key)
        if not matched(value, constraint["values"]):
            return False
    return True


def subject_holds(subject: Json, request: Request) -> bool:
    if not subject:
        return False
    user = subject.get("user")
    if user is not None and user != "*" and request.get("source.principal") != user:
        return False
    if "group" in subject and request.get("request.auth.claims[groups]") != subject["group"]:
        return False
    for key, value in subject.get("properties", {}).items():
        if key == "source.ip":
            if ipaddress.ip_address(request[key]) not in ipaddress.ip_network(value):
                return False
        elif not matched(request.get(key), [value]):
            return False
    return bool(subject.get("properties") != {} or user or "group" in subject)


def rbac_allows(documents: list[Json], service: str, version: str, request: Request, told: str = "") -> bool:
    for rule in (doc["spec"] for doc in documents if doc["kind"] == "rule"):
        if mixer_denies(rule["match"], service, request):
            return False
    config = next(
        (d["spec"] for d in documents if d["kind"].endswith("RbacConfig") and d["metadata"]["name"] == "default"),
        {"mode": "ON"},
    )
    target = config.get("inclusion") or config.get("exclusion") or {}
    host = f"{service}.default.svc.cluster.local"
    named = "default" in target.get("namespaces", []) or host in target.get("services", [])
    if not {"OFF": False, "ON": True, "ON_WITH_INCLUSION": named, "ON_WITH_EXCLUSION": not named}[config["mode"]]:
        return True
    for binding in (doc["spec"] for doc in documents if doc["kind"] == "ServiceRoleBinding"):
        wanted = ("ServiceRole", binding["roleRef"]["name"])
        role = next(doc["spec"] for doc in documents if (doc["kind"], doc["metadata"]["name"]) == wanted)
        if any(rule_holds(rule, service, version, request, told) for rule in role["rules"]) and any(
            subject_holds(subject, request) for subject in binding["subjects"]
        ):
            return True
    for policy in (doc["spec"] for doc in documents if doc["kind"] == "AuthorizationPolicy"):
        if policy["workload_selector"]["labels"]["app"] == service and any(
            any(rule_holds(rule, service, version, request, told) for rule in allow["actions"])
            and any(subject_holds(subject, request) for subject in allow["subjects"])
            for allow in policy["allow"]
        ):
            return True
    return False


def mixer_denies(match: tuple[str, str | None, str, str], service: str, request: Request) -> bool:
    """Whether a denier's match holds: an attribute, its default, an operator and a constant."""
    attribute, default, operator, text = match
    value = request.get(attribute, default)
    if value is None:
        return False  # the expression could not be evaluated
    return (value == text) == (operator == "==")


def some(fields: dict[str, st.SearchStrategy[t.Any]]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


def one_or_two(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def constraint(key: str, *values: str) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"key": st.just(key), "values": one_or_two(*values)})


SERVICES = [f"{name}.default.svc.cluster.local" for name in ("ratings", "reviews")]
RULE = st.builds(
    lambda services, rest: {"services": services, **rest},
    one_or_two(
        *SERVICES, "*", "ratings", "re*", "*.default.svc.cluster.local", "ratings.default", "reviews.default.svc.x.org"
    ),
    some(
        {
            "methods": one_or_two("GET", "POST", "*"),
            "paths": one_or_two("/", "/a*", "*.html", "*"),
            "constraints": st.lists(
                st.one_of(
                    constraint("request.headers[x]", "one", "o*", "*"),
                    constraint("destination.labels[version]", "v1", "v3"),
                    constraint("destination.port", "9080", "9999"),
                    constraint("destination.namespace", "default", "def*", "other"),
                ),
                max_size=2,
            ),
        }
    ),
)
SUBJECT = some(
    {
        "user": st.sampled_from(["*", SOME, OTHER]),
        "group": st.sampled_from(["admins", "others"]),
        "properties": some(
            {
                "source.namespace": st.sampled_from(["default", "o*", "*"]),
                "source.principal": st.sampled_from([SOME, "cluster.local/ns/other/*", "*"]),
                "source.ip": st.sampled_from(["10.0.0.0/16", "10.9.0.1"]),
                "request.headers[x]": st.sampled_from(["one", "*"]),
                "request.auth.principal": st.sampled_from(["i/s", "*", "j/*"]),
            }
        ),
    }
)
SWITCH = st.sampled_from(
    [
        None,
        {"mode": "ON"},
        {"mode": "OFF"},
        {"mode": "ON_WITH_INCLUSION", "inclusion": {"namespaces": ["default"]}},
        {"mode": "ON_WITH_INCLUSION", "inclusion": {"services": [SERVICES[0]]}},
        {"mode": "ON_WITH_INCLUSION", "inclusion": {"services": [SERVICES[0]], "namespaces": ["default"]}},
        {"mode": "ON_WITH_EXCLUSION", "exclusion": {"services": [SERVICES[1]]}},
        {"mode": "ON_WITH_EXCLUSION", "exclusion": {"namespaces": ["default"]}},
        {"mode": "ON_WITH_EXCLUSION", "exclusion": {"services": ["reviews.default"]}},
    ]
)
MATCH = st.tuples(
    st.sampled_from(["request.headers[x]", "source.principal", "request.method"]),
    st.sampled_from([None, "one", "other", ""]),
    st.sampled_from(["==", "!="]),
    st.sampled_from(["one", SOME, "POST", ""]),
)
ALLOW = st.fixed_dictionaries(
    {
        "subjects": st.lists(SUBJECT, min_size=1, max_size=2),
        "actions": st.lists(some({"methods": one_or_two("GET", "*"), "paths": one_or_two("/", "/a*")}), max_size=2),
    }
)
MIXER = "config.istio.io/v1alpha2"
RBAC = "rbac.istio.io/v1alpha1"


@settings(max_examples=40)
@given(
    SWITCH,
    st.sampled_from(["ClusterRbacConfig", "RbacConfig"]),
    st.lists(st.lists(RULE, min_size=1, max_size=2), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 1), st.lists(SUBJECT, min_size=1, max_size=2)), min_size=1, max_size=3),
    st.one_of(st.none(), MATCH),
    st.one_of(st.none(), ALLOW),
    st.sampled_from(["default", "r0", "r1", "other"]),
    st.sampled_from(["istio-system", "default"]),
)
def test_no_request_gets_through_that_rbac_or_mixer_denied(
    switch: Json | None,
    kind: str,
    roles: list[list[Json]],
    bindings: list[tuple[int, list[Json]]],
    match: tuple[str, str | None, str, str] | None,
    allow: Json | None,
    name: str,
    root: str,
) -> None:
    documents: list[Json] = []
    if switch:
        named = name if name == "other" else "default"
        documents.append({"apiVersion": RBAC, "kind": kind, "metadata": {"name": named}, "spec": switch})
    if allow:
        policy = {"workload_selector": {"labels": {"app": "ratings"}}, "allow": [allow]}
        meta = {"name": name, "namespace": "default"}
        documents.append({"apiVersion": RBAC, "kind": "AuthorizationPolicy", "metadata": meta, "spec": policy})
    for number, rules in enumerate(roles):
        meta = {"name": f"r{number}", "namespace": "default"}
        documents.append({"apiVersion": RBAC, "kind": "ServiceRole", "metadata": meta, "spec": {"rules": rules}})
    for number, (role, subjects) in enumerate(bindings):
        spec = {"subjects": subjects, "roleRef": {"kind": "ServiceRole", "name": f"r{min(role, len(roles) - 1)}"}}
        meta = {"name": f"b{number}", "namespace": "default"}
        documents.append({"apiVersion": RBAC, "kind": "ServiceRoleBinding", "metadata": meta, "spec": spec})
    result, outputs, said = convert([*documents, *denier(match, name)], root)
    if result.refusals():
        # Only what a missing value denied cannot be said, nor that something is empty which no request lacks.
        assert match
        known = ("is denied; an AuthorizationPolicy", "is refused", "request.method cannot be said")
        assert all(any(text in line for text in known) for line in result.refusals())
        return
    if match:
        documents.append({"kind": "rule", "metadata": {"name": name}, "spec": {"match": match}})
    on = any(doc["kind"].endswith("RbacConfig") and doc["metadata"]["name"] == "default" for doc in documents)
    for (service, version), request in itertools.product(PODS, REQUESTS):
        before = rbac_allows(documents, service, version, request, said)
        after = reference.allowed(outputs, "default", {"app": service, "version": version}, request, root)
        if before == after:
            continue
        if after:
            # Without a switch in the input nothing is there to deny what no role is about.
            assert not on, request
            assert "no role is about stay open" in said, request
            assert not match or not mixer_denies(match, service, request), request
        else:
            assert "not empty" in said or "a request without it is denied too" in said, request
    for (service, version), request in itertools.product(PODS, REQUESTS[::7]):
        before = elsewhere_allows(documents) and not (
            root == "default" and match and mixer_denies(match, service, request)
        )
        after = reference.allowed(outputs, "elsewhere", {"app": service, "version": version}, request, root)
        assert before == after or (root == "default" and "is the root namespace" in said), request


def elsewhere_allows(documents: list[Json]) -> bool:
    """Whether RBAC let requests through in a namespace that no document names."""
    configs = (d["spec"] for d in documents if d["kind"].endswith("RbacConfig") and d["metadata"]["name"] == "default")
    return next(configs, {"mode": "OFF"})["mode"] in ("OFF", "ON_WITH_INCLUSION")


def denier(match: tuple[str, str | None, str, str] | None, name: str) -> list[Json]:
    """A denier with the rule that it is for, which has the name of a role or of none."""
    if match is None:
        return []
    attribute, default, operator, text = match
    attribute = attribute.replace("[x]", '["x"]')
    value = attribute if default is None else f'({attribute} | "{default}")'
    specs: dict[str, Json] = {
        "denier": {"status": {"code": 7}},
        "checknothing": {},
        "rule": {
            "match": f'{value} {operator} "{text}"',
            "actions": [{"handler": "h.denier", "instances": ["h.checknothing"]}],
        },
    }
    return [
        {
            "apiVersion": MIXER,
            "kind": kind,
            "metadata": {"name": name if kind == "rule" else "h", "namespace": "default"},
            "spec": spec,
        }
        for kind, spec in specs.items()
    ]


# Authentication -----------------------------------------------------------------------------------------------------

MODES = st.sampled_from(
    [
        ({}, "DISABLE"),
        ({"peers": None}, "DISABLE"),
        ({"peers": [{"mtls": {}}]}, "STRICT"),
        ({"peers": [{"mtls": None}]}, "STRICT"),
        ({"peers": [{"mtls": {"mode": "STRICT"}}]}, "STRICT"),
        ({"peers": [{"mtls": {"mode": "PERMISSIVE"}}]}, "PERMISSIVE"),
        ({"peers": [{"mtls": {}}], "peerIsOptional": True}, "PERMISSIVE"),
    ]
)
Part = tuple[Json, str]


@settings(max_examples=60)
@given(
    st.one_of(st.none(), MODES), st.one_of(st.none(), MODES), st.one_of(st.none(), MODES), st.one_of(st.none(), MODES)
)
def test_mtls_is_what_the_most_specific_policy_said(
    mesh: Part | None, namespace: Part | None, workload: Part | None, port: Part | None
) -> None:
    documents: list[Json] = []

    def add(kind: str, name: str, home: str, part: Part | None, **more: t.Any) -> None:
        if part is not None:
            meta = {"name": name, **({"namespace": home} if home else {})}
            api = "authentication.istio.io/v1alpha1"
            documents.append({"apiVersion": api, "kind": kind, "metadata": meta, "spec": {**part[0], **more}})

    add("MeshPolicy", "default", "", mesh)
    add("Policy", "default", "default", namespace)
    add("Policy", "one", "default", workload, targets=[{"name": "ratings"}])
    add("Policy", "two", "default", port, targets=[{"name": "ratings", "ports": [{"number": 80}]}])
    result, outputs, _said = convert(documents)
    assert result.refusals() == []
    for home, labels, number, order in (
        ("default", {"app": "ratings"}, 9080, (port, workload, namespace, mesh)),
        ("default", {"app": "ratings"}, 9999, (workload, namespace, mesh)),
        ("default", {"app": "reviews"}, 9080, (namespace, mesh)),
        ("other", {"app": "ratings"}, 9080, (mesh,)),
    ):
        wanted = next((part[1] for part in order if part is not None), "PERMISSIVE")
        assert reference.mtls_mode(outputs, home, labels, number) == wanted
