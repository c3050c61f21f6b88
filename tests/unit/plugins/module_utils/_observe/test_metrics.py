# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._observe.metrics import (
    Prometheus,
    find_prometheus,
    port_of,
    prometheus_of,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError, gather, parse_checks, run_checks
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site

Json = dict[str, t.Any]
PATH = "/api/v1/namespaces/mesh-workshop-metrics/services/http:prometheus:9090/proxy/api/v1/query"
QUERY = 'sum(istio_requests_total{destination_service_name="ratings"})'


def service(name: str, namespace: str, *ports: Json) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": list(ports)}}


ALL = "sum(istio_requests_total)"
OURS = service("prometheus", "mesh-workshop-metrics", {"port": 9090, "name": "http"})


def vector(*values: str, labels: Json | None = None) -> Json:
    return {"resultType": "vector", "result": [{"metric": labels or {}, "value": [0, one]} for one in values]}


class Cluster:
    """A cluster with Prometheus, which reads the proxies whenever it is asked, and counts the site's requests."""

    def __init__(self, site: Site | None = None, **answers: t.Any) -> None:
        self.site = site
        self.services = [OURS]
        self.clock = 100.0
        self.counts: t.Callable[[int], float] = float
        self.answers = answers
        self.asked: list[str] = []

    def list(self, _version: str, kind: str, *_place: t.Any, **_selectors: t.Any) -> list[Json]:
        if kind == "Namespace":
            return [{"metadata": {"name": "mesh-workshop-metrics"}}]
        return self.services if kind == "Service" else []

    def request(self, _method: str, path: str, *, query: Json) -> t.Any:
        assert path == PATH
        asked = query["query"]
        self.asked.append(asked)
        self.clock += 1.0
        if asked == "time()":
            data: Json = {"resultType": "scalar", "result": [0, str(self.clock)]}
        elif "envoy_server_live" in asked:
            data = self.answers.get("read", vector(str(self.clock)))
        else:
            sent = len(self.site.requests) if self.site else 0
            data = self.answers.get("data", vector(str(self.counts(sent))))
        if isinstance(data, Exception):
            raise data
        return types.SimpleNamespace(body=json.dumps({"status": "success", "data": data}).encode())


def ask(cluster: t.Any, **check: t.Any) -> t.Any:
    metric = {"query": QUERY, **check.pop("metric")}
    expect = {"metric": metric, **({"status": check.pop("status")} if "status" in check else {})}
    one = {"name": "metric", "request": {"url": "http://shop.example/", **check}, "expect": expect}
    return run_checks(cluster, parse_checks([one]), cluster.site.address, once=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "SETTLE", 0.0)
    monkeypatch.setattr(gather, "READ_PATIENCE", 0.0)
    monkeypatch.setattr(gather, "READ_PAUSE", 0.0)


def test_a_counter_grows_with_these_very_requests(site: Site) -> None:
    cluster = Cluster(site)
    right = ask(cluster, metric={"each": 1}, count=20)
    assert right.passed, right.message
    (result,) = right.results
    assert result["observed"] == "metric grew by 20 in 20 requests"
    assert result["evidence"] == "the metrics in Prometheus (mesh-workshop-metrics/prometheus)"
    wrong = ask(cluster, metric={"each": 2}, count=20)
    assert "expected metric grows by 2 with each request, observed metric grew by 20 in 20 req" in wrong.message


def test_what_was_there_before_does_not_count(site: Site) -> None:
    cluster = Cluster(site)
    cluster.counts = lambda sent: 1000.0
    assert ask(cluster, metric={"each": 0}, count=5).passed
    assert not ask(cluster, metric={"each": 1}, count=5).passed


def test_proxies_that_count_nothing_are_told_from_a_query_that_finds_nothing(site: Site) -> None:
    cluster = Cluster(site)
    cluster.counts = lambda sent: 1000.0
    silent = ask(cluster, metric={"each": 1}, count=5)
    assert "No proxy has counted a request in istio_requests_total meanwhile" in silent.message
    site.answer = lambda _request: Answer(503)
    failing = ask(cluster, metric={"each": 1}, count=5, status=200)
    assert "No proxy has counted" not in failing.message, "the answers are the news"
    site.answer = lambda _request: Answer()
    cluster.counts = lambda sent: float(sent) if cluster.asked[-1] == ALL else 1000.0
    assert "No proxy has counted" not in ask(cluster, metric={"each": 1}, count=5).message


def test_what_grows_by_more_than_these_requests_is_not_theirs(site: Site) -> None:
    cluster = Cluster(site)
    cluster.counts = lambda sent: 2.0 * sent
    assert not ask(cluster, metric={"each": 1}, count=5).passed
    nearly = ask(cluster, metric={"share": 99}, count=20)
    assert not nearly.passed
    assert nearly.results[0]["observed"] == "metric grew by 40 in 20 requests"


def test_a_part_of_the_requests(site: Site) -> None:
    cluster = Cluster(site)
    cluster.counts = lambda sent: float(sent // 2)
    half = ask(cluster, metric={"share": 50})
    assert half.passed, half.message
    assert list(half.results[0]["interval"]) == [QUERY, "wrong"]
    assert not ask(cluster, metric={"share": 20}).passed
    assert not ask(cluster, metric={"share": 100}).passed
    assert not ask(cluster, metric={"share": 0}).passed
    cluster.counts = lambda sent: 3.0 * sent
    assert not ask(cluster, metric={"share": 100}).passed, "more than there are requests"


@pytest.mark.parametrize(
    ("value", "bounds", "passes", "seen"),
    [
        ("0.5", {"above": 0.5, "below": 0.5}, True, "metric is 0.5"),
        ("0.4", {"above": 0.5}, False, "metric is 0.4"),
        ("0.6", {"below": 0.5}, False, "metric is 0.6"),
        ("NaN", {"below": 0.5}, False, "metric is nan"),
        (None, {"below": 0.5}, False, "metric has no value"),
    ],
)
def test_bounds_of_a_value(site: Site, value: str | None, bounds: Json, passes: bool, seen: str) -> None:
    cluster = Cluster(site, data=vector() if value is None else vector(value))
    outcome = ask(cluster, metric=bounds, count=3)
    assert outcome.passed is passes
    assert outcome.results[0]["observed"] == f"{seen} in 3 requests"


def test_it_waits_until_all_proxies_are_read(site: Site) -> None:
    cluster = Cluster(site, read=vector("50"))
    outcome = ask(cluster, metric={"each": 1}, count=3)
    assert not outcome.passed
    assert "Prometheus (mesh-workshop-metrics/prometheus) has not read all proxies" in outcome.message
    assert not site.requests, "none is sent before"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"read": vector()}, "reads no proxy of Istio's (no series envoy_server_live): let it read the pods"),
        ({"data": vector("1", "2")}, "gives 2 series where one number is meant: put sum(...)"),
        ({"data": vector("1", labels={"pod": "a"})}, "gives a series with labels where one number is meant"),
        ({"data": {"resultType": "matrix", "result": []}}, "gives a range where one number is meant"),
        ({"data": {"resultType": "string", "result": [0, "a"]}}, "gives a string where one number is meant"),
        (
            {"data": ApiError(400, "", '{"status":"error","errorType":"bad_data","error":"parse error: \\"(\\" no')},
            'does not understand the query sum(istio_requests_total{destination_service_name="ratings"}): parse error',
        ),
        ({"data": ApiError(422, "", "too many samples.")}, "too many samples; correct it."),
        ({"data": ["page"]}, "is taken for Prometheus, but answers"),
    ],
)
def test_what_is_not_a_number_is_told_in_a_sentence(site: Site, answers: Json, said: str) -> None:
    outcome = ask(Cluster(site, **answers), metric={"above": 1}, count=3)
    assert not outcome.passed
    assert said in outcome.message
    assert not site.requests


def test_other_refusals_stay_what_they_are() -> None:
    client: t.Any = Cluster(data=ApiError(403, "Forbidden", "you may not"))
    with pytest.raises(ApiError, match="you may not"):
        Prometheus(client, "mesh-workshop-metrics", "prometheus", 9090).number("up")


def test_without_a_prometheus() -> None:
    client: t.Any = Cluster()
    client.services = [service("shop", "bookinfo", {"port": 9090})]
    with pytest.raises(CheckError, match=r"No Prometheus is in the cluster .* install the metrics role first"):
        find_prometheus(client)


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ([], None),
        ([service("prometheus", "a")], None),
        ([service("prometheus-server", "monitoring", {"port": 80, "name": "http"})], "monitoring/prometheus-server:80"),
        ([service("prometheus", "istio-system", {"port": 9090}), OURS], "mesh-workshop-metrics/prometheus:9090"),
        (
            [
                service("prometheus-operated", "a", {"port": 9090}),
                service("prometheus-k8s", "b", {"port": 8080, "name": "reloader"}, {"port": 9091, "name": "web"}),
            ],
            "b/prometheus-k8s:9091",
        ),
    ],
)
def test_which_prometheus_is_asked(services: list[Json], found: str | None) -> None:
    place = prometheus_of(services, {"mesh-workshop-metrics"})
    assert (place and f"{place[0]}/{place[1]}:{place[2]}") == found


def test_a_service_without_ports_has_none() -> None:
    assert port_of(service("prometheus", "a")) is None
