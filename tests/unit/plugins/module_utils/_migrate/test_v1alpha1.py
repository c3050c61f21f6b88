# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_rules_of_one_service_are_ordered_by_precedence(converter: Converter) -> None:
    low = rule("low", "{destination: {name: ratings}, precedence: 1, route: [{labels: {version: v1}}]}")
    high = rule(
        "high",
        "{destination: {name: ratings}, precedence: 2, match: {request: {headers: {Cookie: {regex: a.*}, "
        "uri: {prefix: /x}}}}, httpFault: {delay: {percent: 10, fixed_delay: 2s}}, httpReqTimeout: {simple_timeout: "
        "{timeout: 5s}}, httpReqRetries: {simpleRetry: {attempts: 2, perTryTimeout: 1s}}, "
        "route: [{labels: {version: v1}, weight: 60}, {labels: {version: v2}, weight: 40}]}",
    )
    service, destination = converter.outputs(low + high)
    assert (service["kind"], service["metadata"]["name"], destination["kind"]) == (
        "VirtualService",
        "ratings",
        "DestinationRule",
    )
    assert service["spec"] == {
        "hosts": ["ratings"],
        "http": [
            {
                "match": [{"headers": {"cookie": {"regex": "a.*"}}, "uri": {"prefix": "/x"}}],
                "timeout": "5s",
                "retries": {"attempts": 2, "perTryTimeout": "1s"},
                "fault": {"delay": {"percentage": {"value": 10}, "fixedDelay": "2s"}},
                "route": [
                    {"destination": {"host": "ratings", "subset": "v1"}, "weight": 60},
                    {"destination": {"host": "ratings", "subset": "v2"}, "weight": 40},
                ],
            },
            {"route": [{"destination": {"host": "ratings", "subset": "v1"}}]},
        ],
    }
    assert destination["spec"] == {
        "host": "ratings",
        "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}],
    }


def test_variants_of_a_rule_in_two_files_are_converted_apart(converter: Converter) -> None:
    one = rule("a", "{destination: {name: ratings}, precedence: 1, route: [{labels: {version: v1}}]}")
    two = rule("a", "{destination: {name: ratings}, precedence: 1, route: [{labels: {version: v2}}]}")
    found = converter.outputs(one, two)
    routes = [doc["spec"]["http"][0]["route"] for doc in found if doc["kind"] == "VirtualService"]
    assert [route[0]["destination"]["subset"] for route in routes] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (rule("a", "{destination: {name: ratings}, route: [{weight: 50}, {weight: 20}]}"), "do not add up to 100"),
        (rule("a", "{destination: {name: ratings}, match: {source: {name: gone}}}"), "Service default/gone"),
        (rule("a", "{source: {name: x}, destination: {name: ratings}}", "DestinationPolicy"), "Service default/x"),
        (
            rule("a", "{source: {namespace: x, labels: {a: b}}, destination: {name: ratings}}", "DestinationPolicy"),
            "workloads of its own namespace",
        ),
        (
            rule("a", "{source: {namespace: default}, destination: {name: ratings}}", "DestinationPolicy"),
            "workloads of its own namespace",
        ),
        (rule("a", "{destination: {name: x}}", "IngressRule"), "not say which gateway"),
        (
            rule("a", "{destination: {name: ratings}, precedence: 1}")
            + rule("b", "{destination: {name: ratings}, precedence: 1}"),
            "same precedence and the same match",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(text)


def test_a_rule_behind_one_with_the_same_match_is_told(converter: Converter) -> None:
    spec = "{destination: {name: ratings}, precedence: N, match: {request: {headers: {x: {exact: y}}}}}"
    result = converter.result(rule("low", spec.replace("N", "1")) + rule("high", spec.replace("N", "2")))
    told = {doc.name: "is never reached" in str(doc.notes) for doc in result.docs}
    assert told == {"low": True, "high": False}
