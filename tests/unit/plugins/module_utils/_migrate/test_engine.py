# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import jsonschema
import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, dumps, migrate, page, report_json
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.report import markdown
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Converter, facts

Json = dict[str, t.Any]

LEGACY = "apiVersion: rbac.istio.io/v1alpha1\nkind: ClusterRbacConfig\nmetadata: {name: default}\nspec: {mode: 'ON'}\n"
CURRENT = "# a comment\napiVersion:   v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 'y'}   # kept\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a: [b", "not valid YAML"),
        (b"\x00\x01\x02", "binary"),
        (b"a: \xff\xfe", "not UTF-8"),
        (b"just text", "not a mapping"),
        (b"a: 1\na: 2\n", "the key a appears twice"),
        (
            b"a: &a [x, x, x, x, x, x, x, x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(9)),
            "stands for more than",
        ),
        (b"a: &a [*a]\n", "stands for nothing before it"),
        (b"[" * 500, "deep"),
        (b"a: " + b"x" * (2 << 20), "no API server takes more"),
        (b"apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata:\n  name: {{ .Name }}\n", "template"),
        (b"apiVersion: rbac.istio.io/v1alpha1\nkind: Odd\nmetadata: {name: a}\n", "nothing is known to take its place"),
        (b"apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata: {}\n", "metadata.name is missing"),
        (
            b"apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata: {name: a}\nspec: 7\n",
            "spec must be a mapping",
        ),
        ("it cannot be read (Permission denied).", "Permission denied"),
    ],
)
def test_bad_input_is_refused_at_once(data: bytes | str, reason: str) -> None:
    began = time.process_time()
    result = migrate([("a.yaml", data)], Options())
    assert reason in result.refusals()[0]
    assert result.refusals()[0].startswith("a.yaml, line ")
    assert time.process_time() - began < 5


def test_a_current_document_passes_byte_for_byte(converter: Converter) -> None:
    text = CURRENT + "---\n\n" + CURRENT.replace("\n", "\r\n") + "---\n" + LEGACY
    out = converter.result(text).files[0].text() or ""
    assert out.startswith(text[: text.index("apiVersion: rbac")].removesuffix("---\n"))
    assert converter.result(CURRENT).files[0].text() == CURRENT
    unknown = "apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: a}\n"
    assert converter.result(unknown).files[0].text() == unknown
    assert "passed through" in converter.result(unknown).docs[0].notes[0].text


def test_a_list_is_its_items(converter: Converter) -> None:
    items = "".join("- " + doc.replace("\n", "\n  ").rstrip() + "\n" for doc in (LEGACY, CURRENT.partition("\n")[2]))
    found = converter.outputs(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert [doc["kind"] for doc in found] == ["AuthorizationPolicy", "ConfigMap"]


def test_json_stays_json(converter: Converter) -> None:
    data = json.dumps(yaml.safe_load(LEGACY)).encode()
    out = migrate([("a.json", data)], Options()).files[0].text() or ""
    assert json.loads(out)["kind"] == "AuthorizationPolicy"


def test_labels_are_carried_and_what_the_server_set_is_named(converter: Converter) -> None:
    text = LEGACY.replace("{name: default}", "{name: default, uid: x, labels: {a: b}}")
    assert converter.outputs(text)[0]["metadata"]["labels"] == {"a": "b"}
    assert "metadata.uid is set by the server" in str(converter.result(text).docs[0].notes)


def test_a_separator_that_is_not_in_the_first_column_is_moved(converter: Converter) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n ---\n" + LEGACY
    assert [doc["kind"] for doc in converter.outputs(text)] == ["ConfigMap", "AuthorizationPolicy"]
    # In a block of text it stays, whatever follows.
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    ---\n    kind: a\n---\n" + LEGACY
    assert converter.outputs(text)[0]["data"] == {"x": "---\nkind: a\n"}


def test_a_shifted_line_is_moved_where_one_reading_is_left(converter: Converter) -> None:
    text = (
        LEGACY
        + "---\n"
        + (
            "apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata:\n  name: a\n  namespace: default\nspec:\n"
            "  rules:\n    - services: ['*']\n     methods: [GET]\n"
            "---\napiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRoleBinding\nmetadata: "
            "{name: b, namespace: default}\n"
            "spec: {subjects: [{user: x}], roleRef: {kind: ServiceRole, name: a}}\n"
        )
    )
    assert converter.outputs(text)[1]["spec"]["rules"][0]["to"] == [{"operation": {"methods": ["GET"]}}]
    note = converter.result(text).docs[1].repairs[0]
    assert (note.line, note.column, note.text.split(",")[0]) == (14, 6, "The line is moved from column 6 to 7")


def test_the_report_has_all_and_fits_its_schema(converter: Converter) -> None:
    result = converter.result(LEGACY, "a: [", CURRENT)
    report = report_json(result)
    schema = json.loads((Path(next(iter(collection.__path__))) / "docs" / "migration-report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(dumps(report)))
    assert report["summary"]["documents"] == 3
    assert report["summary"]["converted_with_differences"] == report["summary"]["refused"] == 1
    for text in (markdown(report), page(report)):
        assert "allow-nothing" in text
        assert "not valid YAML" in text
    assert "http" not in page(report).replace("DOCTYPE html", "")
    hostile = converter.result(LEGACY.replace("name: default", "name: '<script>x'"))
    assert "<script>" not in page(report_json(hostile))
    assert "\\<script\\>" in markdown(report_json(hostile))


def test_of_what_is_refused_the_report_promises_nothing(converter: Converter) -> None:
    policy = "apiVersion: authentication.istio.io/v1alpha1\nkind: Policy\nmetadata: {name: default}\n"
    policy += "spec: {peers: [{mtls: {allowTls: true}}], origins: [{jwt: {}}]}\n"
    route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"
    route += "spec: {hosts: [a], http: [{route: {destination: {name: a}}}], odd: 1}\n"
    result = converter.result(policy, route)
    assert [bool(doc.differences or doc.repairs) for doc in result.docs] == [True, True]
    for document in (doc for file in report_json(result)["files"] for doc in file["documents"]):
        assert document["refusal"]
        assert (document["differences"], document["repairs"], document["outputs"]) == ([], [], [])


# How much is done for each document ---------------------------------------------------------------------------------


def document(api: str, kind: str, name: str, spec: str) -> str:
    return (
        f"# about {name}\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}  # its name\nspec: {spec}\n---\n"
    )


def routing(n: int) -> str:
    rules = "".join(
        f"\n  # rule {rule}\n  - match: [{{port: {rule}}}]\n    fault:\n      delay:\n        percent: 1  # few\n"
        f"        fixedDelay: 1s  # long\n    route:\n    - destination: {{host: a}}  # where"
        for rule in range(3)
    )
    return document(
        "networking.istio.io/v1alpha3", "VirtualService", f"v{n}", f"\n  hosts: [a]  # host\n  http:{rules}"
    )


def route_rule(n: int) -> str:
    match = f"{{request: {{headers: {{x: {{exact: a{n}}}}}}}}}"
    spec = f"{{destination: {{name: ratings}}, precedence: {n}, match: {match}, route: [{{labels: {{version: v1}}}}]}}"
    return document("config.istio.io/v1alpha2", "RouteRule", f"r{n}", spec)


def quota(n: int) -> str:
    api = "config.istio.io/v1alpha2"
    handler = f"{{quotas: [{{name: q{n}.quota.default, maxAmount: 5, validDuration: 1s}}]}}"
    return (
        document(api, "memquota", f"h{n}", handler)
        + document(api, "quota", f"q{n}", "{dimensions: {a: 'request.headers[\"x\"]'}}")
        + document(api, "rule", f"r{n}", f"{{actions: [{{handler: h{n}.memquota, instances: [q{n}.quota]}}]}}")
        + document(api, "QuotaSpec", f"s{n}", f"{{rules: [{{quotas: [{{charge: 1, quota: q{n}}}]}}]}}")
        + document(api, "QuotaSpecBinding", f"b{n}", f"{{quotaSpecs: [{{name: s{n}}}], services: [{{name: ratings}}]}}")
    )


def denial(n: int) -> str:
    api = "config.istio.io/v1alpha2"
    rule = f'{{match: \'request.headers["x"] == "{n}"\', actions: [{{handler: h{n}, instances: [i{n}]}}]}}'
    return (
        document(api, "handler", f"h{n}", "{compiledAdapter: denier}")
        + document(api, "instance", f"i{n}", "{compiledTemplate: checknothing}")
        + document(api, "rule", f"r{n}", rule)
    )


def access(n: int) -> str:
    api = "rbac.istio.io/v1alpha1"
    binding = f"{{subjects: [{{user: u{n}}}], roleRef: {{kind: ServiceRole, name: r{n}}}}}"
    role = "{rules: [{services: [ratings.default.svc.cluster.local]}]}"
    return document(api, "ServiceRole", f"r{n}", role) + document(api, "ServiceRoleBinding", f"b{n}", binding)


def token(n: int) -> str:
    service = f"{{selector: {{app: s{n}}}, ports: [{{port: 80}}]}}"
    policy = f"{{targets: [{{name: s{n}}}], peers: [{{mtls: {{}}}}], origins: [{{jwt: {{issuer: i, jwks: k}}}}]}}"
    return document("v1", "Service", f"s{n}", service) + document(
        "authentication.istio.io/v1alpha1", "Policy", f"p{n}", policy
    )


def calls(text: str) -> int:
    """How many functions a conversion with its report calls: a measure that no other load changes."""
    count = 0

    def tally(_frame: t.Any, event: str, _argument: t.Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        result = migrate([("a.yaml", text.encode())], Options(), [facts()])
        result.files[0].text()
        report = report_json(result)
        for write in (markdown, page, dumps):
            write(report)
    finally:
        sys.setprofile(None)
    assert result.refusals() == []
    return count


@pytest.mark.parametrize("family", [routing, route_rule, quota, denial, access, token])
def test_work_grows_with_the_documents_and_no_faster(family: t.Callable[[int], str]) -> None:
    calls(family(0))  # modules and caches
    small, large = (calls("".join(family(n) for n in range(size))) for size in (10, 40))
    assert large < 4.2 * small
    # A thousand documents take some three seconds then.
    assert large / (40 * family(0).count("---")) < 12_000


# Whatever a document holds, it is converted or refused, and what is written is left alone by a second run -----------

KINDS = [
    ("rbac.istio.io/v1alpha1", ("ServiceRole", "ServiceRoleBinding", "ClusterRbacConfig", "AuthorizationPolicy")),
    ("authentication.istio.io/v1alpha1", ("Policy", "MeshPolicy")),
    (
        "config.istio.io/v1alpha2",
        (
            "memquota",
            "handler",
            "instance",
            "rule",
            "quota",
            "QuotaSpec",
            "QuotaSpecBinding",
            "denier",
            "RouteRule",
            "DestinationPolicy",
            "EgressRule",
            "listchecker",
            "listentry",
        ),
    ),
    ("networking.istio.io/v1alpha3", ("VirtualService", "DestinationRule", "EnvoyFilter", "Gateway")),
]
WORDS = [
    "rules",
    "services",
    "methods",
    "constraints",
    "key",
    "values",
    "subjects",
    "user",
    "properties",
    "roleRef",
    "name",
    "mode",
    "inclusion",
    "namespaces",
    "targets",
    "peers",
    "mtls",
    "origins",
    "jwt",
    "issuer",
    "triggerRules",
    "ports",
    "number",
    "quotas",
    "maxAmount",
    "validDuration",
    "overrides",
    "dimensions",
    "compiledAdapter",
    "compiledTemplate",
    "params",
    "match",
    "actions",
    "handler",
    "instances",
    "quotaSpecs",
    "charge",
    "quota",
    "destination",
    "route",
    "labels",
    "weight",
    "httpFault",
    "delay",
    "percent",
    "http",
    "headers",
    "fault",
    "host",
    "trafficPolicy",
    "subsets",
    "outlierDetection",
    "port",
    "ratings",
    "*",
    "denier",
    "memquota",
    "exact",
    "h",
    "1s",
    "allow",
    "status",
    "code",
    "request",
    "source",
    "precedence",
    "mirror",
    "corsPolicy",
    "circuitBreaker",
    "simpleCb",
    "spec",
    "a.b",
    "redirect",
]
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-1, 200), st.sampled_from(WORDS), st.just('a["b"] == "c"'))
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=14,
)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from([(g, k) for g, kinds in KINDS for k in kinds]), TREE, st.sampled_from(["h", "a"])),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["global", "local"]),
)
def test_whatever_a_document_holds_it_is_converted_or_refused(
    documents: list[tuple[tuple[str, str], t.Any, str]], quota: str
) -> None:
    text = yaml.safe_dump_all(
        {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
        for (group, kind), spec, name in documents
    )
    result = migrate([("a.yaml", text.encode())], Options(quota=quota), [facts()])
    for doc in result.docs:
        assert doc.status in ("converted", "converted_with_differences", "unchanged", "refused")
        assert doc.outputs or doc.moved_to or doc.differences or doc.refusal or doc.status == "unchanged", doc.title
    out = result.files[0].text() or ""
    again = migrate([("a.yaml", out.encode())], Options(quota=quota), [facts()])
    assert again.refusals() == []
    assert again.files[0].text() == out
