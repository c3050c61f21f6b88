# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter


def rule(name: str, spec: str, kind: str = "RouteRule") -> str:
    return f"apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"


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


def test_a_match_alone_leaves_the_other_requests_as_they_were(converter: Converter) -> None:
    text = rule(
        "a", "{destination: {name: ratings}, match: {request: {headers: {x: {exact: y}}}}, redirect: {uri: /n}}"
    )
    assert converter.outputs(text)[0]["spec"]["http"] == [
        {"match": [{"headers": {"x": {"exact": "y"}}}], "redirect": {"uri": "/n"}},
        {"route": [{"destination": {"host": "ratings"}}]},
    ]


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


def test_https_of_an_egress_rule_is_begun_by_the_sidecar(converter: Converter) -> None:
    text = rule("e", "{destination: {service: api.example.com}, ports: [{port: 443, protocol: https}]}", "EgressRule")
    entry, destination = converter.outputs(text)
    assert entry["spec"]["ports"] == [{"number": 443, "name": "http-443", "protocol": "HTTP"}]
    assert destination["spec"]["trafficPolicy"]["portLevelSettings"] == [
        {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}
    ]


def test_the_first_form_is_read_too(converter: Converter) -> None:
    text = """\
type: route-rule
name: r
spec:
  destination: ratings.default.svc.cluster.local
  match: {httpHeaders: {cookie: {exact: a}}}
  route: [{tags: {version: v1}, weight: 100}]
"""
    service = converter.outputs(text)[0]
    assert service["spec"]["http"][0]["route"] == [{"destination": {"host": "ratings", "subset": "v1"}}]


def test_a_subset_of_a_rule_in_the_input_is_used(converter: Converter) -> None:
    text = rule("a", "{destination: {name: ratings}, route: [{labels: {version: '1.0'}}]}") + (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
        "spec: {host: ratings, subsets: [{name: old, labels: {version: '1.0'}}]}\n"
    )
    found = converter.outputs(text)
    assert [doc["kind"] for doc in found] == ["VirtualService", "DestinationRule"]
    assert found[0]["spec"]["http"][0]["route"][0]["destination"]["subset"] == "old"


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
        (rule("a", "{destination: {name: ratings}, l4Fault: {}}"), "spec.l4Fault is not a field"),
        (
            rule("a", "{destination: {name: ratings}, precedence: 1}")
            + rule("b", "{destination: {name: ratings}, precedence: 1}"),
            "same precedence and the same match",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(text)


def egress(service: str, protocol: str) -> str:
    return rule(
        "out", f"{{destination: {{service: {service}}}, ports: [{{port: 27017, protocol: {protocol}}}]}}", "EgressRule"
    )


@pytest.mark.parametrize(
    ("service", "network"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("'2001:db8::/32'", "2001:db8::/32")],
)
@pytest.mark.parametrize("protocol", ["tcp", "mongo"])
def test_a_range_of_addresses_is_no_host(converter: Converter, service: str, network: str, protocol: str) -> None:
    (entry,) = converter.outputs(egress(service, protocol))
    assert entry["spec"]["addresses"] == [network]
    assert entry["spec"]["hosts"] == ["out.egress.local"]
    assert (entry["spec"]["resolution"], entry["spec"]["ports"][0]["protocol"]) == ("NONE", protocol.upper())


def test_ranges_that_there_could_not_be_are_refused(converter: Converter) -> None:
    assert "is not a range of addresses" in converter.refusal(egress("10.0.0.0/99", "tcp"))
    assert "for TCP only" in converter.refusal(egress("10.0.0.0/8", "http"))
