# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from .._kube.labels import MANAGED
from .istiod import ProxyStatus

Json = dict[str, t.Any]


def injection_of(labels: t.Mapping[str, str]) -> str:
    """How pods of a namespace get into the mesh: enabled, disabled, a revision, ambient, or none."""
    if labels.get("istio-injection") == "disabled":
        return "disabled"
    if labels.get("istio-injection") == "enabled":
        return "enabled"
    if labels.get("istio.io/rev"):
        return f"revision {labels['istio.io/rev']}"
    if labels.get("istio.io/dataplane-mode") == "ambient":
        return "ambient"
    return "none"


def namespaces_of(items: t.Sequence[Json]) -> list[Json]:
    found = []
    for item in items:
        labels = item["metadata"].get("labels") or {}
        injection = injection_of(labels)
        managed = labels.get(MANAGED) == "true"
        if injection != "none" or managed:
            found.append({"name": item["metadata"]["name"], "injection": injection, "managed": managed})
    return found


def gateways_of(services: t.Sequence[Json], nodes: t.Sequence[Json]) -> list[Json]:
    """The Services of ingress gateways, each with the addresses under which it is reached from outside."""
    found = []
    for service in services:
        spec, status = service["spec"], service.get("status") or {}
        ingress = (status.get("loadBalancer") or {}).get("ingress") or []
        addresses = [item.get("ip") or item.get("hostname") for item in ingress] or list(spec.get("externalIPs") or ())
        ports = [
            {"name": port.get("name", ""), "port": port["port"], "node_port": port.get("nodePort")}
            for port in spec.get("ports") or ()
        ]
        found.append(
            {
                "namespace": service["metadata"]["namespace"],
                "name": service["metadata"]["name"],
                "type": spec.get("type", "ClusterIP"),
                "addresses": addresses,
                "pending": spec.get("type") == "LoadBalancer" and not addresses,
                "node_addresses": _node_addresses(nodes) if any(port["node_port"] for port in ports) else [],
                "ports": ports,
            }
        )
    return found


def _node_addresses(nodes: t.Sequence[Json]) -> list[str]:
    return [
        address["address"]
        for node in nodes
        for address in (node.get("status") or {}).get("addresses") or ()
        if address.get("type") == "InternalIP"
    ]


def proxy_entry(proxy: ProxyStatus) -> Json:
    name, _dot, namespace = proxy.name.partition(".")
    return {
        "name": name,
        "namespace": namespace,
        "kind": proxy.kind,
        "version": proxy.version,
        "synced": proxy.synced,
        "waiting": proxy.waiting,
        "rejected": proxy.rejected,
    }
