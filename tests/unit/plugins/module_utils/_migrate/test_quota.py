# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import NAMES, Converter
from .quotas import BINDING, NEW, config_of, limits_of, old


def test_the_later_forms_are_read_alike(converter: Converter) -> None:
    found = converter.outputs(NEW + BINDING.replace("CHARGE", "1"))
    assert config_of(found)["descriptors"][0]["descriptors"] == [
        {"key": "caller", "rate_limit": {"unit": "second", "requests_per_unit": 10}}
    ]
    assert limits_of(found)[0]["actions"][1]["extension"]["typed_config"]["text"] == (
        '"x-forwarded-for" in request.headers ? request.headers["x-forwarded-for"] : "nobody"'
    )


def test_an_override_of_redisquota_has_the_quotas_window(converter: Converter) -> None:
    assert converter.outputs(old("redisquota", "")) == converter.outputs(old("redisquota"))


def test_a_window_may_have_several_units(converter: Converter) -> None:
    assert converter.outputs(old(window="validDuration: 0.5m30s")) == converter.outputs(old())


def test_overrides_beside_their_dimensions_are_mended(converter: Converter) -> None:
    text = (
        old()
        .replace("dimensions: {destination: ratings, source: reviews}", "dimensions:")
        .replace("      maxAmount: 1\n", "      destination: ratings\n      source: reviews\n      maxAmount: 1\n")
    )
    assert converter.outputs(text) == converter.outputs(old())
    assert [note.line for note in converter.result(text).docs[0].repairs] == [11, 12]


def test_a_quota_without_a_binding_holds_for_services_of_the_mesh(converter: Converter) -> None:
    system = """\
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53}]}
---
"""
    before = old().partition("apiVersion: config.istio.io/v1alpha2\nkind: QuotaSpec\n")[0]
    found = converter.outputs(system + before)
    names = [doc["metadata"]["name"] for doc in found if doc["kind"] == "EnvoyFilter"]
    assert "quota-ratings" in names
    assert "quota-kube-dns" not in names


def bound(service: str) -> str:
    """A quota that is bound to this service."""
    return old().replace("{name: ratings, namespace: default}", service)


@pytest.mark.parametrize(
    "service", ["{name: ratings}", "{service: ratings.default}", "{service: ratings.default.svc.cluster.local}"]
)
def test_a_binding_names_a_service_in_several_ways(converter: Converter, service: str) -> None:
    assert converter.outputs(bound(service)) == converter.outputs(old())


def test_a_binding_may_be_of_all_services(converter: Converter) -> None:
    found = converter.outputs(bound("{service: '*'}"))
    names = {doc["metadata"]["name"] for doc in found if doc["kind"] == "EnvoyFilter"}
    assert names == {f"quota-{name}" for name in NAMES}
    unknown = bound("{service: '*'}").replace(
        "overrides:\n    - dimensions: {destination: ratings, source: reviews}", ""
    )
    unknown = unknown.replace("      maxAmount: 1\n      validDuration: 60s\n", "")
    assert "service * is all Services, and none is known" in converter.refusal(unknown, known=False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BINDING, "no memquota or redisquota handler"),
        (
            old().replace("name: ratings, namespace: default", "name: shop, namespace: x"),
            "Service x/shop are not known",
        ),
        (old(match='source.labels["app"] == "x"'), "the rule's match asks for source.labels"),
        (old(match='context.protocol == "tcp"'), "the rule's match asks for context.protocol"),
        (old(match='context.reporter.kind == "outbound"'), "the rule's match asks for context.reporter.kind"),
        (old(match='(request.headers["x"] | "jason") == "jason"'), 'counts as "jason", and as one with an empty value'),
        (old(match='(request.headers["x"] | request.headers["y"]) == "a"'), "which of several attributes"),
        (old().replace("source: reviews", "colour: red"), "colour, which the instance"),
        (old().replace("maxAmount: 500", "maxAmount: many"), "must be a whole number"),
        (old().replace("    validDuration: 60s\n", "", 1), "has no validDuration"),
        (old(window="validDuration: often"), "must be a duration with a unit, such as 1s or 5m, not 'often'"),
        (old().replace("source: reviews", "source: nobody"), "service account of the workloads with app=nobody"),
        (bound("{name: ratings, labels: {version: v1}}"), "spec.services[0].labels has no single reading"),
        (bound("{service: '*.default'}"), "spec.services[0].service is not the name of a service"),
        (old(charge=1).replace("charge: 1", "charge: some"), "charge must be a whole number"),
        (
            old() + "---\n" + BINDING.replace("CHARGE", "2").replace("name: spec,", "name: other,"),
            "two QuotaSpecs charge the quota differently",
        ),
        (
            old() + "---\n" + old().split("---\n")[2].replace("name: quota,", "name: twice,"),
            "the rules quota and twice both send requests to it",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(converter: Converter, text: str, reason: str) -> None:
    found = converter.result(text).refusals()
    assert any(reason in line for line in found), found


@pytest.mark.parametrize(
    "match",
    [
        'match(destination.service.host, "*.svc.cluster.local")',
        'destination.service.host.endsWith(".default.svc.cluster.local")',
        'context.protocol != "tcp" && context.reporter.kind == "inbound"',
    ],
)
def test_a_match_that_each_request_passes_limits_all(converter: Converter, match: str) -> None:
    assert converter.outputs(old(match=f"'{match}'")) == converter.outputs(old())


@pytest.mark.parametrize("match", ['"false"', "'match(destination.service.host, \"*.example.org\")'"])
@pytest.mark.parametrize("quota", ["global", "local"])
def test_a_match_that_no_request_passes_says_that_nothing_was_limited(
    converter: Converter, match: str, quota: str
) -> None:
    result = converter.result(old(match=match), quota=quota)
    assert not any(doc.outputs for doc in result.docs)
    assert [doc.status for doc in result.docs] == ["converted_with_differences"] * 5
    assert all("limited nothing" in str(doc.differences) for doc in result.docs)


def test_a_spec_that_cannot_be_said_is_the_one_to_correct(converter: Converter) -> None:
    given = old().replace("{rules: [{quotas:", "{rules: [{match: [{clause: {request.method: {exact: GET}}}], quotas:")
    result = converter.result(given)
    refused = {doc.kind: doc.refusal.text for doc in result.docs if doc.refusal}
    assert refused["QuotaSpec"].startswith("spec.rules[0].match charged some requests only")
    (line,) = {doc.refusal.line for doc in result.docs if doc.refusal and doc.kind == "QuotaSpec"}
    assert "match" in given.splitlines()[line - 1]
    assert (
        refused["memquota"]
        == f"the QuotaSpec istio-system/spec is refused (file0.yaml, line {line}); correct it first."
    )
    assert "memquota" not in refused["QuotaSpec"]
    wrong = converter.result(old().replace("charge: 1", "charge: some"))
    told = {doc.kind: doc.refusal.text for doc in wrong.docs if doc.refusal}
    assert told["QuotaSpec"] == "spec.rules[0].quotas[0].charge must be a whole number."


def one(kind: str, name: str, spec: str) -> str:
    meta = f"{{name: {name}, namespace: istio-system}}"
    return f"apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {meta}\nspec: {spec}\n---\n"


def test_each_quota_of_a_handler_has_the_rule_that_sends_it_there(converter: Converter) -> None:
    """A rule's actions name instances: a quota that none names was never counted."""
    amounts = [f"{{name: {name}.quota.istio-system, maxAmount: 5, validDuration: 1s}}" for name in ("a", "b")]
    given = one("memquota", "h", f"{{quotas: [{', '.join(amounts)}]}}")
    for name in ("a", "b"):
        bound = "quotaSpecs: [{name: %s, namespace: istio-system}], services: [{name: ratings, namespace: default}]"
        given += one("quota", name, "{dimensions: {}}") + one(
            "QuotaSpec", name, f"{{rules: [{{quotas: [{{quota: {name}}}]}}]}}"
        )
        given += one("QuotaSpecBinding", name, f"{{{bound % name}}}")
    first = one("rule", "first", "{actions: [{handler: h.memquota, instances: [a.quota]}]}")
    match = """'request.headers["x"] == "y"'"""
    second = one("rule", "second", f"{{match: {match}, actions: [{{handler: h.memquota, instances: [b.quota]}}]}}")
    alone = converter.result(given + first)
    assert alone.refusals() == []
    assert "No rule sends requests for any of the services to b, so" in str([doc.differences for doc in alone.docs])
    assert [tree["value"] for tree in config_of(converter.outputs(given + first))["descriptors"]] == [
        "a.quota.istio-system"
    ]
    limits = limits_of(converter.outputs(given + first + second))
    assert ["header_value_match" in str(limit) for limit in limits] == [False, True]
    again = second.replace("second", "again")
    assert "the rules second and again both send b to it; keep one" in str(
        converter.result(given + first + second + again).refusals()
    )


@pytest.mark.parametrize("handler", ["telemetry.prometheus", "stats"])
def test_a_rule_for_metrics_with_the_name_of_a_quota_is_none(converter: Converter, handler: str) -> None:
    metrics = (
        "apiVersion: config.istio.io/v1alpha2\nkind: handler\nmetadata: {name: stats, namespace: istio-system}\n"
        "spec: {compiledAdapter: prometheus}\n---\n"
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {name: metrics, namespace: istio-system}\n"
        f"spec: {{actions: [{{handler: {handler}, instances: [requests]}}]}}\n"
    )
    result = converter.result(old() + "---\n" + metrics)
    assert [doc.name for doc in result.docs if doc.refusal] == ["stats", "metrics"]
    assert "the rule feeds prometheus, which is gone" in result.refusals()[1]
