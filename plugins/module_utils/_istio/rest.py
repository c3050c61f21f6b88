# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the mesh is at rest: nothing has come in, all is acknowledged, and no pod is on its way."""

from __future__ import annotations

import threading
import time
import typing as t

from .._kube import ApiError, Client, Json
from .gateways import GATEWAY_SELECTOR
from .istiod import find_istiods, narrowed, parse_syncz
from .pods import is_serving
from .settled import parse_counter

FRESH = 0.5
"""Seconds for which one look serves all who ask."""
VERSIONS = ("v1", "v1beta1")
"""Of DestinationRules. Istio serves v1 since 1.22."""

State = t.Hashable
"""What the mesh has come to. It is equal to that of an earlier look as long as the mesh rests."""


def control_plane_state(client: Client) -> State | None:
    """What each istiod has taken in, and which proxies it serves; None while one of them has not acknowledged it.

    The counter ``pilot_inbound_updates`` grows with everything that istiod reads. Where it stands still for longer than
    istiod gathers changes (``PILOT_DEBOUNCE_AFTER``, 0.1 s unless set), and no proxy in ``/debug/syncz`` waits, there
    is nothing left that could reach a proxy. A proxy that rejects its configuration keeps its earlier one, so this is
    rest as well, as long as it was sent nothing new. Raises ApiError.
    """
    found = []
    istiods = find_istiods(client)
    try:
        for istiod in istiods:
            updates = parse_counter(istiod.get("/metrics").decode("utf-8", "replace"), "pilot_inbound_updates")
            proxies = parse_syncz(istiod.json("/debug/syncz"))
            if any(proxy.waiting for proxy in proxies):
                return None
            names = tuple(sorted(proxy.name for proxy in proxies))
            rejected = tuple(sorted((proxy.name, *sent) for proxy in proxies for sent in proxy.nonces.items()))
            found.append((istiod.name, updates, names, rejected))
    finally:
        for istiod in istiods:
            istiod.close()
    return tuple(sorted(found)) or None


def pods_state(pods: t.Iterable[Json]) -> State | None:
    """The pods with their containers' restarts; None while one starts, ends, is replaced or is not ready."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("phase") in ("Succeeded", "Failed") and not pod["metadata"].get("deletionTimestamp"):
            continue
        if not is_serving(pod):
            return None
        restarts = sum(int(one.get("restartCount") or 0) for one in status.get("containerStatuses") or ())
        found.append((str(pod["metadata"].get("uid") or pod["metadata"]["name"]), restarts))
    return tuple(sorted(found))


def ejects(rules: t.Iterable[Json]) -> bool:
    """Whether a DestinationRule lets proxies eject pods for a time (``outlierDetection``)."""
    return any("outlierDetection" in str(rule.get("spec") or {}) for rule in rules)


class Rest:
    """Looks at the mesh, for several checks at once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._seen: dict[str | None, tuple[float, State | None]] = {}
        self._barred = False

    def look(self, namespace: str | None) -> State | None:
        """The state of the control plane, the gateways and a namespace; None where it is moving or cannot be seen.

        It is moving as well while a DestinationRule of the namespace ejects pods, which come back without a change.
        """
        with self._lock:
            at, state = self._seen.get(namespace, (float("-inf"), None))
            if self._barred or time.monotonic() - at < FRESH:
                return state
            try:
                state = self._look(namespace)
            except ApiError as error:
                self._barred = error.status in (401, 403)
                state = None
            self._seen[namespace] = (time.monotonic(), state)
            return state

    def _look(self, namespace: str | None) -> State | None:
        gateways = pods_state(narrowed(self._client, GATEWAY_SELECTOR))
        pods = pods_state(self._client.list("v1", "Pod", namespace)) if namespace else ()
        if gateways is None or pods is None:
            return None
        if ejects(self._rules(namespace)):
            return None
        control_plane = control_plane_state(self._client)
        return None if control_plane is None else (gateways, pods, control_plane)

    def _rules(self, namespace: str | None) -> list[Json]:
        """The DestinationRules, in the first version that the cluster serves; without a version there are none."""
        for version in VERSIONS:
            try:
                return self._client.list(f"networking.istio.io/{version}", "DestinationRule", namespace)
            except ApiError as error:
                if error.reason != "UnknownKind":
                    raise
        return []
