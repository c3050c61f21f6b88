# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_a_policy_for_labels_is_one_for_a_subset(converter: Converter) -> None:
    text = rule(
        "p",
        "{destination: {name: ratings, labels: {version: v1}}, loadBalancing: {name: RANDOM}, circuitBreaker: "
        "{simpleCb: {maxConnections: 1, httpConsecutiveErrors: 2, sleepWindow: 3m}}}",
        "DestinationPolicy",
    )
    assert converter.outputs(text)[0]["spec"]["subsets"] == [
        {
            "name": "v1",
            "labels": {"version": "v1"},
            "trafficPolicy": {
                "loadBalancer": {"simple": "RANDOM"},
                "connectionPool": {"tcp": {"maxConnections": 1}},
                "outlierDetection": {"consecutive5xxErrors": 2, "baseEjectionTime": "3m"},
            },
        }
    ]


def test_a_policy_for_some_callers_is_a_rule_for_their_workloads(converter: Converter) -> None:
    route = rule("r", "{destination: {name: ratings}, route: [{labels: {version: v1}}]}")
    everyone = rule("all", "{destination: {name: ratings}, loadBalancing: {name: RANDOM}}", "DestinationPolicy")
    reviews = rule(
        "reviews",
        "{source: {name: reviews}, destination: {name: ratings, labels: {version: v1}}, "
        "circuitBreaker: {simpleCb: {maxConnections: 1}}}",
        "DestinationPolicy",
    )
    _service, general, special = converter.outputs(route + everyone + reviews)
    assert general["spec"] == {
        "host": "ratings",
        "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
        "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
    }
    # What holds for all callers holds for these as well: Envoy gets one of the two rules only.
    assert special["metadata"]["name"] == "ratings-from-reviews"
    assert special["spec"] == {
        "host": "ratings",
        "workloadSelector": {"matchLabels": {"app": "reviews"}},
        "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
        "subsets": [
            {
                "name": "v1",
                "labels": {"version": "v1"},
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}},
            }
        ],
    }


@pytest.mark.parametrize("order", [1, -1])
def test_two_policies_for_one_caller_are_told(converter: Converter, order: int) -> None:
    policies = [
        rule("a", "{destination: {name: ratings}, loadBalancing: {name: RANDOM}}", "DestinationPolicy"),
        rule(
            "b",
            "{source: {name: reviews}, destination: {name: ratings}, loadBalancing: {name: ROUND_ROBIN}}",
            "DestinationPolicy",
        ),
    ][::order]
    result = converter.result("".join(policies))
    assert result.refusals() == []
    assert "Which of them held was not defined" in str(result.docs[0].differences)
    chosen = [out["spec"]["trafficPolicy"]["loadBalancer"]["simple"] for doc in result.docs for out in doc.outputs]
    assert chosen == ["RANDOM", "ROUND_ROBIN"]


def test_a_time_without_a_unit_is_refused_where_it_stands(converter: Converter) -> None:
    spec = "{destination: {name: ratings}, circuitBreaker: {simpleCb: {sleepWindow: 15}}}"
    refusal = converter.refusal(rule("p", spec, "DestinationPolicy"))
    assert "spec.circuitBreaker.simpleCb.sleepWindow must be a duration with a unit" in refusal


def test_the_first_policies_were_lists(converter: Converter) -> None:
    text = (
        "type: destination-policy\nname: first\nspec:\n  destination: ratings.default.svc.cluster.local\n  policy:\n"
        "  - loadBalancing: {name: RANDOM}\n"
        "  - tags: {version: v1}\n    circuitBreaker: {simple_cb: {max_connections: 9}}\n"
    )
    result = converter.result(text)
    assert result.docs[0].title == "destination-policy first"
    assert [(out["kind"], out["spec"]) for out in result.docs[0].outputs] == [
        (
            "DestinationRule",
            {
                "host": "ratings",
                "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
                "subsets": [
                    {
                        "name": "v1",
                        "labels": {"version": "v1"},
                        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 9}}},
                    }
                ],
            },
        )
    ]
    assert "spec.policy[1].gone is not a field" in converter.refusal(text.replace("circuitBreaker", "gone"))
