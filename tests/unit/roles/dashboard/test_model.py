# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages make of Prometheus' answers."""

from __future__ import annotations

import typing as t

import model
import pytest
from ansible_collections.mesh.workshop.tests.unit.roles.dashboard.conftest import (
    BOOKINFO,
    FAULT,
    buckets,
    call,
    unanswered,
)

Json = dict[str, t.Any]


def series(value: float, **labels: str) -> Json:
    return {"metric": labels, "value": [0, str(value)]}


def graph(*calls: t.Any, seconds: int = 60) -> Json:
    return model.graph_of(list(calls), [one for labels, count in calls for one in buckets(labels, count, 30)], seconds)


def edge(found: Json, caller: str, callee: str) -> Json:
    (one,) = [one for one in found["edges"] if (one["from"], one["to"]) == (caller, callee)]
    return dict(one)


def test_growth_counts_new_series_from_nothing_and_restarts_anew() -> None:
    now = [series(12, pod="a"), series(3, pod="b"), series(4, pod="c")]
    then = [series(10, pod="a"), series(9, pod="c"), series(7, pod="gone")]
    assert model.grown(now, then) == [({"pod": "a"}, 2.0), ({"pod": "b"}, 3.0), ({"pod": "c"}, 4.0)]


@pytest.mark.parametrize(
    ("counts", "share", "wanted"),
    [
        ({10.0: 0, 20.0: 4, float("inf"): 4}, 0.5, 15.0),
        ({10.0: 8, 20.0: 10, float("inf"): 10}, 0.95, 17.5),
        ({10.0: 0, float("inf"): 4}, 0.5, 10.0),
        ({10.0: 0, float("inf"): 0}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_quantiles(counts: dict[float, float], share: float, wanted: float | None) -> None:
    assert model.quantile(counts, share) == wanted


def test_bookinfo_is_seven_workloads_with_exact_counts() -> None:
    found = graph(*BOOKINFO)
    assert [(one["name"], one["version"], one["kind"]) for one in found["nodes"]] == [
        ("details", "v1", "workload"),
        ("productpage", "v1", "workload"),
        ("ratings", "v1", "workload"),
        *(("reviews", f"v{number}", "workload") for number in (1, 2, 3)),
        ("istio-ingressgateway", "", "workload"),
    ]
    assert len(found["edges"]) == 7
    one = edge(found, "bookinfo/productpage-v1", "bookinfo/details-v1")
    assert (one["requests"], one["rate"], one["codes"], one["mtls"]) == (60, 1.0, {"200": 60}, 1.0)
    assert one["failed"] == {"share": 0.0, "codes": [], "flags": []}
    assert 25 < one["p50"] < one["p95"] <= 50
    assert found["problems"] == []


def test_calls_that_nobody_answered_belong_to_the_only_version() -> None:
    found = graph(*BOOKINFO, FAULT)
    one = edge(found, "bookinfo/productpage-v1", "bookinfo/details-v1")
    assert one["failed"] == {"share": 0.5, "codes": ["500"], "flags": ["FI"]}
    assert one["mtls"] == 1.0, "what no proxy was asked says nothing of the connections"
    (failing,) = [node for node in found["nodes"] if node["failed"]]
    assert (failing["name"], failing["failed"]) == ("details", 0.5)
    assert found["problems"] == [
        "50 % of the calls from productpage v1 to details v1 fail: 500, a fault was injected (FI)."
    ]


def test_calls_that_no_version_or_one_of_several_could_have_answered_belong_to_the_service() -> None:
    of_several = graph(*BOOKINFO, unanswered("productpage-v1", "reviews", 6, response_code="503", response_flags="UH"))
    assert edge(of_several, "bookinfo/productpage-v1", "service reviews.bookinfo.svc.cluster.local")["requests"] == 6
    assert of_several["problems"] == [
        "100 % of the calls from productpage v1 to reviews (no version was asked) fail: 503, "
        "the service has no healthy endpoint (UH)."
    ]
    of_none = graph(FAULT)
    assert [(one["name"], one["kind"]) for one in of_none["nodes"]][1] == ("details", "service")
    assert of_none["edges"][0]["mtls"] is None


@pytest.mark.parametrize(
    ("labels", "part", "codes"),
    [
        ({"response_code": "503"}, "failed", ["503"]),
        ({"response_code": "0", "response_flags": "DC"}, "failed", ["0"]),
        ({"grpc_response_status": "14"}, "failed", ["gRPC 14"]),
        ({"response_code": "403"}, "refused", ["403"]),
        ({"response_code": "429"}, "refused", ["429"]),
    ],
)
def test_what_fails_and_what_is_refused(labels: dict[str, str], part: str, codes: list[str]) -> None:
    bad = call("productpage-v1", "details-v1", 4, **labels)
    (one,) = graph(call("productpage-v1", "details-v1", 12, grpc_response_status="0"), bad)["edges"]
    assert one[part]["share"] == 0.25
    assert one[part]["codes"] == codes
    assert one["refused" if part == "failed" else "failed"]["share"] == 0


def test_a_delay_that_was_injected_is_told_and_is_no_failure() -> None:
    found = graph(call("reviews-v2", "ratings-v1", 9, response_flags="DI"), call("reviews-v2", "ratings-v1", 1))
    assert found["edges"][0]["delayed"] == 0.9
    assert found["edges"][0]["failed"]["share"] == 0
    assert found["problems"] == ["90 % of the calls from reviews v2 to ratings v1 are slow: a delay was injected (DI)."]


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50 %"), (0.001, "Less than 1 %"), (0.999, "More than 99 %"), (1.0, "100 %"), (0, "0 %")]
)
def test_a_share_says_neither_none_nor_all_where_it_is_not(share: float, text: str) -> None:
    assert model.percent(share) == text


def at_callee(count: float, policy: str, source: str = "unknown") -> t.Any:
    given = {"reporter": "destination", "source_workload": source, "connection_security_policy": policy}
    return call("productpage-v1", "details-v1", count, **given)


def test_calls_in_plaintext_have_no_lock() -> None:
    plain = call("productpage-v1", "details-v1", 3, destination_principal="unknown")
    found = graph(call("productpage-v1", "details-v1", 9), plain, at_callee(3, "none"), at_callee(9, "mutual_tls"))
    (one,) = found["edges"]
    assert one["mtls"] == 0.75


def test_what_the_callee_knows_of_a_connection_counts_where_it_knows_the_caller() -> None:
    """As with Istio's own proxies, whose callers may name the other side without mTLS."""
    (one,) = graph(call("productpage-v1", "details-v1", 8), at_callee(8, "none", source="productpage-v1"))["edges"]
    assert one["mtls"] == 0.0


def test_a_caller_without_a_sidecar_is_outside_of_the_mesh() -> None:
    found = graph(call("productpage-v1", "details-v1", 9), at_callee(9, "mutual_tls"), at_callee(5, "none"))
    one = edge(found, model.OUTSIDE, "bookinfo/details-v1")
    assert (one["requests"], one["mtls"], one["p50"]) == (5, 0.0, None)


def test_a_service_outside_of_the_mesh_has_no_workload() -> None:
    there = {"destination_service": "www.example.com", "destination_service_name": "www.example.com"}
    away = unanswered("productpage-v1", "x", 2, response_code="200", response_flags="-", **there)
    nowhere = unanswered(
        "productpage-v1", "x", 2, **dict.fromkeys([*there, "destination_service_namespace"], "unknown")
    )
    nodes = graph(away, nowhere)["nodes"]
    assert {one["name"] for one in nodes} == {"productpage", "www.example.com", "no service of the mesh"}


def test_signals_have_a_place_for_each_time() -> None:
    def line(*values: t.Any, name: str = "details") -> list[Json]:
        return [{"metric": {"destination_service_name": name}, "values": [list(one) for one in values]}]

    answers = {
        "rate": [*line((10, "2"), (20, "4")), *line((10, "1"), name="unknown")],
        "failed": line((20, "1")),
        "p50": line((10, "NaN"), (20, "30")),
        "p95": line((20, "+Inf")),
    }
    (found,) = model.signals_of(answers, "destination_service_name", [10.0, 20.0, 30.0])
    assert found == {
        "name": "details",
        "rate": [2.0, 4.0, None],
        "errors": [0.0, 0.25, None],
        "p50": [None, 30.0, None],
        "p95": [None, None, None],
    }
