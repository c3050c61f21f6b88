# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_a_match_alone_leaves_the_other_requests_as_they_were(converter: Converter) -> None:
    text = rule(
        "a", "{destination: {name: ratings}, match: {request: {headers: {x: {exact: y}}}}, redirect: {uri: /n}}"
    )
    assert converter.outputs(text)[0]["spec"]["http"] == [
        {"match": [{"headers": {"x": {"exact": "y"}}}], "redirect": {"uri": "/n"}},
        {"route": [{"destination": {"host": "ratings"}}]},
    ]


def test_a_subset_of_a_rule_in_the_input_is_used(converter: Converter) -> None:
    text = rule("a", "{destination: {name: ratings}, route: [{labels: {version: '1.0'}}]}") + (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
        "spec: {host: ratings, subsets: [{name: old, labels: {version: '1.0'}}]}\n"
    )
    found = converter.outputs(text)
    assert [doc["kind"] for doc in found] == ["VirtualService", "DestinationRule"]
    assert found[0]["spec"]["http"][0]["route"][0]["destination"]["subset"] == "old"


def test_a_day_is_so_many_hours(converter: Converter) -> None:
    cors = "{destination: {name: ratings}, corsPolicy: {allowOrigin: [a], maxAge: 1d}}"
    result = converter.result(rule("a", cors))
    assert result.docs[0].outputs[0]["spec"]["http"][0]["corsPolicy"]["maxAge"] == "24h"
    assert [(note.text, note.line) for note in result.docs[0].repairs] == [("1d is 24h.", 4)]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("httpReqTimeout: {simpleTimeout: {timeout: 5}}", "httpReqTimeout.simpleTimeout.timeout"),
        ("httpReqRetries: {simpleRetry: {perTryTimeout: 5}}", "httpReqRetries.simpleRetry.perTryTimeout"),
        ("httpFault: {delay: {percent: 5, fixedDelay: soon}}", "httpFault.delay.fixedDelay"),
        ("corsPolicy: {maxAge: long}", "corsPolicy.maxAge"),
    ],
)
def test_a_duration_without_a_unit_is_refused_where_it_stands(converter: Converter, spec: str, field: str) -> None:
    refusal = converter.refusal(rule("a", f"{{destination: {{name: ratings}}, {spec}}}"))
    assert f"spec.{field} must be a duration with a unit" in refusal


def test_a_route_to_pods_of_another_service_gets_its_subset_there(converter: Converter) -> None:
    text = rule(
        "a",
        "{destination: {name: ratings}, route: [{destination: {name: reviews}, labels: {version: v2}, weight: 60}, "
        "{labels: {version: v1}, weight: 40}], mirror: {name: details, namespace: other, labels: {version: v9}}}",
    )
    found = {(doc["kind"], doc["spec"].get("host")): doc["spec"] for doc in converter.outputs(text)}
    route = found["VirtualService", None]["http"][0]
    assert [entry["destination"] for entry in route["route"]] == [
        {"host": "reviews", "subset": "v2"},
        {"host": "ratings", "subset": "v1"},
    ]
    assert route["mirror"] == {"host": "details.other.svc.cluster.local", "subset": "v9"}
    for host, version in (("reviews", "v2"), ("ratings", "v1"), ("details.other.svc.cluster.local", "v9")):
        assert found["DestinationRule", host]["subsets"] == [{"name": version, "labels": {"version": version}}]


def test_two_rules_share_the_subsets_of_a_service(converter: Converter) -> None:
    there = rule("there", "{destination: {name: reviews}, route: [{labels: {version: v1}}]}")
    here = rule(
        "here", "{destination: {name: ratings}, route: [{destination: {name: reviews}, labels: {version: v2}}]}"
    )
    for text in (there + here, here + there):
        result = converter.result(text)
        rules = [out for doc in result.docs for out in doc.outputs if out["kind"] == "DestinationRule"]
        assert [len(out["spec"]["subsets"]) for out in rules] == [2]
        (doc,) = [doc for doc in result.docs if doc.name == "here"]
        assert [out["kind"] for out in doc.outputs] == ["VirtualService"]
        assert "DestinationRule reviews" in doc.moved_to


def test_a_rule_falls_with_the_subset_of_another_service_and_that_one_stands(converter: Converter) -> None:
    taken = (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
        "spec: {host: reviews.default.svc.cluster.local, subsets: [{name: old, labels: {version: v1}}]}\n---\n"
    )
    spec = "{destination: {name: ratings}, route: [{destination: {name: reviews}, labels: {version: VERSION}}]}"
    assert "DestinationRule d is about the same host reviews" in converter.refusal(taken + rule("a", spec))
    found = converter.outputs(taken + rule("a", spec.replace("VERSION", "v1")))
    assert found[1]["spec"]["http"][0]["route"] == [{"destination": {"host": "reviews", "subset": "old"}}]
    # Rules of the other service that nobody can order are their own.
    twins = rule("x", "{destination: {name: reviews}}") + rule("y", "{destination: {name: reviews}}")
    result = converter.result(rule("a", spec) + twins)
    assert [bool(doc.refusal) for doc in result.docs] == [False, True, True]


def test_labels_within_a_routes_destination_chose_no_pods_and_that_is_told(converter: Converter) -> None:
    text = rule("a", "{destination: {name: ratings}, route: [{destination: {name: ratings, labels: {version: v2}}}]}")
    result = converter.result(text)
    assert [out["kind"] for out in result.docs[0].outputs] == ["VirtualService"]
    assert "spec.route[0].destination.labels chose no pods" in str(result.docs[0].notes)


def test_a_service_of_another_namespace_has_a_name_of_its_own(converter: Converter) -> None:
    here = rule("here", "{destination: {name: reviews}, route: [{labels: {version: v1}}]}")
    there = rule("there", "{destination: {name: reviews, namespace: prod}, route: [{labels: {version: v1}}]}")
    names = [(doc["kind"], doc["metadata"]["name"]) for doc in converter.outputs(here + there)]
    assert names == [
        ("VirtualService", "reviews"),
        ("DestinationRule", "reviews"),
        ("VirtualService", "reviews-prod"),
        ("DestinationRule", "reviews-prod"),
    ]


@pytest.mark.parametrize("beside", ["route: [{labels: {version: v1}}]", "mirror: {name: details}"])
def test_a_redirect_leads_nowhere_else(converter: Converter, beside: str) -> None:
    refusal = converter.refusal(rule("a", f"{{destination: {{name: ratings}}, redirect: {{uri: /n}}, {beside}}}"))
    assert f"spec.redirect and spec.{beside.partition(':')[0]} exclude each other; keep one" in refusal


def test_a_field_that_is_always_on_is_told(converter: Converter) -> None:
    result = converter.result(rule("a", "{destination: {name: ratings}, websocketUpgrade: true}"))
    assert [note.field for note in result.docs[0].notes] == ["spec.websocketUpgrade"]
