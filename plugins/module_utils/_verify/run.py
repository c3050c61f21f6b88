# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all checks of a run share, so that it is found and made once."""

from __future__ import annotations

import secrets
import threading
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from .._istio.control_plane import ISTIO_NAMESPACE
from .._istio.pods import SIDECAR, has_sidecar
from .._istio.proxies import LOG_FLUSH, default_config, log_flush, proxy_config, span_flush
from .._istio.rest import Rest
from .._kube.errors import ApiError
from .._kube.objects import name_of
from .._observe.access_log import Record, records
from .._observe.gateway import by_route, find_gateway, gateway_routes, split_address
from .._observe.metrics import Prometheus, find_prometheus
from .._observe.traces import Backend, find_backend
from .evidence import PodVersions
from .probe.wire import SECURE
from .spec import Check
from .spec.types import NO_SIDECAR, port_of
from .workload import Source, enter_outside, enter_workload

if t.TYPE_CHECKING:
    from .._diagnose import Evidence
    from .._kube import Client

CLOCK_SKEW = timedelta(seconds=10)
PERMANENT = (401, 403, 422)
"""Statuses of the API server that asking again does not change."""

Observation = t.Mapping[str, t.Any]


@dataclass
class Run:
    """What all checks of a run share."""

    client: Client
    gateway: str | None
    gateway_tls: str | None
    once: bool
    probe_image: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(3))
    stop: threading.Event = field(default_factory=threading.Event)
    since: str = field(default_factory=lambda: (datetime.now(UTC) - CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%SZ"))
    lock: threading.Lock = field(default_factory=threading.Lock)
    addresses: dict[int, tuple[str, int]] = field(default_factory=dict)
    routes: list[t.Mapping[str, t.Any]] | None = None
    """OpenShift's Routes to the gateway, read with the first request from the host."""
    versions: dict[str | None, PodVersions] = field(default_factory=dict)
    sources: dict[tuple[str, str | None], Source] = field(default_factory=dict)
    side_effects: list[str] = field(default_factory=list)
    seen: dict[t.Hashable, Evidence] = field(default_factory=dict)
    """What failing checks are explained by, for each state of a mesh at rest; and where none is known, for all."""
    refused: bool = False
    """Whether the API server has refused something without which a check could not be asked."""
    rest: Rest = field(init=False)
    """Whether the mesh is at rest, which ends checks early that fail."""
    desired: tuple[t.Mapping[str, t.Any], ...] = ()
    """The documents that the checks belong to, where they came with them."""
    attendee: str = ""
    """Whose they are, where there are several attendees."""
    on_waiting: t.Callable[[t.Mapping[str, t.Any]], None] | None = None
    unread_logs: set[str] = field(default_factory=set)
    """The pods whose proxies' logs may not be read."""
    flushes: dict[tuple[str, str], float] = field(default_factory=dict)
    """How long the proxy of each pod keeps its log to itself."""
    _traces: Backend | None = None
    _metrics: Prometheus | None = None

    def __post_init__(self) -> None:
        self.rest = Rest(self.client)

    def evidence(self, world: t.Hashable = None) -> Evidence:
        """What there is to see in a state of the mesh, looked at once for all checks that fail in it."""
        from .._diagnose import Evidence  # big, and few checks fail

        with self.lock:
            return self.seen.setdefault(world, Evidence(self.client))

    def tell(self, waiting: t.Mapping[str, t.Any]) -> None:
        """Say what is still wrong: a check's name, what it expects and what was observed."""
        if self.on_waiting is not None:
            self.on_waiting(waiting)

    def address(self, url: str) -> tuple[str, int]:
        """Where requests from the host for this URL go: as given, else as discovered (once per port)."""
        port = port_of(url)
        tls = urlsplit(url).scheme in SECURE
        given = self.gateway_tls if tls else self.gateway
        if given:
            return split_address(given, port)
        if self.gateway:  # one name for both, the port is the URL's
            return split_address(self.gateway, port)[0], port
        with self.lock:
            if self.routes is None:
                self.routes = gateway_routes(self.client)
            routed = by_route(self.routes, urlsplit(url).hostname or "", port)
            if routed is not None:
                return routed
            if port not in self.addresses:
                self.addresses[port] = find_gateway(self.client, port)
            return self.addresses[port]

    def source(self, check: Check) -> Source:
        """The container that the check's requests leave from; made where it is not there."""
        key = (check.source, None if check.source == NO_SIDECAR else check.namespace)
        with self.lock:
            if key not in self.sources:
                if check.source == NO_SIDECAR:
                    found, made = enter_outside(self.client, self.probe_image)
                else:
                    found, made = enter_workload(self.client, check.source, check.namespace, self.probe_image)
                self.sources[key] = found
                if made:
                    self.side_effects.append(made)
            return self.sources[key]

    def traces(self) -> Backend:
        """What keeps the mesh's traces."""
        with self.lock:
            if self._traces is None:
                self._traces = find_backend(self.client)
            return self._traces

    def metrics(self) -> Prometheus:
        """What keeps the mesh's metrics."""
        with self.lock:
            if self._metrics is None:
                self._metrics = find_prometheus(self.client)
            return self._metrics

    def leave(self, check: Check) -> None:
        """Forget a container that could not be used: its pod may have been replaced."""
        with self.lock:
            self.sources.pop((check.source, None if check.source == NO_SIDECAR else check.namespace), None)

    def versions_in(self, namespace: str | None) -> PodVersions:
        """Pod versions of a namespace, looked up once for all checks."""
        with self.lock:
            if namespace not in self.versions:
                self.versions[namespace] = PodVersions(lambda: self._pods(namespace))
            return self.versions[namespace]

    def _pods(self, namespace: str | None) -> list[dict[str, t.Any]]:
        try:
            return list(self.client.list("v1", "Pod", namespace))
        except ApiError as error:
            if error.status == 403:  # then the names of the pods have to tell their versions
                return []
            raise

    def log_flush(self, namespace: str, pods: t.Sequence[str]) -> float:
        """Seconds until the proxies of these pods have written their access logs out, as far as that may be known."""
        with self.lock:
            if any((namespace, pod) not in self.flushes for pod in pods):
                found = self._pods(namespace)
                self.flushes.update({(namespace, name_of(pod)): log_flush(proxy_config(pod)) for pod in found})
            return max((self.flushes.get((namespace, pod), LOG_FLUSH) for pod in pods), default=0.0)

    def span_flush(self, namespace: str | None) -> float:
        """Seconds until a namespace's sidecars and the gateways have sent their spans, as far as that may be known."""
        meshed = filter(has_sidecar, self._pods(namespace)) if namespace else ()
        return max(map(span_flush, [*map(proxy_config, meshed), self._default_config()]))

    def _default_config(self) -> t.Mapping[str, t.Any]:
        """What proxies are told that are told nothing of their own; empty where that may not be read."""
        try:
            found = self.client.get("v1", "ConfigMap", "istio", ISTIO_NAMESPACE)
        except ApiError as error:
            if error.status == 403:
                return {}
            raise
        return default_config((found or {}).get("data"))

    def logs(self, namespace: str, pods: t.Sequence[str]) -> list[Record]:
        """This run's records in the logs of these pods' proxies."""
        found: list[Record] = []
        for pod in pods:
            try:
                text = self.client.logs(namespace, pod, SIDECAR, since_time=self.since)
            except ApiError as error:
                if error.status == 403:
                    self.unread_logs.add(f"{namespace}/{pod}")
                if error.status in (400, 403, 404):  # no such container, no right to its log, no such pod any more
                    continue
                raise
            found += records(text, pod, self.name)
        return found


def not_sent(seen: Observation) -> bool:
    """Whether an observation is of our own trouble: nothing was sent."""
    return bool(seen.get("error")) and seen["error"]["kind"] == "probe_failed"


def failed(number: int, kind: str, detail: str) -> Observation:
    """An observation of a round in which no request could be sent."""
    return {"n": number, "status": None, "error": {"kind": kind, "detail": detail}, "discard": False, "seconds": 0.0}
