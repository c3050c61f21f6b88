# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages as they are served, beside a Prometheus that answers what a test wants."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import typing as t
import urllib.parse
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site

FILES = Path(__file__).resolve().parents[4] / "roles" / "dashboard" / "files"
# The programs find each other, and the tests find them, in the folder that they are served from.
sys.path.insert(0, str(FILES))
server = importlib.import_module("server")

Json = dict[str, t.Any]


def call(caller: str, callee: str, count: float = 12, **labels: str) -> tuple[dict[str, str], float]:
    """What the caller's proxy has counted; workloads are named as in ``reviews-v2``."""
    home = "istio-system" if caller.startswith("istio-") else "bookinfo"
    app, _dash, version = callee.rpartition("-")
    own, _dash, own_version = caller.rpartition("-")
    told = {
        "reporter": "source",
        "instance": "10.0.0.1:15020",
        "source_workload": caller,
        "source_workload_namespace": home,
        "source_app": caller if home == "istio-system" else own,
        "source_version": "unknown" if home == "istio-system" else own_version,
        "destination_workload": callee,
        "destination_workload_namespace": "bookinfo",
        "destination_app": app,
        "destination_version": version,
        "destination_service": f"{app}.bookinfo.svc.cluster.local",
        "destination_service_name": app,
        "destination_service_namespace": "bookinfo",
        "destination_principal": f"spiffe://cluster.local/ns/bookinfo/sa/bookinfo-{app}",
        "response_code": "200",
        "response_flags": "-",
        "grpc_response_status": "-",
    }
    return {**told, **labels}, count


def unanswered(caller: str, service: str, count: float, **labels: str) -> tuple[dict[str, str], float]:
    """A call that the caller's proxy has answered itself."""
    nobody = dict.fromkeys(
        [f"destination_{end}" for end in ("workload", "workload_namespace", "app", "version", "principal")], "unknown"
    )
    return call(caller, f"{service}-", count, **{**nobody, "response_code": "500", "response_flags": "FI", **labels})


def buckets(labels: dict[str, str], count: float, milliseconds: float) -> list[tuple[dict[str, str], float]]:
    """The histogram of calls that all took about as long."""
    bounds = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, float("inf"))
    said = {bound: "+Inf" if bound == float("inf") else str(bound) for bound in bounds}
    return [({**labels, "le": said[bound]}, count if bound >= milliseconds else 0.0) for bound in bounds]


BOOKINFO = [
    call("istio-ingressgateway", "productpage-v1", 60),
    call("productpage-v1", "details-v1", 60),
    *(call("productpage-v1", f"reviews-v{number}", 20) for number in (1, 2, 3)),
    *(call(f"reviews-v{number}", "ratings-v1", 20) for number in (2, 3)),
]
FAULT = unanswered("productpage-v1", "details", 60)


class FakePrometheus:
    """Answers by what is asked: how the counters are now, that there was nothing before, and series over time."""

    def __init__(self) -> None:
        self.site = Site()
        self.site.answer = self._answer
        self.calls = list(BOOKINFO)
        self.counts = {"count(istio_requests_total)": 1.0, "count(envoy_server_live)": 7.0}
        self.broken: Answer | None = None

    @property
    def url(self) -> str:
        return f"http://{self.site.address}"

    @property
    def questions(self) -> list[dict[str, str]]:
        """All that was asked so far."""
        return [self._question(one) for one in self.site.requests]

    def _question(self, request: t.Any) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(request.content.decode()))

    def _answer(self, request: t.Any) -> Answer:
        if self.broken:
            return self.broken
        question = self._question(request)
        query = question["query"]
        if request.path.endswith("query_range"):
            return self._data(
                [self._line(one, query, question) for one in ("details", "reviews")] if self.calls else []
            )
        if query in self.counts:
            return self._vector([({}, self.counts[query])] if self.counts[query] else [])
        if query.startswith("count by (destination_workload_namespace)"):
            return self._vector([({"destination_workload_namespace": "bookinfo"}, 1)] if self.calls else [])
        if query.startswith("time() - max"):
            return self._vector([({}, 3.2)])
        if "offset" in query:
            return self._vector([])
        if "_bucket" in query:
            return self._vector([one for labels, count in self.calls for one in buckets(labels, count, 30)])
        return self._vector(self.calls)

    def _line(self, name: str, query: str, question: dict[str, str]) -> Json:
        value = 0.1 if "response_code=~" in query else 30.0 if "quantile" in query else 2.0
        start, end, step = (float(question[key]) for key in ("start", "end", "step"))
        times = [start + step * index for index in range(round((end - start) / step) + 1)]
        return {"metric": {"destination_service_name": name}, "values": [[time, str(value)] for time in times]}

    def _vector(self, series: t.Iterable[tuple[t.Any, float]]) -> Answer:
        return self._data([{"metric": labels, "value": [0, str(value)]} for labels, value in series])

    @staticmethod
    def _data(result: list[Json]) -> Answer:
        return Answer(body=json.dumps({"status": "success", "data": {"result": result}}).encode())


@pytest.fixture
def prometheus() -> t.Iterator[FakePrometheus]:
    found = FakePrometheus()
    yield found
    found.site.close()


@pytest.fixture
def serve(prometheus: FakePrometheus) -> t.Iterator[t.Callable[..., str]]:
    """The pages of a folder; returns their address."""
    running = []

    def start(folder: Path = FILES / "page", url: str = "") -> str:
        pages = server.serve(str(folder), url or prometheus.url, ("127.0.0.1", 0))
        pages.daemon_threads = True
        thread = threading.Thread(target=pages.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append((pages, thread))
        return f"http://127.0.0.1:{pages.server_address[1]}"

    yield start
    for pages, thread in running:
        pages.shutdown()
        pages.server_close()
        thread.join()
