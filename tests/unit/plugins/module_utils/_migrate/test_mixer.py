# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.mixer import SUCCESSORS

from .conftest import Converter

Json = dict[str, t.Any]


def denier(match: str, code: int = 7, form: str = "new") -> str:
    if form == "old":
        parts = [("denier", "{status: {code: CODE}}"), ("checknothing", "")]
        names = ("h.denier", "h.checknothing")
    else:
        parts = [
            ("handler", "{compiledAdapter: denier, params: {status: {code: CODE}}}"),
            ("instance", "{compiledTemplate: checknothing}"),
        ]
        names = ("h", "h")
    return check(parts, names, match).replace("CODE", str(code))


def check(parts: list[tuple[str, str]], names: tuple[str, str], match: str) -> str:
    documents = [
        f"apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {{name: h, namespace: default}}\nspec: {spec}\n"
        for kind, spec in parts
    ]
    documents.append(
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {name: deny, namespace: default}\nspec:\n"
        f"  match: {match}\n  actions: [{{handler: {names[0]}, instances: [{names[1]}]}}]\n"
    )
    return "---\n".join(documents)


def listed(params: str, value: str, match: str = '"true"') -> str:
    parts = [
        ("handler", f"{{compiledAdapter: listchecker, params: {params}}}"),
        ("instance", f"{{compiledTemplate: listentry, params: {{value: '{value}'}}}}"),
    ]
    return check(parts, ("h", "h"), match)


CASES: list[tuple[str, Json]] = [
    ('request.headers["x"] == "y"', {"rules": [{"when": [{"key": "request.headers[x]", "values": ["y"]}]}]}),
    ('request.headers["x"] == ""', {"rules": [{"when": [{"key": "request.headers[x]", "notValues": ["*"]}]}]}),
    ('(request.headers["x"] | "") == "y"', {"rules": [{"when": [{"key": "request.headers[x]", "values": ["y"]}]}]}),
    (
        'match(request.headers["x"], "y*") == false',
        {"rules": [{"when": [{"key": "request.headers[x]", "notValues": ["y*"]}]}]},
    ),
    (
        'request.headers["x"].startsWith("y") && (request.headers["z"] | "").endsWith("a") == false',
        {
            "rules": [
                {
                    "when": [
                        {"key": "request.headers[x]", "values": ["y*"]},
                        {"key": "request.headers[z]", "notValues": ["*a"]},
                    ]
                }
            ]
        },
    ),
    ('source.user == "a/ns/b/sa/c"', {"rules": [{"from": [{"source": {"principals": ["a/ns/b/sa/c"]}}]}]}),
    (
        'destination.labels["app"] == "ratings" && source.labels["app"] == "reviews"',
        {
            "selector": {"matchLabels": {"app": "ratings"}},
            "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/default/sa/bookinfo-reviews"]}}]}],
        },
    ),
    (
        'destination.service == "ratings.default.svc.cluster.local"',
        {"selector": {"matchLabels": {"app": "ratings"}}, "rules": [{"to": [{"operation": {"ports": ["9080"]}}]}]},
    ),
    (
        'source.namespace == "a" || request.method == "POST"',
        {
            "rules": [
                {"from": [{"source": {"namespaces": ["a"]}}]},
                {"to": [{"operation": {"methods": ["POST"]}}]},
            ]
        },
    ),
]


@pytest.mark.parametrize(("match", "spec"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("form", ["old", "new"])
def test_a_denier_becomes_a_policy_that_denies(converter: Converter, match: str, spec: Json, form: str) -> None:
    found = converter.outputs(denier(f"'{match}'", form=form))
    assert len(found) == 1
    assert found[0]["metadata"] == {"name": "deny", "namespace": "default"}
    assert found[0]["spec"] == {"action": "DENY", **spec}


def test_a_whitelist_denies_what_it_lacks_and_a_blacklist_what_it_has(converter: Converter) -> None:
    white = converter.outputs(listed('{overrides: ["10.0.0.0/8"], entryType: IP_ADDRESSES}', "source.ip"))
    assert white[0]["spec"]["rules"] == [{"from": [{"source": {"notIpBlocks": ["10.0.0.0/8"]}}]}]
    black = converter.outputs(listed('{overrides: ["x"], blacklist: true}', 'request.headers["v"]'))
    assert black[0]["spec"]["rules"] == [{"when": [{"key": "request.headers[v]", "values": ["x"]}]}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (denier("'connection.event == \"open\"'"), "connection.event cannot be said"),
        (denier('\'source.labels["app"] == "nobody"\''), "service account of the workloads with app=nobody"),
        (
            denier('\'source.labels["version"] == "v2" && source.labels["app"] == "reviews"\''),
            "share the service account default/bookinfo-reviews",
        ),
        (denier('\'destination.labels["app"] != "x"\''), "a selector cannot leave out"),
        (denier("'a === b'"), "cannot be read"),
        (denier("'\"a.*\".matches(request.path)'"), "uses a regular expression"),
        (denier('\'"a".startsWith("b")\''), "two constants"),
        (denier("'request.headers[\"x\"].size() == 2'"), "uses the method size"),
        (listed("{providerUrl: http://x}", "source.ip"), "fetches its list"),
        (listed('{overrides: ["a.*"], entryType: REGEX}', "source.ip"), "REGEX"),
        (
            "apiVersion: config.istio.io/v1alpha2\nkind: handler\nmetadata: {name: h}\nspec: "
            "{compiledAdapter: stdio}\n",
            "name a provider in the Telemetry API",
        ),
        (
            "apiVersion: config.istio.io/v1alpha2\nkind: attributemanifest\nmetadata: {name: h}\n",
            "nothing takes its place",
        ),
        (
            "apiVersion: config.istio.io/v1alpha2\nkind: madeup\nmetadata: {name: h}\n",
            "Telemetry API, WasmPlugin or external authorization take its place.",
        ),
    ],
)
def test_what_cannot_be_said_names_what_took_its_place(converter: Converter, text: str, reason: str) -> None:
    refusals = converter.result(text).refusals()
    assert any(reason in line for line in refusals), refusals


@pytest.mark.parametrize("kind", sorted(SUCCESSORS))
@pytest.mark.parametrize("generic", [False, True])
def test_each_kind_that_neither_limits_nor_denies_is_named_with_its_successor(
    converter: Converter, kind: str, generic: bool
) -> None:
    written, spec = ("handler", f"{{compiledAdapter: {kind}}}") if generic else (kind, "{}")
    text = f"apiVersion: config.istio.io/v1alpha2\nkind: {written}\nmetadata: {{name: h}}\nspec: {spec}\n"
    found = converter.refusal(text)
    assert f"Mixer's {kind} has no document in its place: {SUCCESSORS[kind]}" in found
    assert converter.result(text).docs[0].family == "telemetry"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (denier('\'(request.headers["x"] | "jason") == "jason"\''), 'a request without request.headers["x"] counts as'),
        (denier('\'(request.headers["x"] | "a") != ""\''), 'counts as "a" and is denied'),
        (denier('\'match(request.headers["x"] | "", "*")\''), 'counts as "" and is denied'),
        (denier('\'(destination.labels["version"] | "v1") == "v1"\''), 'counts as "v1" and is denied'),
        (
            denier('\'(source.labels["app"] | request.headers["x"]) == "reviews"\''),
            "which of several attributes is there",
        ),
        (
            listed("{overrides: [10.57.0.0/16], entryType: IP_ADDRESSES, blacklist: true}", 'request.headers["x"]'),
            "alone",
        ),
        (listed("{overrides: [bob], blacklist: true}", 'request.headers["user"] | "bob"'), 'counts as "bob"'),
        (
            listed("{overrides: [0.0.0.0/8], entryType: IP_ADDRESSES, blacklist: true}", 'source.ip | ip("0.0.0.0")'),
            'counts as "0.0.0.0"',
        ),
        (listed("{overrides: [bob], blacklist: true}", 'request.headers["user"] | source.user'), "source.user where"),
    ],
)
def test_a_request_that_was_denied_for_what_it_lacks_is_never_let_through(
    converter: Converter, text: str, reason: str
) -> None:
    refusals = converter.result(text).refusals()
    assert any(reason in line for line in refusals), refusals


def test_a_default_that_is_denied_like_any_other_value_is_no_difference(converter: Converter) -> None:
    match = 'destination.port == "9080" && (request.headers["x"] | "nobody") != "jason"'
    result = converter.result(denier(f"'{match}'"))
    assert [doc.status for doc in result.docs] == ["converted"] * 3
    result = converter.result(denier('\'(request.headers["x"] | "jason") != "jason"\''))
    assert "a request without it is denied too" in str(result.docs[2].differences)
