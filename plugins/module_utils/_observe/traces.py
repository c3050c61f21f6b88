# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces of the very requests of a check, from the API of Zipkin or of Jaeger behind the API server's proxy."""

from __future__ import annotations

import abc
import json
import typing as t
from dataclasses import dataclass

from .._kube.discovery import service_proxy_path
from .._kube.errors import ApiError
from .._kube.labels import MANAGED
from .errors import CheckError

if t.TYPE_CHECKING:
    from .._kube import Client

PORT = 9411
NAMES = ("zipkin", "tracing", "jaeger-query", "jaeger")
"""Services that take in Zipkin's spans, by their usual names."""
JAEGER_PORT = 16686
AT_ONCE = 50
"""Traces asked for in one request: their ids go into its URL."""

Span = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Trace:
    """What one trace shows: the services in it, and for each the services that have called it."""

    services: frozenset[str] = frozenset()
    parents: tuple[tuple[str, frozenset[str]], ...] = ()

    def parents_of(self, service: str) -> frozenset[str]:
        return dict(self.parents).get(service, frozenset())


def service_of(span: Span) -> str:
    """``reviews`` of a span by ``reviews.bookinfo``."""
    return str((span.get("localEndpoint") or {}).get("serviceName") or "").partition(".")[0]


def read_trace(spans: t.Sequence[Span]) -> Trace:
    """Services and their callers. A server's span shares its id with its client's (as Envoy does), or is its child."""
    clients: dict[str, set[str]] = {}
    owners: dict[str, set[str]] = {}
    for span in spans:
        owners.setdefault(str(span.get("id")), set()).add(service_of(span))
        if span.get("kind") == "CLIENT":
            clients.setdefault(str(span.get("id")), set()).add(service_of(span))
    parents: dict[str, set[str]] = {}
    for span in spans:
        if span.get("kind") != "SERVER":
            continue
        service = service_of(span)
        callers = clients.get(str(span.get("id"))) or owners.get(str(span.get("parentId")), set())
        parents.setdefault(service, set()).update(callers - {service})
    services = frozenset(service_of(span) for span in spans) - {""}
    return Trace(services, tuple(sorted((name, frozenset(found)) for name, found in parents.items())))


def by_id(traces: t.Iterable[t.Sequence[Span]]) -> dict[str, Trace]:
    """Traces by their ids."""
    return {str(spans[0].get("traceId")): read_trace(spans) for spans in traces if spans}


class Backend(abc.ABC):
    """What keeps the mesh's traces, behind the API server's proxy."""

    name = ""

    def __init__(self, client: Client, namespace: str, service: str, port: int, base: str = "") -> None:
        self.service = f"{namespace}/{service}"
        self._client = client
        self._path = service_proxy_path(namespace, service, port) + base

    def traces(self, ids: t.Sequence[str]) -> dict[str, Trace]:
        """Those of the traces that are there already, by the ids that were asked for. Raises CheckError, ApiError."""
        found: dict[str, Trace] = {}
        for start in range(0, len(ids), AT_ONCE):
            try:
                found.update(self._ask(ids[start : start + AT_ONCE]))
            except ApiError as error:
                if error.status != 404:
                    raise
        return found

    @abc.abstractmethod
    def _ask(self, ids: t.Sequence[str]) -> dict[str, Trace]:
        """Those of at most AT_ONCE traces that it has."""

    def get(self, path: str, query: dict[str, str | list[str]] | None = None) -> t.Any:
        """The JSON at this path of its API. Raises CheckError where it is something else."""
        body = self._client.request("GET", f"{self._path}{path}", query=query).body
        try:
            return json.loads(body)
        except ValueError as error:
            raise CheckError(
                f"Service {self.service} is taken for {self.name}, but answers {path} with something other than JSON: "
                "make the Service that checks ask serve its API at the root, without a login page."
            ) from error


class Zipkin(Backend):
    """Zipkin, by version 2 of its API."""

    name = "Zipkin"

    def _ask(self, ids: t.Sequence[str]) -> dict[str, Trace]:
        return by_id(self.get("/api/v2/traceMany", {"traceIds": ",".join(ids)}))


class Jaeger(Backend):
    """Jaeger, by the API of its own pages; it takes in Zipkin's spans, but does not answer Zipkin's questions."""

    name = "Jaeger"

    def _ask(self, ids: t.Sequence[str]) -> dict[str, Trace]:
        # It writes ids without the zeros that they begin with.
        wanted = {one.lstrip("0"): one for one in ids}
        answer = self.get("/api/traces", {"traceID": list(ids)})
        found = {str(one["traceID"]).lstrip("0"): read_trace(spans_of(one)) for one in answer.get("data") or []}
        return {wanted[short]: trace for short, trace in found.items() if short in wanted}


def spans_of(trace: t.Mapping[str, t.Any]) -> list[Span]:
    """The spans of one of Jaeger's traces in Zipkin's form."""
    return [
        {
            "id": span["spanID"],
            "parentId": next(
                (one["spanID"] for one in span.get("references") or () if one.get("refType") == "CHILD_OF"), None
            ),
            "kind": next(
                (str(tag["value"]).upper() for tag in span.get("tags") or () if tag.get("key") == "span.kind"), ""
            ),
            "localEndpoint": {"serviceName": trace["processes"][span["processID"]]["serviceName"]},
        }
        for span in trace.get("spans") or ()
    ]


def find_backend(client: Client) -> Backend:
    """The mesh's Zipkin or Jaeger, by the usual names and ports of their Services. Raises CheckError.

    Where there are several, that of our role is asked: the lab's proxies send to it.
    """
    managed = client.list("v1", "Namespace", label_selector=f"{MANAGED}=true")
    ours = {one["metadata"]["name"] for one in managed}
    services = sorted(client.list("v1", "Service"), key=lambda one: one["metadata"]["namespace"] not in ours)
    jaegers = [(service, port) for service in services if (port := jaeger_port(service)) is not None]
    collectors = [
        service
        for service in services
        if service["metadata"]["name"] in NAMES
        and any(one.get("port") == PORT for one in service["spec"].get("ports") or [])
    ]
    if collectors:
        namespace = collectors[0]["metadata"]["namespace"]
        beside = [one["metadata"]["name"] for one in collectors if one["metadata"]["namespace"] == namespace]
        # Where Jaeger is in the same namespace, what listens on Zipkin's port is its collector.
        jaegers = [pair for pair in jaegers if pair[0]["metadata"]["namespace"] == namespace]
        if not jaegers:
            return Zipkin(client, namespace, min(beside, key=NAMES.index), PORT)
    if not jaegers:
        raise CheckError(
            f"Neither Zipkin nor Jaeger is in the cluster (no Service {' or '.join(NAMES[:2])} with port {PORT}), so "
            "no trace can be looked up: run the role mesh.workshop.tracing first."
        )
    service, port = jaegers[0]
    return _jaeger(client, service["metadata"]["namespace"], service["metadata"]["name"], port)


def _jaeger(client: Client, namespace: str, service: str, port: int) -> Jaeger:
    """Jaeger with the base path of its API: Istio's addon has it below /jaeger (samples/addons/jaeger.yaml)."""
    for base in ("", "/jaeger"):
        found = Jaeger(client, namespace, service, port, base)
        try:
            found.get("/api/services")
        except ApiError as error:
            if error.status != 404:
                raise
        except CheckError:
            continue  # its pages answer everything that they do not know
        else:
            return found
    raise CheckError(
        f"Service {namespace}/{service} is taken for Jaeger, but answers neither /api/services nor "
        "/jaeger/api/services: make it serve its API at one of these paths."
    )


def jaeger_port(service: t.Mapping[str, t.Any]) -> int | None:
    """The port of a Service at which Jaeger answers questions: 16686, or another with Istio's name for it."""
    for one in service["spec"].get("ports") or []:
        if one.get("port") == JAEGER_PORT or (one.get("name") == "http-query" and "jaeger" in str(service["spec"])):
            return int(one["port"])
    return None
