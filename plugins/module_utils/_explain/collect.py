# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that reads proxies' configurations: from their admin ports, else from what istiod would send them."""

from __future__ import annotations

import json
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._kube.errors import ApiError
from .dump import ProxyConfig, parse
from .mesh import Json, has_proxy, home_of, name_of

if t.TYPE_CHECKING:
    from .._kube import Client

ADMIN_PORT = 15000
PATH = "/config_dump?include_eds"
PATIENCE = 5.0
"""Seconds for one proxy to answer; it takes tenths of one."""
THREADS = 4
MOST_PODS = 24
"""Proxies that are asked for one explanation, those that are most likely met first."""


class Configs:
    """The configurations of the proxies that failing checks are about, each read once per run."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], ProxyConfig | None] = {}
        self._refused: list[str] = []

    def of(self, pods: t.Sequence[Json]) -> dict[tuple[str, str], ProxyConfig]:
        """By namespace and name of the pod; one that cannot be read is left out, and said in refused()."""
        wanted = {(home_of(pod), name_of(pod)): pod for pod in pods if _is_alive(pod)}
        with self._lock:
            missing = [pod for key, pod in wanted.items() if key not in self._found][:MOST_PODS]
            if missing:
                with ThreadPoolExecutor(min(THREADS, len(missing))) as pool:
                    for pod, config in zip(missing, pool.map(self._read, missing), strict=True):
                        self._found[(home_of(pod), name_of(pod))] = config
            return {key: config for key in wanted if (config := self._found.get(key)) is not None}

    def refused(self) -> list[str]:
        """What could not be read, as sentences."""
        return list(self._refused)

    def _read(self, pod: Json) -> ProxyConfig | None:
        home, name = home_of(pod), name_of(pod)
        for ask in (self._forwarded, self._executed):
            try:
                return parse(json.loads(ask(home, name)), name, home)
            except ApiError as error:
                why = error.sentence()
            except ValueError:
                why = "its answer is not JSON"
        self._refused.append(f"The configuration of the proxy of pod {home}/{name} cannot be read: {why}")
        return None

    def _forwarded(self, namespace: str, name: str) -> bytes:
        admin = self._client.forward(namespace, name, ADMIN_PORT, PATIENCE)
        try:
            return admin.get(PATH)
        finally:
            admin.close()

    def _executed(self, namespace: str, name: str) -> bytes:
        command = ["pilot-agent", "request", "GET", PATH.lstrip("/")]
        done = self._client.exec(namespace, name, "istio-proxy", command, timeout=PATIENCE)
        if done.exit_code != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
            raise ApiError(0, "ExecFailed", f"its agent does not answer: {said}")
        return done.stdout


def _is_alive(pod: Json) -> bool:
    running = (pod.get("status") or {}).get("phase") == "Running"
    return running and has_proxy(pod) and not (pod.get("metadata") or {}).get("deletionTimestamp")
