# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ._client import ApiError, Client
from ._labels import ATTENDEE, LAB, MANAGED, STAGE
from ._resources.prune import find_owned
from ._resources.settled import ProxyStatus, find_istiods, parse_syncz

Json = dict[str, t.Any]

GATEWAY_SELECTOR = "istio=ingressgateway"


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


def owned_entry(obj: Json) -> Json:
    meta = obj["metadata"]
    labels = meta.get("labels") or {}
    return {
        "attendee": labels.get(ATTENDEE, ""),
        "lab": labels.get(LAB, ""),
        "stage": labels.get(STAGE, ""),
        "api_version": obj["apiVersion"],
        "kind": obj["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
    }


def owner_selectors(attendee: str | None, lab: str | None, stage: str | None) -> list[dict[str, str | None]]:
    """What to list: by the labels that are asked for, else everything that carries any of them."""
    wanted = {key: value for key, value in ((ATTENDEE, attendee), (LAB, lab), (STAGE, stage)) if value}
    if wanted:
        return [dict(wanted)]
    return [{ATTENDEE: None}, {LAB: None}]


def gather(client: Client, attendee: str | None, lab: str | None, stage: str | None) -> tuple[Json, list[str]]:
    """Everything that mesh_info returns, and a warning for each part that could not be read."""
    warnings: list[str] = []

    def read(what: str, action: t.Callable[[], t.Any], default: t.Any) -> t.Any:
        try:
            return action()
        except ApiError as exc:
            warnings.append(f"{what} cannot be read: {exc.sentence()}")
            return default

    version = client.server_version()  # without this nothing else makes sense: an error here is one
    with ThreadPoolExecutor(8) as pool:
        istio = pool.submit(read, "The control plane", lambda: _control_plane(client), ([], []))
        namespaces = pool.submit(read, "Namespaces", lambda: namespaces_of(client.list("v1", "Namespace")), [])
        services = pool.submit(
            read, "Gateways", lambda: client.list("v1", "Service", label_selector=GATEWAY_SELECTOR), []
        )
        nodes = pool.submit(read, "Nodes", lambda: client.list("v1", "Node"), [])
        owned: dict[tuple[str, str, str, str], Json] = {}
        for selector in owner_selectors(attendee, lab, stage):
            found = read("What is owned", functools.partial(find_owned, client, selector, run=pool.map), [])
            for entry in map(owned_entry, found):
                owned[(entry["api_version"], entry["kind"], entry["namespace"], entry["name"])] = entry
        pods, proxies = istio.result()
        return {
            "kubernetes_version": version.get("gitVersion", ""),
            "istio": pods,
            "proxies": [proxy_entry(proxy) for proxy in sorted(proxies, key=lambda one: one.name)],
            "namespaces": namespaces.result(),
            "gateways": gateways_of(services.result(), nodes.result()),
            "owned": [owned[key] for key in sorted(owned)],
        }, warnings


def _control_plane(client: Client) -> tuple[list[Json], list[ProxyStatus]]:
    pods: list[Json] = []
    proxies: list[ProxyStatus] = []
    for istiod in find_istiods(client):
        try:
            version = istiod.get("/version").decode("utf-8", "replace").strip()
            pods.append({"namespace": istiod.namespace, "name": istiod.name, "version": version})
            proxies.extend(parse_syncz(istiod.json("/debug/syncz")))
        finally:
            istiod.close()
    return pods, proxies
