# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""istiod, and what it says of its proxies."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from .._kube import ApiError, Client, Json
from .control_plane import ISTIO_NAMESPACE
from .durations import parse_duration, parse_time
from .pods import is_serving

if t.TYPE_CHECKING:
    from .._kube.exec import PodHttp

ISTIOD_SELECTOR = "app=istiod"
ISTIOD_PORT = 15014

# What istiod waits for quiet before it pushes (PILOT_DEBOUNCE_AFTER, 100 ms unless set).
_DEBOUNCE = 0.1
_DEBOUNCE_VARIABLE = "PILOT_DEBOUNCE_AFTER"

# Types whose acknowledgement counts. Endpoints change all the time for reasons of
# their own, and secrets come from the agent in the pod.
_TYPES = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "clusters",
    "type.googleapis.com/envoy.config.listener.v3.Listener": "listeners",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "routes",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "extensions",
}


@dataclass
class ProxyStatus:
    """One proxy as istiod sees it: what it has not acknowledged yet, what it has rejected and why."""

    name: str
    kind: str
    version: str
    waiting: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    rejected_at: datetime | None = None
    nonces: dict[str, str] = field(default_factory=dict)
    """What was sent last, of each type of which something was rejected."""

    @property
    def synced(self) -> bool:
        return not self.waiting and not self.rejected

    @property
    def namespace(self) -> str:
        return self.name.rpartition(".")[2]  # the name of a pod may have dots, that of a namespace has none


def parse_syncz(answer: t.Any) -> list[ProxyStatus]:
    """The proxies in istiod's answer to /debug/syncz."""
    found = []
    for item in answer or []:
        proxy = ProxyStatus(
            str(item.get("proxy", "")), str(item.get("proxy_type", "")), str(item.get("istio_version", ""))
        )
        for type_url, state in (item.get("resources") or {}).items():
            what = _TYPES.get(type_url)
            if what is None:
                continue
            if state.get("lastError"):
                proxy.rejected[what] = " ".join(str(state["lastError"]).split())
                proxy.nonces[what] = str(state.get("sent") or "")
                proxy.rejected_at = max(
                    filter(None, (proxy.rejected_at, parse_time(state.get("sentTime")))), default=None
                )
            elif state.get("sent") and state.get("sent") != state.get("acked"):
                proxy.waiting.append(what)
        found.append(proxy)
    return found


class Istiod:
    """One istiod pod, asked over one forwarded connection; by exec where forwarding is not allowed."""

    def __init__(self, client: Client, pod: Json) -> None:
        self._client = client
        meta, spec = pod["metadata"], pod["spec"]
        self.namespace, self.name = str(meta["namespace"]), str(meta["name"])
        container = next((item for item in spec["containers"] if item["name"] == "discovery"), spec["containers"][0])
        self._container = str(container["name"])
        values = {item["name"]: item.get("value") for item in container.get("env") or ()}
        debounce = parse_duration(values.get(_DEBOUNCE_VARIABLE))
        self.debounce = _DEBOUNCE if debounce is None else debounce
        self._http: PodHttp | None = None
        self._exec = False

    def get(self, path: str) -> bytes:
        if not self._exec:
            try:
                if self._http is None:
                    self._http = self._client.forward(self.namespace, self.name, ISTIOD_PORT)
                return self._http.get(path)
            except ApiError as exc:
                # A 401 to the forwarded request is istiod's own; one to the forwarding is the API server's.
                refused = exc.status == 401 and self._http is None
                self.close()
                if exc.status == 0 or refused:
                    raise
                self._exec = True
        command = ["pilot-discovery", "request", "GET", path]
        done = self._client.exec(self.namespace, self.name, self._container, command)
        if done.exit_code != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
            raise ApiError(0, "ExecFailed", f"istiod does not answer {path}: {said}")
        return done.stdout

    def json(self, path: str) -> t.Any:
        try:
            return json.loads(self.get(path))
        except ValueError as exc:
            raise ApiError(0, "Debug", f"istiod answers {path} with something other than JSON") from exc

    def root_namespace(self) -> str:
        """The namespace whose objects are for all: istiod's own, unless the mesh's configuration names another."""
        try:
            return str(self.json("/debug/mesh").get("rootNamespace") or self.namespace)
        except ApiError as exc:
            if exc.status == 401:
                raise
            return self.namespace

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


def narrowed(client: Client, selector: str) -> list[Json]:
    """The cluster's pods with these labels; those of Istio's namespace alone where the user may not list them all.

    Raises ApiError where neither is allowed, and where there are none in Istio's namespace: Istio may be elsewhere.
    """
    try:
        return client.list("v1", "Pod", None, label_selector=selector)
    except ApiError as exc:
        if exc.status != 403:
            raise
        found = client.list("v1", "Pod", ISTIO_NAMESPACE, label_selector=selector)
        if not found:
            raise
        return found


def find_istiods(client: Client) -> list[Istiod]:
    """The istiod pods that serve proxies now, as ``narrowed`` finds them. Raises ApiError."""
    pods = narrowed(client, ISTIOD_SELECTOR)
    found = []
    for pod in pods:
        if is_serving(pod):
            found.append(Istiod(client, pod))
    return found


def proxies_of(client: Client) -> list[ProxyStatus]:
    """All proxies and whether each is in sync."""
    found = []
    for istiod in find_istiods(client):
        try:
            found.extend(parse_syncz(istiod.json("/debug/syncz")))
        finally:
            istiod.close()
    return sorted(found, key=lambda proxy: proxy.name)
