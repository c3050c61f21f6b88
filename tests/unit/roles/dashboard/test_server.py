# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server of the pages asks, answers, and says where there is nothing to show."""

from __future__ import annotations

import json
import typing as t
import urllib.error
import urllib.request

import pytest
import server
from ansible_collections.mesh.workshop.tests.unit.servers import Answer

Json = dict[str, t.Any]
GRAPH = "/api/graph?namespace=bookinfo&minutes=5"
SIGNALS = "/api/signals?namespace=bookinfo&minutes=15&by=service"


def ask(address: str) -> tuple[int, Json]:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_graph_is_made_of_what_prometheus_says(serve: t.Any, prometheus: t.Any) -> None:
    status, found = ask(serve() + GRAPH)
    assert (status, found["namespace"], found["minutes"], found["age"]) == (200, "bookinfo", 5, 3.2)
    assert len(found["edges"]) == 7
    assert found["edges"][0]["rate"] == 60 / 300
    assert found["edges"][0]["p50"] > 0
    # Durations are those that callers see.
    queries = [one["query"] for one in prometheus.questions]
    assert not [one for one in queries if "_bucket" in one and 'reporter="destination"' in one]


def test_what_was_there_before_is_taken_off(serve: t.Any, prometheus: t.Any) -> None:
    usual = prometheus.site.answer

    def answer(request: t.Any) -> Answer:
        if b"offset" in request.content and b"_bucket" not in request.content:
            return prometheus._vector([(labels, count - 7) for labels, count in prometheus.calls])
        return usual(request)

    prometheus.site.answer = answer
    _status, found = ask(serve() + GRAPH)
    assert {one["requests"] for one in found["edges"]} == {7}


def test_queries_are_those_of_the_namespace() -> None:
    now, then = server.growth_queries("istio_requests_total", ("reporter", "instance"), "ada", 5, ("source",))
    callers = 'istio_requests_total{reporter="source",source_workload_namespace="ada"}'
    assert now.startswith(f"sum by (reporter, instance) ({callers} or ")
    assert f"{callers} offset 5m" in then
    assert f"min_over_time({callers}[5m])" in then
    assert f"count_over_time({callers}[5m])" in then
    assert then.endswith(">= on (instance) group_left () max by (instance) (sum_over_time(up[5m])))))")
    for by in server.GROUPS:
        for query in server.signal_queries("ada", by).values():
            assert '_namespace="ada"' in query
            assert query.count("(") == query.count(")")


def test_signals_of_services(serve: t.Any, prometheus: t.Any) -> None:
    status, found = ask(serve() + SIGNALS)
    assert status == 200
    assert [one["name"] for one in found["series"]] == ["details", "reviews"]
    assert len(found["times"]) == server.POINTS
    asked = prometheus.questions[-1]
    assert (found["times"][0], found["times"][-1]) == (float(asked["start"]), float(asked["end"]))
    assert found["series"][0]["rate"] == [2.0] * server.POINTS
    assert found["series"][0]["errors"] == [0.05] * server.POINTS


def test_viewers_of_the_same_page_cost_one(serve: t.Any, prometheus: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FRESH", 1000.0)
    address = serve() + GRAPH
    first = ask(address)
    asked = len(prometheus.site.requests)
    assert ask(address) == first
    assert len(prometheus.site.requests) == asked
    monkeypatch.setattr(server, "FRESH", 0.0)
    ask(address)
    assert len(prometheus.site.requests) == 2 * asked


def test_viewers_do_not_queue_for_a_prometheus_that_fails(
    serve: t.Any, prometheus: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FRESH", 1000.0)
    prometheus.broken = Answer(status=503)
    address = serve() + GRAPH
    first = ask(address)
    asked = len(prometheus.site.requests)
    assert (first[0], asked > 0) == (503, True)
    assert ask(address) == first
    assert len(prometheus.site.requests) == asked


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("graph?minutes=1", 'namespace="" is no name of a namespace: choose one from the list.'),
        ('graph?namespace=a"}&minutes=1', 'namespace="a"}" is no name of a namespace'),
        ("graph?namespace=a&minutes=7", 'minutes="7" is no period of this page: choose one of 1, 5, 15.'),
        ("signals?namespace=a&minutes=5&by=pod", 'by="pod" is no choice of this page: choose service or workload.'),
    ],
)
def test_other_choices_are_told_and_not_asked(serve: t.Any, prometheus: t.Any, query: str, said: str) -> None:
    status, found = ask(f"{serve()}/api/{urllib.request.quote(query, safe='?=&')}")
    assert status == 400
    assert found["error"].startswith(said)
    assert prometheus.site.requests == []


def test_other_addresses_are_not_there(serve: t.Any) -> None:
    address = serve()
    assert ask(f"{address}/../server.py") == (404, {"error": "There is no page /../server.py: open /."})
    request = urllib.request.Request(address, data=b"", method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    assert error.value.code == 501
    error.value.close()


@pytest.mark.parametrize("query", [GRAPH, SIGNALS, "/api/namespaces"])
@pytest.mark.parametrize(
    ("counts", "status", "said"),
    [
        ((0.0, 0.0), 503, "reads no proxy of the mesh"),
        ((0.0, 7.0), 200, "or let ansible-playbook mesh.workshop.traffic do it."),
    ],
)
def test_no_metrics_of_istio(
    serve: t.Any, prometheus: t.Any, query: str, counts: tuple[float, float], status: int, said: str
) -> None:
    prometheus.calls = []
    prometheus.counts = dict(zip(prometheus.counts, counts, strict=True))
    answered, found = ask(serve() + query)
    assert answered == status
    assert said in found["error"]


def test_a_namespace_without_traffic_is_empty(serve: t.Any, prometheus: t.Any) -> None:
    prometheus.calls = []
    status, found = ask(serve() + GRAPH)
    assert (status, found["nodes"], found["edges"]) == (200, [], [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=503), "HTTP status 503"),
        (Answer(body=b"<html>log in</html>"), "Expecting value"),
        (Answer(body=b"[]"), "an answer that its API does not give"),
        (Answer(body=b'{"data": null}'), "an answer that its API does not give"),
    ],
)
def test_a_prometheus_that_does_not_answer_as_one(serve: t.Any, prometheus: t.Any, answer: Answer, reason: str) -> None:
    prometheus.broken = answer
    status, found = ask(serve() + GRAPH)
    assert status == 503
    assert found["error"].startswith(f"Prometheus at {prometheus.url} does not answer ({reason}")
    assert found["error"].endswith("whether dashboard_prometheus names its address.")


def test_no_prometheus(serve: t.Any, prometheus: t.Any) -> None:
    prometheus.site.close()
    status, found = ask(serve() + GRAPH)
    assert status == 503
    assert "Connection refused" in found["error"]


def test_what_speaks_no_http_is_no_prometheus(serve: t.Any, prometheus: t.Any) -> None:
    usual = prometheus.site.server.RequestHandlerClass.handle_any
    prometheus.site.server.RequestHandlerClass.do_POST = lambda handler: handler.wfile.write(
        b"\x15\x03\x01\x00\x02\x02P"
    )
    status, found = ask(serve() + GRAPH)
    prometheus.site.server.RequestHandlerClass.do_POST = usual
    assert status == 503
    assert found["error"].startswith(f"Prometheus at {prometheus.url} does not answer (")


def test_nothing_is_loaded_from_elsewhere(serve: t.Any) -> None:
    with urllib.request.urlopen(serve(), timeout=30) as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert 'src="http' not in page
