# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    record,
    rule_of,
)

URL = "http://reviews:9080/reviews/0"
FAULT = "envoy.filters.http.fault"


def told(found: Mesh, *statuses: int, **parts: t.Any) -> Diagnosis | None:
    seen = tuple({"status": status, "body": "", "headers": []} for status in statuses)
    own = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(URL)}
    return diagnose(Findings(URL, "productpage", "bookinfo", **{"expected_status": (200,), **own, **parts}))


def said(found: Mesh, *statuses: int, **parts: t.Any) -> str:
    answer = told(found, *statuses, **parts)
    return answer.sentence if answer is not None else ""


def ruled(http: Json, policy: Json | None = None, **route: t.Any) -> Mesh:
    """The mesh with one rule for reviews, and the route that istiod makes of it, with this policy for retries."""
    action = {"cluster": REVIEWS, "retry_policy": policy or {}}
    made = rule_of("reviews", {"match": {"prefix": "/"}, "route": action, **route})
    spec = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}], **http}]}
    return mesh([made], VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}])


def answered(status: int) -> t.Any:
    """What the caller's proxy writes about an answer of reviews."""
    return dataclasses.replace(record("productpage-a-b", status, "-", REVIEWS), upstream="10.0.0.2:9080")


RULE = "Rule 1 of VirtualService bookinfo/reviews"
DEFAULT = {"retry_on": "connect-failure,retriable-status-codes", "num_retries": 2, "retriable_status_codes": [503]}


@pytest.mark.parametrize(
    ("retries", "policy", "status", "told_of"),
    [
        (
            {"attempts": 2},
            DEFAULT,
            500,
            "tries again only after connect-failure or 503 (retries.retryOn, by default), and reviews answers 500.",
        ),
        (
            {"attempts": 2, "retryOn": "gateway-error"},
            {"retry_on": "gateway-error", "num_retries": 2},
            500,
            "tries again only after gateway-error (retries.retryOn), and reviews answers 500.",
        ),
        ({"attempts": 2}, DEFAULT, 503, ""),
        ({"attempts": 2, "retryOn": "5xx"}, {"retry_on": "5xx", "num_retries": 2}, 500, ""),
        ({"attempts": 2}, {"retry_on": "gateway-error", "num_retries": 2}, 502, ""),
        ({"attempts": 0}, DEFAULT, 500, ""),
    ],
)
def test_failures_after_which_nothing_is_tried_again(retries: Json, policy: Json, status: int, told_of: str) -> None:
    sentence = said(ruled({"retries": retries}, policy), status, records=(answered(status),))
    assert sentence == f"{RULE} {told_of}" if told_of else "retryOn" not in sentence


def test_what_adds_a_failure_to_those_that_are_tried_again() -> None:
    retries = {"attempts": 2, "retryOn": "gateway-error"}
    found = ruled({"retries": retries}, {"retry_on": "gateway-error", "num_retries": 2})
    answer = told(found, 500, records=(answered(500),))
    assert answer is not None
    assert '"path": "/spec/http/0/retries/retryOn", "value": "gateway-error,5xx"' in answer.change


def test_a_failure_that_no_callee_has_answered_is_not_one_of_retries() -> None:
    found = ruled({"retries": {"attempts": 2}}, {"retry_on": "connect-failure", "num_retries": 2})
    assert "retryOn" not in said(found, 503, records=(record("productpage-a-b", 503, "UF", REVIEWS),))


@pytest.mark.parametrize(("attempts", "named"), [(3, True), (0, False)])
def test_a_fault_beside_retries(attempts: int, named: bool) -> None:
    half = {"numerator": 50, "denominator": "HUNDRED"}
    fault = {"abort": {"http_status": 503, "percentage": half}}
    found = ruled({"retries": {"attempts": attempts}}, typed_per_filter_config={FAULT: fault})
    sentence = said(found, 503)
    expected = (
        f"{RULE} answers 50 % of the requests with 503 itself (fault.abort), and its retries do not count for these: "
        "nothing has been sent on that could be tried again."
    )
    assert (sentence == expected) == named
    assert said(found, 503, expected_status=(200, 503)) != expected, "the fault is expected"


def with_rule(spec: Json, cluster: Json, health: str = "HEALTHY") -> Mesh:
    """The mesh with a DestinationRule for reviews, of which its cluster is made."""
    rule = {"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": {"host": "reviews", **spec}}
    found = mesh(DestinationRule=[rule])
    config = found.configs["bookinfo", "productpage-a-b"]
    own = rule_of("reviews", {**config.clusters[REVIEWS], **cluster}, "destination-rule")
    hosts = tuple({**one, "health_status": health} for one in config.endpoints[REVIEWS])
    ejected = {(REVIEWS, "10.0.0.2", 9080): "ejected"} if health != "HEALTHY" else {}
    caller = dataclasses.replace(
        config, clusters={**config.clusters, REVIEWS: own}, endpoints={REVIEWS: hosts}, ejected=ejected
    )
    return Mesh(found.objects, {**found.configs, ("bookinfo", "productpage-a-b"): caller})


NEVER: Json = {"trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 2}}}
EJECTS_NONE = (
    "The outlierDetection of DestinationRule bookinfo/reviews may eject 10 % of the pods (maxEjectionPercent is 10), "
    "which is less than one of reviews's 2, so it ejects none."
)


def test_a_failing_pod_that_is_never_ejected() -> None:
    answer = told(with_rule(NEVER, {"outlier_detection": {}}), 503, records=(answered(503),))
    assert answer is not None
    assert answer.sentence == EJECTS_NONE
    assert '"path": "/spec/trafficPolicy/outlierDetection/maxEjectionPercent", "value": 100' in answer.change
    assert said(with_rule(NEVER, {}, "UNHEALTHY"), 503, records=(answered(503),)) != EJECTS_NONE, "one is ejected"
    assert said(with_rule(NEVER, {}), 404, records=(answered(404),)) != EJECTS_NONE


def test_a_breaker_that_does_not_hold_for_the_port() -> None:
    level = {"port": {"number": 9080}, "loadBalancer": {"simple": "RANDOM"}}
    policy: Json = {"connectionPool": {"tcp": {"maxConnections": 1}}, "portLevelSettings": [level]}
    lost = with_rule({"trafficPolicy": policy}, {})
    sentence = (
        "The connectionPool of DestinationRule bookinfo/reviews does not hold for port 9080, which has settings of its "
        "own (portLevelSettings): these take the place of all that is above them."
    )
    assert said(lost, expected_status=(200, 503)) == sentence
    assert said(lost, 404) != sentence
