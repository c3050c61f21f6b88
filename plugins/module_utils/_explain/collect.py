# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that reads proxies' configurations: from their admin ports, else from what istiod would send them.

Memory is bounded: one answer is parsed at a time, without what no step looks at, and the answers of one run together
have no more than a limit.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .._istio.istiod import Istiod, find_istiods
from .._istio.pods import has_sidecar
from .._kube.errors import ApiError
from .._kube.objects import home_of, name_of
from .dump import ProxyConfig, parse, parse_health, read, snake_case
from .mesh import Json
from .origin import mark_grpc_routes, origin_of

if t.TYPE_CHECKING:
    from .._kube import Client

Get = t.Callable[[str], bytes]

ADMIN_PORT = 15000
PATH = "/config_dump?include_eds"
HEALTH_PATH = "/clusters?format=json"
ISTIOD_PATH = "/debug/config_dump?proxyID={name}.{namespace}&include_eds=true"
PATIENCE = 5.0
"""Seconds for one proxy to answer; it takes tenths of one."""
THREADS = 4
MOST_PODS = 24
"""Proxies that are asked for one explanation, those that are most likely met first."""
UNKNOWN = "What is decided there is not known."
MOST_BYTES = 128 * 2**20
"""What the answers of one run may have together."""


class Configs:
    """The configurations of the proxies that failing checks are about, each read once per run."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._parsing = threading.Lock()
        self._naming = threading.Lock()
        self._grpc_routes: frozenset[tuple[str, str]] | None = None
        self._istiods: list[Istiod] | ApiError | None = None
        self._left = MOST_BYTES
        self._found: dict[tuple[str, str], ProxyConfig | None] = {}
        self._unread: dict[str, list[str]] = {}

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
        """What could not be read, as sentences: one for all proxies of which the same is true."""
        found = []
        for sentence, pods in sorted(self._unread.items()):
            one = f"The configuration of the proxy of pod {pods[0]}"
            many = f"The configurations of the proxies of pods {', '.join(sorted(pods))}"
            found.append(f"{one if len(pods) == 1 else many} {sentence}")
        return found

    def _note(self, pod: str, sentence: str) -> None:
        self._unread.setdefault(sentence, []).append(pod)

    def _read(self, pod: Json) -> ProxyConfig | None:
        home, name = home_of(pod), name_of(pod)
        if self._left <= 0:
            read_already = f"those of other proxies have {MOST_BYTES // 2**20} MB already"
            self._note(f"{home}/{name}", f"was not asked for: {read_already}. {UNKNOWN}")
            return None
        whys = []
        for called, right, way in (
            ("admin port", "create pods/portforward", self._forwarded),
            ("agent", "create pods/exec", self._executed),
        ):
            try:
                with way(home, name) as get:
                    return self._asked(get, name, home)
            except (ApiError, ValueError) as error:
                whys.append(f"{called}: {_why(error, right)}")
        try:
            found = self._by_istiod(home, name)
        except (ApiError, ValueError) as error:
            whys.append(f"istiod: {_why(error, 'list pods or create pods/portforward there')}")
            self._note(f"{home}/{name}", f"cannot be read ({'; '.join(whys)}). {UNKNOWN}")
            return None
        self._note(
            f"{home}/{name}",
            f"is what istiod would send, and not what the proxy has ({'; '.join(whys)}). What a proxy has refused and "
            "which pods it has ejected is not known.",
        )
        return found

    def _asked(self, get: Get, name: str, namespace: str) -> ProxyConfig:
        config = self._told_apart(parse(self._parsed(get(PATH)), name, namespace))
        sick = any(one.get("health_status") == "UNHEALTHY" for group in config.endpoints.values() for one in group)
        return replace(config, ejected=parse_health(self._parsed(get(HEALTH_PATH)))) if sick else config

    def _parsed(self, text: bytes) -> t.Any:
        with self._parsing:
            self._left -= len(text)
            return read(text)

    def _by_istiod(self, namespace: str, name: str) -> ProxyConfig:
        """What istiod would send a proxy, from the one of its instances that the proxy is connected to."""
        with self._parsing:
            if self._istiods is None:
                try:
                    self._istiods = find_istiods(self._client)
                except ApiError as error:
                    self._istiods = error
            if isinstance(self._istiods, ApiError):
                raise self._istiods
            why = ApiError(0, "Debug", "none of its pods is there")
            for istiod in self._istiods:
                try:
                    text = istiod.get(ISTIOD_PATH.format(name=name, namespace=namespace))
                except ApiError as error:
                    why = error
                    continue
                finally:
                    istiod.close()
                self._left -= len(text)
                config = parse(snake_case(read(text)), name, namespace)
                break
            else:
                raise why
        return self._told_apart(config)

    def _told_apart(self, config: ProxyConfig) -> ProxyConfig:
        """With the routes of GRPCRoutes marked; these are read only where there are routes of the Gateway API."""
        routes = [
            t.cast("dict[str, t.Any]", route)
            for routes in config.routes.values()
            for host in routes.get("virtual_hosts") or ()
            for route in host.get("routes") or ()
        ]
        if any(origin is not None and origin.kind == "HTTPRoute" for origin in map(origin_of, routes)):
            with self._naming:
                if self._grpc_routes is None:
                    self._grpc_routes = frozenset(self._listed())
            mark_grpc_routes(routes, self._grpc_routes)
        return config

    def _listed(self) -> t.Iterator[tuple[str, str]]:
        try:
            for one in self._client.list("gateway.networking.k8s.io/v1", "GRPCRoute", None):
                yield home_of(one), name_of(one)
        except ApiError:
            return  # not served here, or not to be read: then they are told as HTTPRoutes

    @contextlib.contextmanager
    def _forwarded(self, namespace: str, name: str) -> t.Iterator[Get]:
        admin = self._client.forward(namespace, name, ADMIN_PORT, PATIENCE)
        try:
            yield admin.get
        finally:
            admin.close()

    @contextlib.contextmanager
    def _executed(self, namespace: str, name: str) -> t.Iterator[Get]:
        def get(path: str) -> bytes:
            command = ["pilot-agent", "request", "GET", path.lstrip("/")]
            done = self._client.exec(namespace, name, "istio-proxy", command, timeout=PATIENCE)
            if done.exit_code != 0:
                said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
                raise ApiError(0, "ExecFailed", f"it does not answer: {said}")
            return done.stdout

        yield get


def _why(error: Exception, right: str) -> str:
    """A reason that is the same for all pods of which the same is true."""
    if isinstance(error, ApiError):
        return f"no right to {right}" if error.status == 403 else error.message.rstrip(".")
    return "the answer is not JSON"


def _is_alive(pod: Json) -> bool:
    running = (pod.get("status") or {}).get("phase") == "Running"
    return running and has_sidecar(pod) and not (pod.get("metadata") or {}).get("deletionTimestamp")
