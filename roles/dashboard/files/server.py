# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the pages, and the numbers on them, which it asks a Prometheus for. It answers GET only and changes nothing.

Whoever opens the pages chooses a namespace and a period; the queries are ours.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import sys
import threading
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

import model

Json = dict[str, t.Any]

FILES = {
    "/": ("index.html", "text/html"),
    "/signals": ("signals.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/graph.js": ("graph.js", "text/javascript"),
    "/signals.js": ("signals.js", "text/javascript"),
    "/dagre.js": ("dagre.js", "text/javascript"),
    "/uplot.js": ("uplot.js", "text/javascript"),
    "/uplot.css": ("uplot.css", "text/css"),
}
HEADERS = {
    # Nothing is loaded from elsewhere, and no other site shows the pages as its own.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MINUTES = {"graph": (1, 5, 15), "signals": (5, 15, 60)}
GROUPS = {"service": "destination_service_name", "workload": "destination_workload"}
FRESH = 2.0
"""Seconds for which an answer is given again, so that a room of viewers costs Prometheus as much as one."""
PATIENCE = 10.0
"""Seconds in which Prometheus has to answer."""
POINTS = 60
"""Points of a chart."""

ENDS = ("workload", "workload_namespace", "app", "version", "canonical_service")
SERVICE = ("destination_service", "destination_service_name", "destination_service_namespace")
WHO = (
    *("reporter", "instance"),
    *(f"source_{end}" for end in ENDS),
    *(f"destination_{end}" for end in ENDS),
    *SERVICE,
)
HOW = ("response_code", "response_flags", "grpc_response_status", "connection_security_policy", "destination_principal")


class Unavailable(Exception):
    """One sentence: what cannot be shown, why, and what to do."""

    status = 503


class Quiet(Unavailable):
    """Nothing is wrong, and there is nothing to show yet."""

    status = 200


class BadRequest(Exception):
    """One sentence on what is wrong with the address that was opened."""


def selectors(metric: str, namespace: str, reporters: t.Collection[str]) -> list[str]:
    """What the proxies have counted of the calls from and to a namespace."""
    return [
        f'{metric}{{reporter="{reporter}",{label}="{namespace}"}}'
        for reporter, label in (
            ("source", "source_workload_namespace"),
            ("source", "destination_service_namespace"),
            ("destination", "destination_workload_namespace"),
        )
        if reporter in reporters
    ]


def growth_queries(
    metric: str, labels: t.Iterable[str], namespace: str, minutes: int, reporters: t.Collection[str]
) -> tuple[str, str]:
    """The queries for what a counter is now and was then; their difference is exact, unlike a rate.

    A series that was not there then has begun at nothing, so no first request is lost. The exception is one that has
    been there as often as its proxy was read: what the proxy had counted before anybody read it is no traffic of now.
    """
    some = selectors(metric, namespace, reporters)
    total = f"sum by ({', '.join(labels)})"
    earlier = " or ".join(f"{one} offset {minutes}m" for one in some)
    first = " or ".join(f"min_over_time({one}[{minutes}m])" for one in some)
    seen = " or ".join(f"count_over_time({one}[{minutes}m])" for one in some)
    read = f"max by (instance) (sum_over_time(up[{minutes}m]))"
    return (
        f"{total} ({' or '.join(some)})",
        f"{total} ({earlier} or (({first}) and (({seen}) >= on (instance) group_left () {read})))",
    )


def signal_queries(namespace: str, by: str) -> dict[str, str]:
    """The queries of the charts, per service as its callers see it or per workload as it sees itself."""
    group = GROUPS[by]
    some = (
        f'reporter="source",destination_service_namespace="{namespace}"'
        if by == "service"
        else f'reporter="destination",destination_workload_namespace="{namespace}"'
    )
    requests = f"istio_requests_total{{{some}"
    buckets = f"sum by ({group}, le) (rate(istio_request_duration_milliseconds_bucket{{{some}}}[1m]))"
    return {
        "rate": f"sum by ({group}) (rate({requests}}}[1m]))",
        "failed": f'sum by ({group}) (rate({requests},response_code=~"0|5.."}}[1m]) or '
        f'rate({requests},grpc_response_status=~"[1-9].*"}}[1m]))',
        "p50": f"histogram_quantile(0.5, {buckets})",
        "p95": f"histogram_quantile(0.95, {buckets})",
    }


class Prometheus:
    """Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def vector(self, query: str) -> list[Json]:
        """What a query is now. Raises Unavailable."""
        return self._ask("query", query=query)

    def range(self, query: str, start: float, end: float, step: float) -> list[Json]:
        """What a query was, from start to end, in seconds. Raises Unavailable."""
        return self._ask("query_range", query=query, start=start, end=end, step=step)

    def number(self, query: str) -> float | None:
        """The only value of a query; None where there is none. Raises Unavailable."""
        found = self.vector(query)
        return float(found[0]["value"][1]) if found else None

    def _ask(self, kind: str, **question: t.Any) -> list[Json]:
        body = urllib.parse.urlencode(question).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{kind}", body, timeout=PATIENCE) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                reason = f"HTTP status {error.code}"
        # HTTPException: what answers there does not speak HTTP.
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            if isinstance(found, dict) and isinstance(found.get("data"), dict):
                return list(found["data"]["result"])
            reason = "an answer that its API does not give"
        raise Unavailable(
            f"Prometheus at {self.url} does not answer ({reason}): see whether its pod is ready, and whether "
            "dashboard_prometheus names its address."
        )


class Pages:
    """What the addresses of the pages answer."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.prometheus = prometheus
        self._lock = threading.Lock()
        self._answers: dict[tuple[t.Any, ...], tuple[float, Json | Unavailable]] = {}

    def answer(self, path: str, query: t.Mapping[str, str]) -> Json | None:
        """The numbers of a page; None for an address that none has. Raises Unavailable, BadRequest."""
        if path == "/api/namespaces":
            return self._fresh((path,), self.namespaces)
        if path not in ("/api/graph", "/api/signals"):
            return None
        what = path.removeprefix("/api/")
        namespace = query.get("namespace", "")
        if not NAMESPACE.fullmatch(namespace):
            raise BadRequest(f'namespace="{namespace}" is no name of a namespace: choose one from the list.')
        minutes = query.get("minutes", "")
        if minutes not in {str(one) for one in MINUTES[what]}:
            allowed = ", ".join(str(one) for one in MINUTES[what])
            raise BadRequest(f'minutes="{minutes}" is no period of this page: choose one of {allowed}.')
        if what == "graph":
            return self._fresh((what, namespace, minutes), lambda: self.graph(namespace, int(minutes)))
        by = query.get("by", "service")
        if by not in GROUPS:
            raise BadRequest(f'by="{by}" is no choice of this page: choose service or workload.')
        return self._fresh((what, namespace, minutes, by), lambda: self.signals(namespace, int(minutes), by))

    def _fresh(self, key: tuple[t.Any, ...], make: t.Callable[[], Json]) -> Json:
        """An answer that is at most FRESH seconds old. Viewers who ask meanwhile wait for the one that is made.

        That there is none is kept as well, or each viewer would wait for a Prometheus that hangs, one after the other.
        """
        with self._lock:
            now = time.monotonic()
            self._answers = {one: held for one, held in self._answers.items() if now - held[0] < FRESH}
            if key not in self._answers:
                made: Json | Unavailable
                try:
                    made = make()
                except Unavailable as error:
                    made = error
                self._answers[key] = (time.monotonic(), made)
            found = self._answers[key][1]
        if isinstance(found, Unavailable):
            raise found
        return found

    def namespaces(self) -> Json:
        """The namespaces that have workloads of the mesh with traffic."""
        found = self.prometheus.vector(
            'count by (destination_workload_namespace) (istio_requests_total{reporter="destination"})'
        )
        names = {one["metric"].get("destination_workload_namespace", "") for one in found}
        if not names:
            self._explain_nothing()
        return {"namespaces": sorted(names - {*model.UNKNOWN, "istio-system"})}

    def graph(self, namespace: str, minutes: int) -> Json:
        """The service graph of a namespace."""
        both, callers = ("source", "destination"), ("source",)
        requests = self._grown("istio_requests_total", (*WHO, *HOW), namespace, minutes, both)
        if not any(count > 0 for _labels, count in requests):
            self._explain_nothing()
        buckets = self._grown("istio_request_duration_milliseconds_bucket", (*WHO, "le"), namespace, minutes, callers)
        found = model.graph_of(requests, buckets, minutes * 60)
        age = self.prometheus.number('time() - max(timestamp(istio_requests_total{reporter="source"}))')
        return {"namespace": namespace, "minutes": minutes, "age": age, **found}

    def _grown(
        self, metric: str, labels: t.Iterable[str], namespace: str, minutes: int, reporters: t.Collection[str]
    ) -> list[model.Count]:
        now, then = growth_queries(metric, labels, namespace, minutes, reporters)
        return model.grown(self.prometheus.vector(now), self.prometheus.vector(then))

    def signals(self, namespace: str, minutes: int, by: str) -> Json:
        """The golden signals of a namespace over time."""
        step = minutes * 60 / POINTS
        # Whole steps, so that the points of two answers are the same.
        end = time.time() // step * step
        times = [end - step * (POINTS - 1 - index) for index in range(POINTS)]
        answers = {
            name: self.prometheus.range(query, times[0], end, step)
            for name, query in signal_queries(namespace, by).items()
        }
        found = model.signals_of(answers, GROUPS[by], times)
        if not found:
            self._explain_nothing()
        return {"namespace": namespace, "minutes": minutes, "times": times, "series": found}

    def _explain_nothing(self) -> None:
        """Raise Unavailable where nothing is shown because of what Prometheus reads."""
        if self.prometheus.number("count(istio_requests_total)"):
            return
        if self.prometheus.number("count(envoy_server_live)"):
            raise Quiet(
                "The proxies have counted no request yet: open the page of the shop a few times, or let "
                "ansible-playbook mesh.workshop.traffic do it."
            )
        raise Unavailable(
            f"Prometheus at {self.prometheus.url} reads no proxy of the mesh (it has neither istio_requests_total nor "
            "envoy_server_live): let it read the pods with the annotation prometheus.io/scrape, or install the role "
            "metrics."
        )


def handler(folder: str, pages: Pages) -> type[http.server.BaseHTTPRequestHandler]:
    """What answers one connection."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            path, _mark, query = self.path.partition("?")
            if path in FILES:
                name, kind = FILES[path]
                with open(os.path.join(folder, name), "rb") as stream:
                    return self._send(200, f"{kind}; charset=utf-8", stream.read())
            try:
                found = pages.answer(path, dict(urllib.parse.parse_qsl(query)))
                status = 200 if found is not None else 404
                body = found if found is not None else {"error": f"There is no page {path}: open /."}
            except BadRequest as error:
                status, body = 400, {"error": str(error)}
            except Unavailable as error:
                status, body = error.status, {"error": str(error)}
            return self._send(status, "application/json", json.dumps(body).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: t.Any) -> None:
            """Say nothing of what works: the pages ask every few seconds."""

    return Handler


def serve(folder: str, prometheus: str, address: tuple[str, int]) -> http.server.ThreadingHTTPServer:
    """A server of the pages, ready to run."""
    return http.server.ThreadingHTTPServer(address, handler(folder, Pages(Prometheus(prometheus))))


if __name__ == "__main__":
    serve(os.path.dirname(os.path.abspath(__file__)), sys.argv[1], ("", 8080)).serve_forever()
