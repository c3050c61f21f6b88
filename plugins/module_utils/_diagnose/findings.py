# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis rests on: failing answers and live objects. The only part that talks to the cluster."""

from __future__ import annotations

import contextlib
import re
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from .._explain.dump import ProxyConfig
from .._explain.mesh import API_VERSIONS, ROOT
from .._explain.request import Request
from .._kube.errors import ApiError
from .._kube.objects import spec_of
from .._observe.access_log import Record
from .istioctl import Message

if t.TYPE_CHECKING:
    from .._istio.istiod import ProxyStatus
    from .._kube import Client

Json = t.Mapping[str, t.Any]

GATEWAY_API = "gateway.networking.k8s.io/v1"
GATEWAY_OF_API = "Gateway of the Gateway API"
"""The key of these objects; Istio's own Gateways have their kind alone."""
LOOKED_AT = {
    **{kind: (version, kind) for kind, version in API_VERSIONS.items()},
    "Deployment": ("apps/v1", "Deployment"),
    GATEWAY_OF_API: (GATEWAY_API, "Gateway"),
    "HTTPRoute": (GATEWAY_API, "HTTPRoute"),
    "GRPCRoute": (GATEWAY_API, "GRPCRoute"),
}
"""What a diagnosis looks at, by the key of its objects: what requests meet, and what makes the pods."""
MESH_CONFIG, REVISION = "istio", "istio.io/rev"
"""The ConfigMap of the mesh's configuration where istiod has no revision, and the label of those of each revision."""
THREADS = 8
NAMED = re.compile(
    r"\b(Gateway|VirtualService|DestinationRule|HTTPRoute|GRPCRoute|TLSRoute|TCPRoute|"
    r"AuthorizationPolicy|PeerAuthentication|RequestAuthentication|"
    r"ServiceEntry|Sidecar|EnvoyFilter|Telemetry|WasmPlugin|Service|Secret) ([a-z0-9-]+/[a-z0-9.-]*[a-z0-9])"
)
"""How a sentence names an object: by kind, namespace and name."""


@dataclass(frozen=True)
class Diagnosis:
    """Why a check failed and what to do, in an attendee's words."""

    sentence: str
    remedy: str
    change: str = ""
    """Commands that can be pasted and do what the remedy says; empty where it is not a change of the cluster's."""
    path: tuple[str, ...] = ()
    """The request's way hop by hop, as lines."""

    def accused(self) -> frozenset[str]:
        """The objects that the sentence names, each by kind, namespace and name."""
        return frozenset(f"{kind} {name}" for kind, name in NAMED.findall(self.sentence))


@dataclass(frozen=True)
class Findings:
    """A failed check as the rules see it."""

    url: str
    source: str
    namespace: str | None
    address: tuple[str, int] | None = None
    expects_refusal: bool = False
    expected_status: tuple[int, ...] = ()
    expected_versions: tuple[str, ...] = ()
    callee: str | None = None
    """The service that the check names as the one whose answers count; else it is the URL's."""
    seen: tuple[Json, ...] = ()
    """The failing answers."""
    served: tuple[str | None, ...] = ()
    """The version behind each of them."""
    answered_by: frozenset[str] = frozenset()
    """Pods that the answers name, right ones and wrong ones."""
    expected_shares: tuple[tuple[str, float], ...] = ()
    """What part of the answers each version is to give."""
    observed_shares: tuple[tuple[str, float], ...] = ()
    """What part each version has given."""
    shares_are_wrong: bool = False
    """Whether each answer is right by itself, and only the parts are not as expected."""
    latency_min: float | None = None
    """Seconds that an answer has to take at least."""
    latency_max: float | None = None
    """Seconds that an answer may take at most."""
    expects_quota: bool = False
    expects_copies: bool = False
    expects_traces: bool = False
    copy_shares: tuple[tuple[str, float], ...] = ()
    """What part of the requests each version is to get copies of."""
    expects_logging: bool = False
    """Whether it matters what the caller's proxy logs."""
    uncounted: bool = False
    """Whether no proxy has counted any request in Istio's metrics while these were sent."""
    answers: int = 0
    """How many answers the check has rested on, and of these:"""
    limited: int = 0
    """those with the status of a rate limit,"""
    copied: int = 0
    """those to whose request a copy was seen where one is expected,"""
    traced: int = 0
    """those with a trace."""
    records: tuple[Record, ...] = ()
    """What the proxies on their way wrote about them."""
    objects: t.Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    """Live objects by kind; a kind that could not be read is not there."""
    partial: frozenset[str] = frozenset()
    """Kinds of which only those in the check's namespace could be read."""
    messages: tuple[Message, ...] = ()
    """What ``istioctl analyze`` says about the whole mesh."""
    proxies: tuple[ProxyStatus, ...] = ()
    """What istiod says about each proxy; empty where it could not be asked."""

    request: Request | None = None
    """The request in full, where the check sends HTTP."""
    session: bool = False
    """Whether the requests carry what a login before them has set, which nobody but the application knows."""
    connect_to: str = ""
    """The workload whose pod is connected to, whatever the URL's host is."""
    status_shares: tuple[tuple[int, float], ...] = ()
    """What part of the answers each status is to have."""
    expected_headers: tuple[str, ...] = ()
    """The names of headers that the answers are to have."""
    desired: tuple[Json, ...] = ()
    """The documents that the check belongs to, where it came with them: what should be there for it to pass."""
    attendee: str = ""
    """Whose they are, where there are several attendees."""
    configs: t.Mapping[tuple[str, str], ProxyConfig] = field(default_factory=dict)
    """Configurations of the proxies concerned, by namespace and name of the pod."""
    unseen: tuple[str, ...] = ()
    """What could not be read, as sentences."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path or "/"

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def of(self, kind: str, namespace: str | None = None) -> list[Json]:
        """Live objects of a kind, in one namespace where it is given."""
        found = self.objects.get(kind, ())
        return [one for one in found if namespace is None or one["metadata"].get("namespace") == namespace]

    def known(self, kind: str) -> bool:
        """Whether the kind could be read, so that its absence means something."""
        return kind in self.objects

    def known_everywhere(self, kind: str) -> bool:
        """Whether the kind could be read in every namespace."""
        return kind in self.objects and kind not in self.partial

    @property
    def expects_headers(self) -> bool:
        return bool(self.expected_headers)

    def errors(self) -> set[str]:
        """Kinds of errors among the failing answers."""
        return {str(one["error"]["kind"]) for one in self.seen if one.get("error")}

    def with_status(self, status: int) -> list[Json]:
        """Failing answers with this status."""
        return [one for one in self.seen if one.get("status") == status]


def gather(client: Client, namespace: str | None) -> tuple[dict[str, tuple[Json, ...]], frozenset[str]]:
    """The live objects, and the kinds of which only this namespace's could be read.

    What may not be read, or is not served by this cluster, is left out.
    """

    def look(key: str) -> tuple[tuple[Json, ...] | None, bool]:
        api_version, kind = LOOKED_AT[key]
        for place in (None, namespace) if namespace is not None else (None,):
            try:
                return tuple(client.list(api_version, kind, place)), place is not None
            except ApiError:
                continue
        return None, False

    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip(LOOKED_AT, pool.map(look, LOOKED_AT), strict=True))
    objects = {kind: one for kind, (one, _near) in found.items() if one is not None}
    return objects, frozenset(kind for kind, (_one, near) in found.items() if near)


class Look:
    """One look at the cluster for all that has failed in a run, per namespace that checks are in."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: dict[str | None, tuple[dict[str, tuple[Json, ...]], frozenset[str]]] = {}

    def into(self, findings: Findings) -> Findings:
        """Add the live objects. Who comes while another looks waits for what that one sees."""
        with self._lock:
            if findings.namespace not in self._found:
                objects, partial = gather(self._client, findings.namespace)
                more = {**self._secrets(findings), **self._mesh_config(objects)}
                self._found[findings.namespace] = ({**objects, **more}, partial)
            objects, partial = self._found[findings.namespace]
        return replace(findings, objects=objects, partial=partial)

    def _mesh_config(self, objects: t.Mapping[str, tuple[Json, ...]]) -> dict[str, tuple[Json, ...]]:
        """The mesh's configuration of each revision, where a Telemetry names providers; nothing where none is seen."""
        parts = [one for each in objects.get("Telemetry", ()) for one in spec_of(each).get("tracing") or ()]
        if not any(one.get("providers") for one in parts):
            return {}
        found = tuple(one for one in self._configs_of_istiod() if "mesh" in (one.get("data") or {}))
        return {"ConfigMap": found} if found else {}

    def _configs_of_istiod(self) -> t.Iterable[Json]:
        """The ConfigMaps of all revisions; attendees may read that of an istiod without a revision alone."""
        with contextlib.suppress(ApiError):
            return self._client.list("v1", "ConfigMap", ROOT, label_selector=REVISION)
        with contextlib.suppress(ApiError):
            found = self._client.get("v1", "ConfigMap", MESH_CONFIG, ROOT)
            return [found] if found is not None else []
        return []

    def _secrets(self, findings: Findings) -> dict[str, tuple[Json, ...]]:
        """Of the Secrets only those that are desired; nothing where one may not be read."""
        wanted = [one["metadata"] for one in findings.desired if one.get("kind") == "Secret"]
        try:
            found = [
                self._client.get("v1", "Secret", one["name"], one.get("namespace", findings.namespace))
                for one in wanted
            ]
        except ApiError:
            return {}
        return {"Secret": tuple(one for one in found if one is not None)} if wanted else {}
