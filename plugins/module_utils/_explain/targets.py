# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that a route leads to: their endpoints and health, and how they are spoken to.

Sources: Envoy's ``config.cluster.v3`` (``CircuitBreakers``, ``OutlierDetection``, ``transport_socket_matches``).
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._kube.objects import home_of, name_of, spec_of
from .breakers import breaker_of, outliers_of
from .dump import ProxyConfig
from .journey import PASSTHROUGH, Endpoint, Handshake, Target
from .mesh import Mesh, ServiceName, port_number, port_of
from .origin import origin_of, service_of

Json = t.Mapping[str, t.Any]


def target_of(
    mesh: Mesh, config: ProxyConfig, name: str, share: float, addresses: t.Sequence[str], port: int
) -> Target:
    """A cluster by its name; `addresses` and `port` are what is asked, and where some clusters pass it on to."""
    cluster = config.clusters.get(name)
    if cluster is None:
        return Target(name, share, known=False, service=_named_service(name), subset=_subset(name))
    if name == PASSTHROUGH:
        return Target(name, share, known=True, endpoints=tuple(_passed_through(mesh, addresses, port)))
    found = []
    if cluster.get("type") == "ORIGINAL_DST":
        own = _handshake(cluster, {})
        mutual = own is not None and own.mutual
        found = [replace(one, mtls=mutual, handshake=own) for one in _passed_through(mesh, addresses, port)]
    for one in config.endpoints.get(name, ()):
        place = ((one.get("endpoint") or {}).get("address") or {}).get("socket_address") or {}
        where = str(place.get("address", ""))
        handshake = _handshake(cluster, one)
        found.append(
            Endpoint(
                where,
                int(place.get("port_value") or 0),
                str(one.get("health_status", "HEALTHY")) in ("HEALTHY", "UNKNOWN", "DEGRADED"),
                handshake is not None and handshake.mutual,
                mesh.pod_at(where),
                config.ejected.get((name, where, int(place.get("port_value") or 0)), ""),
                handshake,
            )
        )
    first = _handshake(cluster, next(iter(config.endpoints.get(name, ())), {}))
    return Target(
        name,
        share,
        known=True,
        service=service_of(cluster) or _named_service(name),
        subset=_subset(name),
        origin=origin_of(cluster),
        endpoints=tuple(found),
        tls="" if first is None else "mtls" if first.mutual else "tls",
        breaker=breaker_of(cluster),
        outliers=outliers_of(cluster),
    )


def _passed_through(mesh: Mesh, addresses: t.Sequence[str], port: int) -> t.Iterator[Endpoint]:
    """What is at addresses that are asked as they are: pods, or those behind a Service, of which a node chooses one."""
    for address in addresses:
        owner = next((one for one in mesh.of("Service") if address and spec_of(one).get("clusterIP") == address), None)
        pods = mesh.pods_of((name_of(owner), home_of(owner))) if owner is not None else []
        for pod in pods:
            number = port_number(port_of(owner or {}, port), pod, port)
            where = str((pod.get("status") or {}).get("podIP") or "")
            yield Endpoint(where, number, healthy=True, mtls=False, pod=pod)
        if not pods:
            yield Endpoint(address, port, healthy=True, mtls=False, pod=mesh.pod_at(address))


def _handshake(cluster: Json, endpoint: Json) -> Handshake | None:
    """How a cluster begins to speak to an endpoint (``envoy.config.cluster.v3.Cluster``, transport_socket_matches)."""
    labels = ((endpoint.get("metadata") or {}).get("filter_metadata") or {}).get("envoy.transport_socket_match") or {}
    socket = cluster.get("transport_socket")
    for one in cluster.get("transport_socket_matches") or ():
        if all(labels.get(key) == value for key, value in (one.get("match") or {}).items()):
            socket = one.get("transport_socket")
            break
    config = (socket or {}).get("typed_config") or {}
    if "tls" not in str(config.get("@type", "")).lower() or "UpstreamTls" not in str(config.get("@type", "")):
        return None
    offered = tuple(map(str, (config.get("common_tls_context") or {}).get("alpn_protocols") or ()))
    mutual = any(one.startswith("istio") for one in offered)
    # The proxies' own filter offers the kinds of HTTP besides what is written there.
    return Handshake(str(config.get("sni") or ""), ("istio", "istio-http/1.1") if mutual else offered, mutual)


def _named_service(cluster: str) -> ServiceName | None:
    """Name and namespace by a cluster's name, ``outbound|port|subset|host``."""
    parts = cluster.split("|")
    names = parts[3].split(".") if len(parts) == 4 else []
    return (names[0], names[1]) if len(names) > 2 and names[2] == "svc" else None


def _subset(cluster: str) -> str:
    parts = cluster.split("|")
    return parts[2] if len(parts) == 4 else ""
