# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check expects and nothing in the mesh does is named; where something does it, nothing is."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    PAGE,
    Json,
    said,
    thing,
    world,
)

INSIDE = {"source": "productpage", "url": "http://reviews:9080/reviews/0", "answers": 4}
SLOW = {"latency_min": 7.0, "expected_status": (200,)}
FAST = {**PAGE, "seconds": 0.1}


def sentence(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> str:
    found = said(objects, *seen, **{**INSIDE, **parts})
    return found.sentence if found else ""


def faulty(fault: str, namespace: str = "bookinfo") -> dict[str, list[Json]]:
    objects = world()
    route = {"fault": {fault: {"percentage": {"value": 100}}}, "route": [{"destination": {"host": "ratings"}}]}
    objects["VirtualService"].append(
        thing("slow", namespace, spec={"hosts": ["*"], "gateways": ["g"], "http": [route]})
    )
    return objects


# -- delays --------------------------------------------------------------


def test_no_delay() -> None:
    found = said(world(), FAST, **INSIDE, **SLOW)
    assert found
    assert found.sentence == "No delay is applied to reviews: no VirtualService has a fault with a delay."
    assert "fault.delay" in found.remedy
    assert "what is behind mybookstore.com" in sentence(
        world(), FAST, **SLOW, source="host", url="http://mybookstore.com/"
    )
    assert "No delay" in sentence(faulty("abort"), FAST, **SLOW)
    assert "No delay" in sentence(faulty("delay", "attendee-2"), FAST, **SLOW)


@pytest.mark.parametrize(
    "answer", [{**FAST, "seconds": 8.0}, {**FAST, "status": 404}, {**FAST, "error": {"kind": "x"}}, PAGE]
)
def test_a_delay_is_not_missed_where_something_else_is_wrong(answer: Json) -> None:
    assert sentence(world(), answer, **SLOW) == ""


def test_a_delay_that_is_there_is_not_missed() -> None:
    assert sentence(faulty("delay"), FAST, **SLOW) == ""
    assert sentence(faulty("delay", "istio-system"), FAST, **SLOW) == ""


# -- quotas --------------------------------------------------------------

QUOTA = {"expects_quota": True}


def limited(namespace: str = "bookinfo", name: str = "envoy.filters.http.local_ratelimit", **labels: str) -> t.Any:
    patches = [{"applyTo": "HTTP_FILTER", "patch": {"value": {"name": name}}}]
    chosen = {"workloadSelector": {"labels": labels}} if labels else {}
    return {**world(), "EnvoyFilter": [thing("quota", namespace, spec={**chosen, "configPatches": patches})]}


def test_no_quota() -> None:
    plain = {**world(), "EnvoyFilter": []}
    assert sentence(plain, **QUOTA) == "No EnvoyFilter limits the requests to reviews, so all are admitted."
    for other in (limited(name="envoy.filters.http.lua"), limited("attendee-2"), limited("attendee-2", app="reviews")):
        assert "No EnvoyFilter limits" in sentence(other, **QUOTA)


def test_a_quota_for_other_pods() -> None:
    found = said(limited(app="ratings"), **INSIDE, **QUOTA)
    assert found
    assert found.sentence == (
        "EnvoyFilter bookinfo/quota limits the pods with app=ratings, and no pod of reviews has these labels, so every "
        "request is admitted."
    )
    assert "workloadSelector" in found.remedy


@pytest.mark.parametrize(
    "objects",
    [
        limited(),
        limited(app="reviews"),
        limited(app="productpage"),
        limited("istio-system"),
        limited(name="envoy.filters.http.ratelimit"),
        world(),
    ],
)
def test_a_quota_that_may_hold_is_not_missed(objects: dict[str, list[Json]]) -> None:
    assert sentence(objects, **QUOTA) == ""


def test_where_some_are_refused_there_is_a_quota() -> None:
    assert sentence({**world(), "EnvoyFilter": []}, **QUOTA, limited=1) == ""


# -- copies --------------------------------------------------------------

COPIES = {"expects_copies": True}


def test_no_copies() -> None:
    assert sentence(world(), FAST, **COPIES) == (
        "VirtualService bookinfo/reviews does not mirror the requests to reviews: it has no mirrors."
    )
    objects = world()
    del objects["VirtualService"][1]
    assert sentence(objects, FAST, **COPIES) == "No VirtualService mirrors the requests to reviews."


@pytest.mark.parametrize("mirror", [{"mirror": {"host": "reviews"}}, {"mirrors": [{"destination": {}}]}])
def test_copies_that_are_made_are_not_missed(mirror: Json) -> None:
    objects = world()
    objects["VirtualService"][1]["spec"]["http"][0].update(mirror)
    assert sentence(objects, FAST, **COPIES) == ""
    assert sentence(world(), FAST, **COPIES, copied=1) == ""


# -- traces --------------------------------------------------------------

TRACES = {"expects_traces": True}


def telemetry(namespace: str, **tracing: t.Any) -> Json:
    return thing("tracing", namespace, spec={"tracing": [{"randomSamplingPercentage": 100, **tracing}]})


@pytest.mark.parametrize(
    "found", [[], [telemetry("attendee-2")], [thing("metrics", "istio-system", spec={"metrics": [{}]})]]
)
def test_no_traces(found: list[Json]) -> None:
    assert sentence({**world(), "Telemetry": found}, FAST, **TRACES) == (
        "No Telemetry turns tracing on for these requests."
    )


def test_traces_that_nobody_reports() -> None:
    silent = telemetry("istio-system", disableSpanReporting=True)
    assert "Telemetry istio-system/tracing keeps the proxies from reporting traces (disableSpanReporting)" in sentence(
        {**world(), "Telemetry": [silent]}, FAST, **TRACES
    )


@pytest.mark.parametrize("namespace", ["bookinfo", "istio-system"])
def test_tracing_that_is_on_is_not_missed(namespace: str) -> None:
    assert sentence({**world(), "Telemetry": [telemetry(namespace)]}, FAST, **TRACES) == ""
    assert sentence({**world(), "Telemetry": []}, FAST, **TRACES, traced=1) == ""
    assert sentence(world(), FAST, **TRACES) == "", "what could not be read is not absent"


# -- records and counts --------------------------------------------------

LOGGING = {"expects_logging": True}


@pytest.mark.parametrize("found", [[], [telemetry("bookinfo")], [thing("logs", "a", spec={"accessLogging": [{}]})]])
def test_no_telemetry_says_what_is_logged(found: list[Json]) -> None:
    told = said({**world(), "Telemetry": found}, FAST, **INSIDE, **LOGGING)
    assert told
    assert told.sentence == (
        "No Telemetry says what the proxies of namespace bookinfo log, so they log what the mesh's configuration says."
    )
    assert "accessLogging" in told.remedy


@pytest.mark.parametrize("namespace", ["bookinfo", "istio-system"])
def test_a_telemetry_that_may_say_it_is_not_missed(namespace: str) -> None:
    logs = thing("logs", namespace, spec={"accessLogging": [{}]})
    assert sentence({**world(), "Telemetry": [logs]}, FAST, **LOGGING) == ""
    assert sentence(world(), FAST, **LOGGING) == "", "what could not be read is not absent"


def test_a_metric_that_is_switched_off_comes_before_all_else() -> None:
    told = said({**world(), "VirtualService": []}, FAST, **INSIDE, **COPIES, uncounted=True)
    assert told
    assert told.sentence.startswith("No proxy has counted a request in istio_requests_total meanwhile")
    assert "apply the role metrics again" in told.remedy


@pytest.mark.parametrize("expected", [QUOTA, COPIES, TRACES, LOGGING])
def test_without_an_answer_nothing_is_missed(expected: Json) -> None:
    objects = {**world(), "EnvoyFilter": [], "Telemetry": []}
    assert sentence(objects, **expected, answers=0) == ""


@pytest.mark.parametrize(("name", "named"), [("jaeger", True), ("zipkin", False), ("envoy", False)])
def test_a_provider_of_traces_that_the_mesh_does_not_have(name: str, named: bool) -> None:
    tracing = [{"providers": [{"name": name}], "randomSamplingPercentage": 100}]
    own = {"metadata": {"name": "all", "namespace": "istio-system"}, "spec": {"tracing": tracing}}
    mesh = {"data": {"mesh": "extensionProviders: [{name: zipkin, zipkin: {}}]"}}
    said = (
        "Telemetry istio-system/all reports traces to the provider jaeger, which the mesh's configuration does not "
        "define (extensionProviders), so no proxy reports any."
    )
    assert (sentence({**world(), "Telemetry": [own], "ConfigMap": [mesh]}, FAST, **TRACES) == said) == named
    other = {"data": {"mesh": "extensionProviders: [{name: jaeger}]"}}
    assert sentence({**world(), "Telemetry": [own], "ConfigMap": [mesh, other]}, FAST, **TRACES) == "", "a revision has"
    for unreadable in ([], [{"data": {"mesh": "a: ["}}], [mesh, {"data": {"mesh": "text"}}]):
        objects = {**world(), "Telemetry": [own], "ConfigMap": unreadable}
        assert sentence(objects, FAST, **TRACES) == "", "what is not known is not said"
