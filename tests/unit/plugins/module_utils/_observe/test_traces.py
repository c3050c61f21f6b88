# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._observe.traces import (
    Jaeger,
    Zipkin,
    by_id,
    find_backend,
    read_trace,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError, gather, parse_checks, run_checks
from ansible_collections.mesh.workshop.tests.unit.servers import Site

Json = dict[str, t.Any]


def span(kind: str, service: str, span_id: str, parent: str | None = None, trace: str = "t") -> Json:
    place = {"serviceName": f"{service}.bookinfo"}
    found: Json = {"traceId": trace, "id": span_id, "kind": kind, "localEndpoint": place}
    return {**found, "parentId": parent} if parent else found


def spans(trace: str = "t") -> list[Json]:
    """gateway -> productpage -> reviews, as Envoy reports it: both sides of a call share the span's id."""
    return [
        span("CLIENT", "istio-ingressgateway", "1", trace=trace),
        span("SERVER", "productpage", "1", trace=trace),
        span("CLIENT", "productpage", "2", "1", trace),
        span("SERVER", "reviews", "2", "1", trace),
    ]


def test_shared_spans() -> None:
    trace = read_trace(spans())
    assert trace.services == {"istio-ingressgateway", "productpage", "reviews"}
    assert trace.parents_of("productpage") == {"istio-ingressgateway"}
    assert trace.parents_of("reviews") == {"productpage"}
    assert trace.parents_of("ratings") == frozenset()


def test_spans_of_their_own() -> None:
    found = [span("CLIENT", "productpage", "2", "1"), span("SERVER", "reviews", "3", "2")]
    assert read_trace(found).parents_of("reviews") == {"productpage"}


def test_traces_by_id() -> None:
    assert list(by_id([spans("a"), [], spans("b")])) == ["a", "b"]


class Cluster:
    """A cluster with Zipkin, which knows the traces of what the site was asked."""

    def __init__(self, site: Site, traced: t.Callable[[int], bool] = lambda number: True) -> None:
        self.site = site
        self.flush = 100
        self.traced = traced
        self.services = [
            {"metadata": {"name": "zipkin", "namespace": "istio-system"}, "spec": {"ports": [{"port": 9411}]}}
        ]

    def get(self, _version: str, kind: str, name: str, _namespace: str) -> Json:
        assert (kind, name) == ("ConfigMap", "istio")
        values = f"{{tracing.zipkin.flush_interval_ms: '{self.flush}'}}"
        return {"data": {"mesh": f"defaultConfig:\n  runtimeValues: {values}\n"}}

    def list(self, _version: str, kind: str, *_place: t.Any, **selectors: t.Any) -> list[Json]:
        if kind == "Namespace":
            managed = selectors.get("label_selector") == "mesh.workshop/managed=true"
            return [{"metadata": {"name": "mesh-workshop-tracing"}}] if managed else []
        return self.services if kind == "Service" else []

    def request(self, _method: str, path: str, *, query: Json) -> t.Any:
        assert path == "/api/v1/namespaces/istio-system/services/http:zipkin:9411/proxy/api/v2/traceMany"
        sent = [request.headers["x-b3-traceid"] for request in self.site.requests]
        known = {one for number, one in enumerate(sent) if self.traced(number)} & set(query["traceIds"].split(","))
        if not known:
            raise ApiError(404, "NotFound", "no traces")
        return types.SimpleNamespace(body=json.dumps([spans(one) for one in known]).encode())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "TRACE_LATE", 0.0)


def ask(site: Site, expect: Json, traced: t.Callable[[int], bool] = lambda number: True, flush: int = 100) -> t.Any:
    request = {"url": "http://shop.example/"}
    client: t.Any = Cluster(site, traced)
    client.flush = flush
    return run_checks(
        client, parse_checks([{"name": "trace", "request": request, "expect": expect}]), site.address, once=True
    )


def test_the_trace_of_this_very_request(site: Site) -> None:
    right = ask(site, {"trace": {"services": ["productpage", "reviews"], "parents": {"reviews": "productpage"}}})
    assert right.passed, right.message
    assert right.results[0]["samples"] == 5
    missing = ask(site, {"trace": ["ratings"]})
    assert not missing.passed
    assert "expected trace with ratings, observed trace without ratings in 5 requests" in missing.message
    wrong = ask(site, {"trace": {"parents": {"reviews": "ratings"}}})
    assert "in the trace reviews is called by productpage" in wrong.message
    none = ask(site, {"trace": ["reviews"]}, lambda number: False)
    assert "observed no trace" in none.message


def test_share_of_requests_that_are_traced(site: Site) -> None:
    tenth = ask(site, {"trace_share": 10}, lambda number: number % 10 == 0)
    assert tenth.passed, tenth.message
    assert not ask(site, {"trace_share": 10}, lambda number: number % 4 == 0).passed
    assert not ask(site, {"trace_share": 100}, lambda number: number % 4 == 0).passed
    assert not ask(site, {"trace_share": 0}, lambda number: number % 10 == 0).passed


def test_a_share_is_looked_at_when_all_proxies_have_sent_their_spans(site: Site) -> None:
    begun = time.monotonic()
    assert ask(site, {"trace_share": 10}, lambda number: number % 10 == 0, flush=700).passed
    assert time.monotonic() - begun >= 0.7


def service(name: str, namespace: str, port: int, port_name: str = "", app: str = "") -> Json:
    ports = [{"port": port, "name": port_name}]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": ports, "selector": {"app": app}}}


ZIPKIN = service("zipkin", "tracing", 9411)
ADDON = service("tracing", "tracing", 80, "http-query", "jaeger")


@pytest.mark.parametrize(
    ("services", "kind", "path"),
    [
        ([ZIPKIN], Zipkin, "/namespaces/tracing/services/http:zipkin:9411/"),
        (
            [ZIPKIN, service("zipkin", "mesh-workshop-tracing", 9411)],
            Zipkin,
            "/namespaces/mesh-workshop-tracing/services/http:zipkin:9411/",
        ),
        ([ZIPKIN, service("tracing-ui", "tracing", 16686)], Jaeger, "/services/http:tracing-ui:16686/"),
        ([ZIPKIN, ADDON], Jaeger, "/services/http:tracing:80/proxy/jaeger/"),
        ([ZIPKIN, service("jaeger-query", "elsewhere", 16686)], Zipkin, "/services/http:zipkin:9411/"),
        (
            [service("jaeger-query", "observed", 16686)],
            Jaeger,
            "/namespaces/observed/services/http:jaeger-query:16686/",
        ),
    ],
)
def test_what_keeps_the_traces_is_found(site: Site, services: list[Json], kind: type, path: str) -> None:
    client: t.Any = Cluster(site)
    client.services = services
    client.request = Pages("/jaeger" if ADDON in services else "").request
    found = find_backend(client)
    assert isinstance(found, kind)
    assert path in f"{found._path}/"


class Pages:
    """Jaeger's API below a base path; its pages answer everything else, or nothing does."""

    def __init__(self, base: str, other: bytes | None = b"<!doctype html>") -> None:
        self.base = base
        self.other = other

    def request(self, _method: str, path: str, *, query: Json | None) -> t.Any:
        if path.endswith(f"/proxy{self.base}/api/services"):
            return types.SimpleNamespace(body=b'{"data": []}')
        if self.other is None:
            raise ApiError(404, "NotFound", "no such path")
        return types.SimpleNamespace(body=self.other)


@pytest.mark.parametrize("other", [b"<!doctype html>", None])
def test_a_jaeger_whose_api_is_not_found(site: Site, other: bytes | None) -> None:
    client: t.Any = Cluster(site)
    client.services = [ADDON]
    client.request = Pages("/elsewhere", other).request
    with pytest.raises(CheckError, match="answers neither /api/services nor /jaeger/api/services"):
        find_backend(client)


def test_pages_in_place_of_traces() -> None:
    api: t.Any = Pages("")
    with pytest.raises(CheckError, match=r"Service tracing/zipkin is taken for Zipkin, but answers .* other than JSON"):
        Zipkin(api, "tracing", "zipkin", 9411).traces(["f" * 32])


def test_without_a_backend(site: Site) -> None:
    client: t.Any = Cluster(site)
    client.services = [service("shop", "bookinfo", 80, "http-query")]
    with pytest.raises(CheckError, match="Neither Zipkin nor Jaeger is in the cluster"):
        find_backend(client)


class JaegerApi:
    """Answers as Jaeger does: ids without their leading zeros, and services by process."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.asked: list[Json] = []

    def request(self, _method: str, path: str, *, query: Json) -> t.Any:
        assert path == "/api/v1/namespaces/observed/services/http:jaeger-query:16686/proxy/api/traces"
        self.asked.append(query)
        data = [self.trace(one.lstrip("0")) for one in query["traceID"] if one in self.known]
        if not data:
            raise ApiError(404, "NotFound", "trace not found")
        return types.SimpleNamespace(body=json.dumps({"data": data, "errors": None}).encode())

    def trace(self, trace_id: str) -> Json:
        def one(span_id: str, process: str, kind: str, parent: str = "") -> Json:
            references = [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": parent}] if parent else []
            tags = [{"key": "http.method", "value": "GET"}, {"key": "span.kind", "value": kind}]
            return {"spanID": span_id, "processID": process, "references": references, "tags": tags}

        names = {"p1": "istio-ingressgateway.istio-system", "p2": "productpage.bookinfo", "p3": "reviews.bookinfo"}
        spans = [
            one("1", "p1", "client"),
            one("a", "p2", "server", "1"),
            one("b", "p2", "client", "a"),
            one("c", "p3", "server", "b"),
        ]
        processes = {key: {"serviceName": name} for key, name in names.items()}
        return {"traceID": trace_id, "spans": spans, "processes": processes}


def test_traces_of_jaeger() -> None:
    first, second, third = "00af" + "1" * 28, "f" * 32, "e" * 32
    api: t.Any = JaegerApi(first, second)
    found = Jaeger(api, "observed", "jaeger-query", 16686).traces([first, second, third])
    assert set(found) == {first, second}
    assert found[first].services == {"istio-ingressgateway", "productpage", "reviews"}
    assert found[first].parents_of("productpage") == {"istio-ingressgateway"}
    assert found[first].parents_of("reviews") == {"productpage"}
    assert Jaeger(api, "observed", "jaeger-query", 16686).traces([third]) == {}
