# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module mesh_info tells: the mesh, and what in it carries our labels."""

from __future__ import annotations

import functools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._apply.prune import find_owned
from .._istio.gateways import GATEWAY_SELECTOR
from .._istio.istiod import ProxyStatus, find_istiods, parse_syncz
from .._istio.mesh import gateways_of, namespaces_of, proxy_entry
from .._kube import ApiError, Client, Json
from .._kube.labels import ATTENDEE, LAB, STAGE
from .._observe.metrics import locate

GATEWAY_API_DEFINITION = "httproutes.gateway.networking.k8s.io"


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


def gateway_api_of(definition: Json | None) -> Json:
    """Version and channel of the Gateway API's definitions, as one of them says; empty where there is none.

    https://gateway-api.sigs.k8s.io/concepts/versioning/
    """
    annotations = ((definition or {}).get("metadata") or {}).get("annotations") or {}
    prefix = "gateway.networking.k8s.io/"
    return {
        "version": annotations.get(f"{prefix}bundle-version", ""),
        "channel": annotations.get(f"{prefix}channel", ""),
    }


def prometheus_entry(place: tuple[str, str, int] | None) -> Json:
    """Where the cluster's Prometheus is; empty, and port 0, where there is none."""
    namespace, name, port = place or ("", "", 0)
    return {"namespace": namespace, "name": name, "port": port}


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
        definition = pool.submit(
            read,
            "The definitions of the Gateway API",
            lambda: client.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", GATEWAY_API_DEFINITION),
            None,
        )
        prometheus = pool.submit(read, "Prometheus", lambda: prometheus_entry(locate(client)), prometheus_entry(None))
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
            "gateway_api": gateway_api_of(definition.result()),
            "prometheus": prometheus.result(),
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
