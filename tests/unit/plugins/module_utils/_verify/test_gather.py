# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers joined with the logs of proxies."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    gather,
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.run import Run
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred, Cluster, ask, pod
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site

Json = dict[str, t.Any]
CALLEE: tuple[Json, ...] = (
    {"attempts": 0, "callee": "liar"},
    {"attempts": {"below": 0.5}, "callee": "liar"},
    {"mirrored": {"v2": 0}, "callee": "liar"},
    {"upstream_cluster": {"lacks": "PassthroughCluster"}},
)


def test_a_workload_that_lies_about_its_version(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site, expect={"served_by": {"v2": 100}})
    assert outcome.passed, outcome.message
    assert outcome.results[0]["evidence"] == "the access logs of the caller's proxy"
    assert not ask(cluster, site, expect={"served_by": {"v1": 100}}).passed


def test_without_access_logs_the_answer_counts_and_the_result_says_so(cluster: Cluster, site: Site) -> None:
    cluster.logging = []
    outcome = ask(cluster, site, expect={"served_by": {"v1": 100}}, request={"url": f"http://127.0.0.1:{site.port}/"})
    assert outcome.passed
    assert "the proxies write no access log" in outcome.results[0]["evidence"]


@pytest.mark.parametrize("expect", CALLEE)
def test_what_no_proxy_has_written_is_not_known_not_to_have_happened(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, expect: Json
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.logging = []
    outcome = ask(cluster, site, expect=expect)
    assert not outcome.passed
    assert "observed nothing that proves it. The proxies' logs have no record of these requests" in outcome.message
    assert "Switch access logs on" in outcome.message
    assert "observed status 200" in ask(cluster, site, expect={**expect, "status": 503}).message, "that is the news"


def test_a_callee_that_answers_without_a_log_proves_nothing(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.logging, cluster.host = ["productpage-1"], "liar"
    never = {"callee": "liar", "attempts": 0}
    assert "observed nothing that proves it" in ask(cluster, site, expect=never).message
    cluster.details = "overflow"
    outcome = ask(cluster, site, expect=never)
    assert outcome.passed, "the caller's proxy says that it asked nobody"
    cluster.logging = ["productpage-1", "liar-1"]
    assert ask(cluster, site, expect={"callee": "liar", "attempts": 1}).passed
    assert not ask(cluster, site, expect=never).passed


def test_who_has_answered_the_callers_log_tells_where_the_callee_is_silent(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.logging, cluster.host = ["productpage-1"], "liar"
    outcome = ask(cluster, site, expect={"served_by": {"v2": 100}, "callee": "liar"})
    assert outcome.passed, outcome.message
    assert not ask(cluster, site, expect={"served_by": {"v1": 100}, "callee": "liar"}).passed


def test_records_of_requests_without_an_answer_are_not_waited_for(
    cluster: Cluster, site: Site, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 30.0)
    begun = time.monotonic()
    outcome = ask(cluster, site, request={"url": f"http://{nowhere}/"}, expect={"served_by": {"v1": 100}})
    assert "observed connection refused" in outcome.message
    assert time.monotonic() - begun < 20


def test_a_callee_that_is_not_there_is_said(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site, expect={"callee": "lier", "attempts": 0})
    assert not outcome.passed
    assert "There is no Service lier in namespace bookinfo" in outcome.message
    del cluster.pods[1]
    outcome = ask(cluster, site, expect={"callee": "liar", "attempts": 0})
    assert "Service bookinfo/liar has no running pod" in outcome.message


def test_from_the_host_the_gateways_own_record_shows_that_logs_are_written(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.pods.append(pod("gateway-1", istio="ingressgateway"))
    cluster.logging = []
    check = {"name": "c", "request": {"url": f"http://x:{site.port}/"}, "expect": {"callee": "liar", "attempts": 0}}
    checks = parse_checks([check], default_namespace="bookinfo")
    assert not run_checks(t.cast(t.Any, cluster), checks, site.address, once=True).passed
    cluster.logging = ["gateway-1"]
    assert run_checks(t.cast(t.Any, cluster), checks, site.address, once=True).passed


def test_shares_from_a_workload(cluster: Cluster, site: Site) -> None:
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 60}
    assert not ask(cluster, site, expect={"served_by": {"v1": 50, "v2": 50}}, request=request).passed


@pytest.mark.parametrize(("another_every", "right"), [(20, True), (8, False)])
def test_the_last_second_of_a_log_is_not_waited_for_where_shares_are_proven(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, another_every: int, right: bool
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.4)
    cluster.another_every, cluster.late = another_every, 30
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 500}
    outcome = ask(cluster, site, expect={"status": 200, "served_by": {"v2": 95, "v1": 5}}, request=request)
    assert outcome.passed is right, outcome.message
    result = outcome.results[0]
    assert (result["samples"], result["requests"]) == ((470, 516) if right else (500, 516))


def test_a_wrong_status_counts_before_its_record_is_written(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.another_every, cluster.late = 20, 30
    served = site.answer

    def broken_at_the_end(request: t.Any) -> t.Any:
        answer = served(request)
        return Answer(500) if len(cluster.agents) >= 510 else answer

    site.answer = broken_at_the_end
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 500}
    assert not ask(cluster, site, expect={"status": 200, "served_by": {"v2": 95, "v1": 5}}, request=request).passed


LOGGED: Json = {"status": [200, 500], "logged": 500}


def failing(site: Site, status: t.Callable[[int], int]) -> tuple[list[str], list[str]]:
    """The site answers each request as the function says, by its number. All agents, and those of errors."""
    every: list[str] = []
    failed: list[str] = []

    def answer(request: t.Any) -> Answer:
        code = status(len(site.requests))
        agent = str(request.headers["user-agent"])
        every.append(agent)
        if code >= 500:
            failed.append(agent)
        return Answer(code)

    site.answer = answer
    return every, failed


def test_a_proxy_that_logs_errors_only(cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    cluster.agents, failed = failing(site, lambda number: 500 if number % 3 == 0 else 200)
    wrong = ask(cluster, site, expect=LOGGED)
    assert not wrong.passed
    assert "observed status 200 is logged (" in wrong.message
    cluster.agents = failed
    right = ask(cluster, site, expect=LOGGED)
    assert right.passed, right.message
    assert right.results[0]["evidence"] == "the access log of the caller's proxy"
    cluster.agents = []
    nothing = ask(cluster, site, expect=LOGGED)
    assert "observed status 500 is not logged (" in nothing.message


@pytest.mark.parametrize("status", [200, 500])
def test_answers_of_one_kind_do_not_show_what_is_logged(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(gather, "LOG_PATIENCE", 0.2)
    _every, cluster.agents = failing(site, lambda _number: status)
    outcome = ask(cluster, site, expect=LOGGED)
    assert not outcome.passed
    assert "; without an answer of either kind nothing shows which are logged" in outcome.message


@pytest.mark.parametrize(
    "expect", [LOGGED, {"callee": "liar", "attempts": 1}, {"callee": "liar", "mirrored": {"v1": 0}}]
)
def test_a_log_is_looked_at_when_its_proxy_has_written_it(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, expect: Json
) -> None:
    """Before that, a record that is not there shows nothing."""
    cluster.pods = [pod("productpage-1", app="productpage", flush="0.5s"), pod("liar-1", app="liar", flush="0.5s")]
    every, _failed = failing(site, lambda number: 500 if number % 3 == 0 else 200)
    looked: list[float] = []
    logs = cluster.logs

    def noted(*arguments: t.Any, **options: t.Any) -> bytes:
        looked.append(time.monotonic())
        return logs(*arguments, **options)

    monkeypatch.setattr(cluster, "logs", noted)
    answered = site.answer
    sent: list[float] = []

    def answer(request: t.Any) -> Answer:
        sent.append(time.monotonic())
        return t.cast(Answer, answered(request))

    site.answer = answer
    cluster.agents = every
    ask(cluster, site, expect=expect)
    assert looked[0] - sent[-1] >= 0.5


def test_how_long_proxies_keep_their_logs(cluster: Cluster) -> None:
    cluster.pods = [pod("a", flush="0.5s"), pod("b", flush="3s"), pod("c", flush=None)]
    run = Run(t.cast(t.Any, cluster), None, None, once=True)
    assert run.log_flush("bookinfo", ["a"]) == 0.5
    assert run.log_flush("bookinfo", ["a", "b"]) == 3.0
    assert run.log_flush("bookinfo", ["a", "c"]) == run.log_flush("bookinfo", ["gone"]) == 1.0
    barred = Run(t.cast(t.Any, Barred()), None, None, once=True)
    assert barred.log_flush("bookinfo", ["a"]) == 1.0
    assert barred.span_flush("bookinfo") == 5.0


def test_a_log_that_may_not_be_read_proves_nothing(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(site, lambda number: 500 if number % 3 == 0 else 200)

    def refused(*_arguments: t.Any, **_options: t.Any) -> bytes:
        raise ApiError(403, "Forbidden", "no")

    monkeypatch.setattr(cluster, "logs", refused)
    outcome = ask(cluster, site, expect=LOGGED)
    assert "The log of the proxy in pod bookinfo/productpage-1 may not be read" in outcome.message
    cluster.pods[0]["spec"]["initContainers"] = []
    outcome = ask(cluster, site, expect=LOGGED)
    assert "Pod bookinfo/productpage-1 has no sidecar that could log these requests" in outcome.message
