# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy's own configuration: ``/config_dump?include_eds`` of its admin port (``envoy.admin.v3.ConfigDump``)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

Json = t.Mapping[str, t.Any]

MANAGER = "envoy.filters.network.http_connection_manager"


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

    def listener(self, name: str) -> Json | None:
        return next((one for one in self.listeners if one.get("name") == name), None)

    def route_config(self, manager: Json) -> Json | None:
        """The routes of an HTTP connection manager, its own or those that it names."""
        own = manager.get("route_config")
        if own is not None:
            return t.cast(Json, own)
        return self.routes.get(str((manager.get("rds") or {}).get("route_config_name", "")))


def parse(answer: t.Any, pod: str, namespace: str) -> ProxyConfig:
    """The parts that a request meets. What is not of the form known here is left out; raises nothing."""
    sections: dict[str, Json] = {}
    for one in _list(_mapping(answer).get("configs")):
        sections[str(_mapping(one).get("@type", "")).rpartition(".")[2]] = _mapping(one)
    listeners: list[Json] = []
    rejected: list[str] = []
    for one in _list(sections.get("ListenersConfigDump", {}).get("dynamic_listeners")):
        active = _mapping(_mapping(one).get("active_state")).get("listener")
        if isinstance(active, t.Mapping):
            listeners.append(active)
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
    return ProxyConfig(pod, namespace, tuple(listeners), routes, clusters, endpoints, tuple(rejected))


def manager_of(chain: Json) -> Json | None:
    """The HTTP connection manager of a filter chain; None where the chain takes its connections as TCP."""
    for one in chain.get("filters") or ():
        if one.get("name") == MANAGER:
            return t.cast(Json, one.get("typed_config") or {})
    return None


def http_filters(manager: Json, name: str) -> list[Json]:
    """The configurations of all HTTP filters of a type, in their order."""
    return [
        one.get("typed_config") or {}
        for one in manager.get("http_filters") or ()
        if str(one.get("name", "")) == f"envoy.filters.http.{name}" or _type_of(one).endswith(f".{name}")
    ]


def _type_of(one: Json) -> str:
    return str((one.get("typed_config") or {}).get("@type", "")).lower()


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
