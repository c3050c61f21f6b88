# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy's own configuration: ``/config_dump?include_eds`` of its admin port (``envoy.admin.v3.ConfigDump``).

Of a mesh with many Services such an answer has tens of megabytes, so what no step of a walk looks at (access logs,
tracing, trusted certificates …) is dropped while it is parsed. istiod's ``/debug/config_dump`` has the same messages in
the other spelling of protobuf's JSON, with names in camel case.
"""

from __future__ import annotations

import base64
import json
import re
import typing as t
from dataclasses import dataclass, field

Json = t.Mapping[str, t.Any]

MANAGER = "envoy.filters.network.http_connection_manager"
DROPPED = (
    "bootstrap",
    "access_log",
    "accessLog",
    "tracing",
    "validation_context",
    "validationContext",
    "combined_validation_context",
    "combinedValidationContext",
    "sds_config",
    "sdsConfig",
    "eds_cluster_config",
    "edsClusterConfig",
    "common_lb_config",
    "commonLbConfig",
    "version_info",
    "versionInfo",
    "last_updated",
    "lastUpdated",
    "load_assignment",
    "loadAssignment",
    "stats",
)
"""Fields that no step looks at."""
TYPED_STRUCT = ".TypedStruct"
_CAMEL = re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+|consecutive5xx")
_AS_THEY_ARE = frozenset(("filter_metadata", "tlsMode"))
"""Structures whose keys are people's names rather than fields of Envoy's messages."""


@dataclass(frozen=True)
class ProxyConfig:
    """What one proxy works by."""

    pod: str
    namespace: str
    listeners: tuple[Json, ...] = ()
    routes: t.Mapping[str, Json] = field(default_factory=dict)
    """Route configurations by name."""
    clusters: t.Mapping[str, Json] = field(default_factory=dict)
    endpoints: t.Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    """By the name of their cluster."""
    rejected: tuple[str, ...] = ()
    """Why Envoy has refused a listener, in its words."""
    warming: tuple[Json, ...] = ()
    """Listeners that Envoy has, and does not open yet, since something that they name is not there."""
    secrets: t.Mapping[str, bool] = field(default_factory=dict)
    """Certificates by name, and whether the proxy has got them."""
    extensions: t.Mapping[str, Json] = field(default_factory=dict)
    """Configurations of HTTP filters that are sent apart from their listener (ECDS), by the filter's name."""
    ejected: t.Mapping[tuple[str, str, int], str] = field(default_factory=dict)
    """Why a host is not healthy, by cluster, address and port."""
    identity: str = ""
    """The SPIFFE id of its own certificate; empty where the proxy has none, or it is not shown."""
    version: str = ""
    """Of Istio, as the proxy says it to istiod; empty where that is not known."""

    @property
    def synced(self) -> bool:
        """Whether the proxy has ever got its listeners from istiod."""
        return bool(self.listeners or self.warming)

    def listener(self, name: str) -> Json | None:
        return next((one for one in self.listeners if one.get("name") == name), None)

    def route_config(self, manager: Json) -> Json | None:
        """The routes of an HTTP connection manager, its own or those that it names."""
        own = manager.get("route_config")
        if own is not None:
            return t.cast(Json, own)
        return self.routes.get(str((manager.get("rds") or {}).get("route_config_name", "")))


def read(text: bytes) -> t.Any:
    """The JSON of an answer without unused parts. Raises ValueError."""
    return json.loads(text, object_hook=_slim)


def _slim(part: dict[str, t.Any]) -> dict[str, t.Any]:
    version = _version(_mapping(part["bootstrap"])) if "bootstrap" in part else ""
    if version:
        part["version"] = version
    for name in DROPPED:
        if name in part:
            del part[name]
    return part


def _version(bootstrap: Json) -> str:
    """The version of Istio that a proxy says it is of; empty where it says none."""
    return str(_mapping(_mapping(bootstrap.get("node")).get("metadata")).get("ISTIO_VERSION") or "")


def snake_case(value: t.Any) -> t.Any:
    """istiod's spelling of an answer as the proxies': ``virtualHosts`` becomes ``virtual_hosts``."""
    if isinstance(value, list):
        return [snake_case(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        name = key if key in _AS_THEY_ARE or not _CAMEL.fullmatch(key) else _snake(key)
        found[name] = inner if name in _AS_THEY_ARE else snake_case(inner)
    return found


def _snake(key: str) -> str:
    return re.sub(r"[A-Z]|5xx$", lambda one: f"_{one[0].lower()}", key)


def parse(answer: t.Any, pod: str, namespace: str) -> ProxyConfig:
    """The parts that a request meets. What is not of the form known here is left out; raises nothing."""
    sections: dict[str, Json] = {}
    for one in _list(_mapping(answer).get("configs")):
        sections[str(_mapping(one).get("@type", "")).rpartition(".")[2]] = _mapping(one)
    listeners: list[Json] = []
    warming: list[Json] = []
    rejected: list[str] = []
    for one in _list(sections.get("ListenersConfigDump", {}).get("dynamic_listeners")):
        for state, place in (("active_state", listeners), ("warming_state", warming)):
            listener = _mapping(_mapping(one).get(state)).get("listener")
            if isinstance(listener, t.Mapping):
                place.append(listener)
        why = _mapping(_mapping(one).get("error_state")).get("details")
        if why:
            rejected.append(" ".join(str(why).split()))
    routes: dict[str, Json] = {}
    dumped = sections.get("RoutesConfigDump", {})
    for one in (*_list(dumped.get("static_route_configs")), *_list(dumped.get("dynamic_route_configs"))):
        config = _mapping(_mapping(one).get("route_config"))
        routes[str(config.get("name", ""))] = config
    clusters: dict[str, Json] = {}
    dumped = sections.get("ClustersConfigDump", {})
    for one in (*_list(dumped.get("static_clusters")), *_list(dumped.get("dynamic_active_clusters"))):
        config = _mapping(_mapping(one).get("cluster"))
        clusters[str(config.get("name", ""))] = config
    endpoints: dict[str, tuple[Json, ...]] = {}
    dumped = sections.get("EndpointsConfigDump", {})
    for one in (*_list(dumped.get("static_endpoint_configs")), *_list(dumped.get("dynamic_endpoint_configs"))):
        config = _mapping(_mapping(one).get("endpoint_config"))
        found = [
            _mapping(host)
            for group in _list(config.get("endpoints"))
            for host in _list(_mapping(group).get("lb_endpoints"))
        ]
        endpoints[str(config.get("cluster_name", ""))] = tuple(found)
    secrets: dict[str, bool] = {}
    dumped = sections.get("SecretsConfigDump", {})
    for key, there in (("dynamic_warming_secrets", False), ("static_secrets", True), ("dynamic_active_secrets", True)):
        secrets.update({str(_mapping(one).get("name", "")): there for one in _list(dumped.get(key))})
    extensions: dict[str, Json] = {}
    for one in _list(sections.get("EcdsConfigDump", {}).get("ecds_filters")):
        config = _mapping(_mapping(one).get("ecds_filter"))
        extensions[str(config.get("name", ""))] = _mapping(config.get("typed_config"))
    return ProxyConfig(
        pod,
        namespace,
        tuple(listeners),
        routes,
        clusters,
        endpoints,
        tuple(rejected),
        tuple(warming),
        secrets,
        extensions,
        identity=_identity(dumped),
        version=str(sections.get("BootstrapConfigDump", {}).get("version") or ""),
    )


def _identity(dumped: Json) -> str:
    """The SPIFFE id in the certificate that Istio's agent gives the proxy, which is called ``default``."""
    for one in _list(dumped.get("dynamic_active_secrets")):
        if _mapping(one).get("name") != "default":
            continue
        chain = _mapping(
            _mapping(_mapping(_mapping(one).get("secret")).get("tls_certificate")).get("certificate_chain")
        )
        try:
            text = base64.b64decode(str(chain.get("inline_bytes") or "")).decode("ascii")
            raw = base64.b64decode(text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0])
        except ValueError:
            return ""
        # A name of the kind URI has its length in the byte before it (RFC 5280, GeneralName).
        place = raw.find(b"spiffe://")
        return raw[place : place + raw[place - 1]].decode("ascii", "replace") if place > 0 else ""
    return ""


HEALTH = (
    ("failed_outlier_check", "ejected"),
    ("failed_active_health_check", "failing its health check"),
    ("failed_active_degraded_check", "degraded"),
    ("pending_dynamic_removal", "about to be removed"),
    ("pending_active_hc", "not checked yet"),
    ("excluded_via_immediate_hc_fail", "failing its health check"),
    ("active_hc_timeout", "failing its health check"),
)
"""Fields of ``envoy.admin.v3.HostHealthStatus``, each with what it means."""


def parse_health(answer: t.Any) -> dict[tuple[str, str, int], str]:
    """Why hosts are not healthy (``/clusters?format=json``, ``envoy.admin.v3.Clusters``); raises nothing."""
    found: dict[tuple[str, str, int], str] = {}
    for cluster in _list(_mapping(answer).get("cluster_statuses")):
        for host in _list(_mapping(cluster).get("host_statuses")):
            health = _mapping(_mapping(host).get("health_status"))
            why = [text for name, text in HEALTH if health.get(name)]
            if health.get("eds_health_status") in ("UNHEALTHY", "DRAINING", "TIMEOUT"):
                why.append("not ready")
            socket = _mapping(_mapping(_mapping(host).get("address")).get("socket_address"))
            port = socket.get("port_value")
            if why and isinstance(port, int):
                found[(str(_mapping(cluster).get("name", "")), str(socket.get("address", "")), port)] = why[0]
    return found


def manager_of(chain: Json) -> Json | None:
    """The HTTP connection manager of a filter chain; None where the chain takes its connections as TCP."""
    for one in chain.get("filters") or ():
        if one.get("name") == MANAGER:
            return t.cast(Json, one.get("typed_config") or {})
    return None


@dataclass(frozen=True)
class Filter:
    """One HTTP filter of a chain."""

    name: str
    type: str
    """Such as ``local_ratelimit``: the part of its configuration's type that tells filters apart, else of its name."""
    config: Json


def filters_of(manager: Json, extensions: t.Mapping[str, Json] | None = None) -> list[Filter]:
    """The HTTP filters of a connection manager in their order (those of ECDS from `extensions`)."""
    found = []
    for one in _list(manager.get("http_filters")):
        name = str(_mapping(one).get("name", ""))
        config = _mapping(_mapping(one).get("typed_config")) or (extensions or {}).get(name, {})
        type_url = str(config.get("@type", ""))
        if type_url.endswith(TYPED_STRUCT):
            type_url, config = str(config.get("type_url", "")), _mapping(config.get("value"))
        known = re.search(r"\.filters\.http\.(\w+)\.v\d", type_url) or re.match(r"envoy\.filters\.http\.(\w+)$", name)
        found.append(Filter(name, known[1] if known else type_url.rpartition("/")[2] or name, config))
    return found


def tcp_cluster(chain: Json) -> str:
    """The cluster to which a chain passes its connections as TCP; empty where it does not."""
    for one in chain.get("filters") or ():
        if one.get("name") == "envoy.filters.network.tcp_proxy":
            config = one.get("typed_config") or {}
            weighted = (config.get("weighted_clusters") or {}).get("clusters") or ()
            return str(config.get("cluster") or next((item.get("name") for item in weighted), ""))
    return ""


def _mapping(value: t.Any) -> Json:
    return value if isinstance(value, t.Mapping) else {}


def _list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []
