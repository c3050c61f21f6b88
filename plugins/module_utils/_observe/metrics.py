# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that PromQL makes of the mesh's metrics, from a Prometheus behind the API server's proxy."""

from __future__ import annotations

import json
import re
import typing as t

from .._kube.discovery import service_proxy_path
from .._kube.errors import ApiError
from .._kube.labels import MANAGED
from .errors import CheckError, NotYet

if t.TYPE_CHECKING:
    from .._kube import Client

Json = t.Mapping[str, t.Any]

NAMES = ("prometheus", "prometheus-server", "prometheus-k8s", "kube-prometheus-stack-prometheus", "prometheus-operated")
"""Usual names of its Service: our role's and Istio's addon, its chart, kube-prometheus, the operator's chart, the
operator itself.
"""
PORT = 9090
PORT_NAMES = ("http", "http-web", "web", "http-prometheus")
ALIVE = "envoy_server_live"
"""What every Envoy says of itself, so that there is one series for each proxy that is read."""
REQUESTS = "istio_requests_total"
"""Istio's count of requests (https://istio.io/latest/docs/reference/config/metrics/)."""
SAID = re.compile(r'"error":\s*("(?:[^"\\]|\\.)*"?)')
"""The reason in an answer of Prometheus's that may have been cut."""


def port_of(service: Json) -> int | None:
    """The port at which a Service with one of the usual names answers questions; None where it has none."""
    ports = [one for one in (service.get("spec") or {}).get("ports") or [] if one.get("port")]
    told = [one for one in ports if one.get("port") == PORT or one.get("name") in PORT_NAMES]
    return int((told or ports)[0]["port"]) if ports else None


def prometheus_of(services: t.Iterable[Json], ours: t.Container[str]) -> tuple[str, str, int] | None:
    """Namespace, name and port of the Prometheus to ask; where there are several, that of our role.

    ``ours`` are the namespaces with the label of this collection.
    """
    found = [
        (one["metadata"]["namespace"] not in ours, NAMES.index(one["metadata"]["name"]), one["metadata"], port)
        for one in services
        if one["metadata"]["name"] in NAMES and (port := port_of(one)) is not None
    ]
    if not found:
        return None
    _theirs, _rank, meta, port = min(found, key=lambda one: (one[0], one[1], one[2]["namespace"]))
    return meta["namespace"], meta["name"], port


def locate(client: Client) -> tuple[str, str, int] | None:
    """Where the cluster's Prometheus is; None where there is none. Raises ApiError."""
    managed = client.list("v1", "Namespace", label_selector=f"{MANAGED}=true")
    return prometheus_of(client.list("v1", "Service"), {one["metadata"]["name"] for one in managed})


class Prometheus:
    """One Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(self, client: Client, namespace: str, service: str, port: int) -> None:
        self.service = f"{namespace}/{service}"
        self._client = client
        self._path = service_proxy_path(namespace, service, port) + "/api/v1/query"

    def number(self, query: str) -> float | None:
        """What a query is now; None where it finds nothing. Raises CheckError where it is not one number, ApiError."""
        data = self._ask(query)
        kind, result = data.get("resultType"), data.get("result") or []
        if kind == "scalar":
            return float(result[1])
        if kind != "vector":
            raise CheckError(
                f"The query {query} gives a {'range' if kind == 'matrix' else kind} where one number is meant: use a "
                "function that makes a number of it, such as increase(...) or count_over_time(...)."
            )
        if len(result) > 1 or any(one.get("metric") for one in result):
            series = f"{len(result)} series" if len(result) > 1 else "a series with labels"
            raise CheckError(
                f"The query {query} gives {series} where one number is meant: put sum(...) or another aggregation "
                "without labels around it."
            )
        return float(result[0]["value"][1]) if result else None

    def now(self) -> float:
        """The time by Prometheus' own clock, in seconds."""
        return self.number("time()") or 0.0

    def counted(self) -> float:
        """How many requests the proxies have counted in Istio's own metric."""
        return self.number(f"sum({REQUESTS})") or 0.0

    def read_until(self) -> float:
        """When the proxy that was read longest ago was read, by Prometheus' own clock.

        Raises NotYet where no proxy is read, as right after a start.
        """
        found = self.number(f"min(timestamp({ALIVE}))")
        if found is None:
            raise NotYet(
                f"Prometheus ({self.service}) reads no proxy of Istio's (no series {ALIVE}): let it read the pods with "
                "the annotation prometheus.io/scrape, as Istio's own configuration does, with the Prometheus Operator "
                "by a PodMonitor, or install the metrics role."
            )
        return found

    def _ask(self, query: str) -> Json:
        try:
            body = self._client.request("GET", self._path, query={"query": query}).body
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            said = SAID.search(error.message)
            raise CheckError(
                f"Prometheus ({self.service}) does not understand the query {query}: "
                f"{_text(said[1]) if said else error.message.rstrip('.')}; correct it."
            ) from error
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise CheckError(
                f"Service {self.service} is taken for Prometheus, but answers its API's questions with something else: "
                "make the Service that checks ask serve the API at the root, without a login page."
            )
        return data


def _text(quoted: str) -> str:
    """What a JSON string says, also where its end is missing."""
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted.strip('"')


def find_prometheus(client: Client) -> Prometheus:
    """The cluster's Prometheus. Raises CheckError where there is none, ApiError."""
    found = locate(client)
    if found is None:
        raise CheckError(
            f"No Prometheus is in the cluster (no Service {', '.join(NAMES[:2])} or alike), so no metric can be "
            "looked up: install the metrics role first."
        )
    return Prometheus(client, *found)
