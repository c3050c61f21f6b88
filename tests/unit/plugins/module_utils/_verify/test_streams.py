# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams: something happens while requests go on."""

from __future__ import annotations

import threading
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    Outcome,
    parse_checks,
    run_checks,
    start_streams,
    streams,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.asking import PAGE
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred, Cluster
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site


def streaming(site: Site, during: t.Callable[[], None], failures: int = 0) -> Outcome:
    """Something happens while a stream goes on."""
    stream = {"url": PAGE, "stream": True, "concurrency": 2}
    checks = parse_checks(
        [
            {"name": "without a failure", "request": stream, "expect": {"failures": failures}},
            {"name": "page", "request": {"url": PAGE}, "expect": {"status": 200}},
        ]
    )
    streams = start_streams(Barred(), checks, site.address)
    during()
    return run_checks(Barred(), checks, site.address, once=True, streams=streams)


def test_stream_without_a_failure(site: Site) -> None:
    outcome = streaming(site, lambda: None)
    assert outcome.passed, outcome.message
    assert [one["name"] for one in outcome.results] == ["without a failure", "page"]
    assert outcome.results[0]["samples"] >= 20


def test_stream_with_a_short_failure(site: Site) -> None:
    def break_it() -> None:
        broken = threading.Event()

        def fail(_request: t.Any) -> Answer:
            broken.set()
            return Answer(503)

        site.answer = fail
        assert broken.wait(10)
        site.answer = lambda request: Answer()

    outcome = streaming(site, break_it)
    assert not outcome.passed
    assert outcome.message.startswith("1 of 2 checks failed. without a failure: expected at most 0 failures while")
    assert streaming(site, break_it, failures=1000).passed


def test_stream_without_a_way_in() -> None:
    stream = {"url": PAGE, "stream": True}
    outcome = run_checks(Cluster(), parse_checks([{"name": "s", "request": stream, "expect": {"failures": 0}}]))
    assert not outcome.passed
    assert "no way in" in outcome.message


def stream(cluster: Cluster, site: Site) -> t.Any:
    request = {"url": f"http://127.0.0.1:{site.port}/", "stream": True}
    check = {"name": "s", "from": "productpage", "request": request, "expect": {"failures": 0}}
    return start_streams(t.cast(t.Any, cluster), parse_checks([check], default_namespace="bookinfo"))


def test_a_stream_has_begun_when_its_first_answers_are_in(cluster: Cluster, site: Site) -> None:
    streams = stream(cluster, site)
    assert site.requests
    (result,) = list(streams.finish().values())
    assert result["passed"], result


def test_what_hinders_a_stream_is_no_failure_of_the_mesh_and_is_told(cluster: Cluster, site: Site) -> None:
    cluster.exec_fails = 1
    streams = stream(cluster, site)
    (result,) = list(streams.finish().values())
    assert result["passed"], result
    assert "; gaps in which nothing could be sent: 1 (" in result["evidence"]


def test_a_stream_that_never_was_proves_nothing(cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "START_PATIENCE", 0.2)
    cluster.exec_fails = 100
    (result,) = list(stream(cluster, site).finish().values())
    assert not result["passed"]
    assert "container not found" in result["diagnosis"]
