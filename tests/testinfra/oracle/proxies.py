# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxies themselves say that they are configured to do."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import re
import typing as t

import kubernetes
import websocket
from oracle.snapshots import NAMESPACE, Snapshot, workload

CONTAINER = "istio-proxy"
DUMP = ["pilot-agent", "request", "GET", "config_dump?include_eds"]
# When something came and in which version says nothing about what it is.
VOLATILE = ("version_info", "last_updated", "last_update_attempt", "client_status")
# Where each part of a dump has its resource. Of secrets only the names matter, and the bootstrap is the pod's own.
PARTS = {"cluster": "cluster", "listener": "listener", "route": "route_config", "endpoint": "endpoint_config"}
# Lists whose order means nothing.
UNORDERED = ("virtual_hosts", "filter_chains", "domains", "endpoints", "lb_endpoints")

Json = dict[str, t.Any]


def snapshot(kube: t.Any, namespace: str = NAMESPACE, *, gateways: bool = True) -> Snapshot:
    """The configuration of a Bookinfo's sidecars and of the ingress gateway, by proxy and resource."""
    pods = kube.core.list_pod_for_all_namespaces().items
    services = kube.core.list_service_for_all_namespaces().items
    names = {pod.metadata.name: workload(pod) for pod in pods}
    names |= {pod.status.pod_ip: workload(pod) for pod in pods if pod.status.pod_ip and not pod.spec.host_network}
    names |= {
        one.spec.cluster_ip: f"{one.metadata.name}.{one.metadata.namespace}"
        for one in services
        if one.spec.cluster_ip not in (None, "", "None")
    }
    proxies = [pod for pod in pods if is_proxy(pod, namespace, gateways=gateways)]
    # With a client each: the one for streams is not made for threads.
    clients = [kubernetes.client.ApiClient(kube.core.api_client.configuration) for _proxy in proxies]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        dumps = pool.map(config_dump, clients, proxies)
    found: Snapshot = {}
    seen: collections.Counter[str] = collections.Counter()
    for pod, dump in sorted(zip(proxies, dumps, strict=True), key=lambda item: str(item[0].metadata.name)):
        proxy = workload(pod)
        seen[proxy] += 1
        if seen[proxy] > 1:
            proxy = f"{proxy} ({seen[proxy]})"
        if dump is None:
            found[f"{proxy} without an answer"] = {}
        else:
            found.update({f"{proxy}: {key}": value for key, value in resources(dump, names).items()})
    return found


def of_one(found: Snapshot, host: str, namespace: str) -> Snapshot:
    """Of a snapshot with a gateway that several share, what is for this host and namespace.

    Of the gateway these are the virtual hosts of that host and the clusters of that namespace: it has one listener for
    everybody.
    """
    own: Snapshot = {}
    for name, bodies in found.items():
        proxy, _colon, resource = name.partition(": ")
        if not proxy.startswith("istio-ingressgateway"):
            own[name] = bodies
        elif resource.startswith("route "):
            own[name] = [
                one
                for body in bodies
                for one in body.get("virtual_hosts", ())
                if any(domain.partition(":")[0] == host for domain in one["domains"])
            ]
        elif resource.startswith(("cluster ", "endpoint ")) and f".{namespace}.svc." in resource:
            own[name] = bodies
    return {name: bodies for name, bodies in own.items() if bodies}


def is_proxy(pod: t.Any, namespace: str = NAMESPACE, *, gateways: bool = True) -> bool:
    """Whether it is one to look at: there, to stay, and of this Bookinfo or the gateway."""
    containers = [*pod.spec.containers, *(pod.spec.init_containers or ())]
    return (
        not pod.metadata.deletion_timestamp
        and pod.status.phase == "Running"
        and any(one.name == CONTAINER for one in containers)
        and (
            pod.metadata.namespace == namespace
            or gateways
            and (pod.metadata.labels or {}).get("istio") == "ingressgateway"
        )
    )


def config_dump(client: t.Any, pod: t.Any) -> Json | None:
    """Envoy's own account of its configuration; None from a pod that is on its way out by now."""
    try:
        command = kubernetes.stream.stream(
            kubernetes.client.CoreV1Api(client).connect_get_namespaced_pod_exec,
            pod.metadata.name,
            pod.metadata.namespace,
            container=CONTAINER,
            command=DUMP,
            stdout=True,
            # The client would take JSON for its own and give back Python.
            _preload_content=False,
            binary=True,
        )
        command.run_forever(timeout=30)
        return t.cast(Json, json.loads(command.read_stdout()))
    except (kubernetes.client.ApiException, websocket.WebSocketException, ValueError):
        return None


def resources(dump: Json, names: t.Mapping[str, str]) -> Snapshot:
    """The resources of a dump by kind and name, as far as they are the same in two proxies that do the same.

    ``names`` says what an address or a pod's name stands for.
    """
    found: dict[str, list[t.Any]] = collections.defaultdict(list)
    for section in renamed(dump, names)["configs"]:
        kind = re.sub(r".*\.(\w+?)s?ConfigDump$", r"\1", section["@type"]).lower()
        for group, items in section.items():
            # Of `static_listeners` and `dynamic_active_clusters` only what is unusual matters.
            state = "warming " if "_warming_" in group else ""
            for item in items if isinstance(items, list) else ():
                for prefix, name, body in entries(kind, item):
                    found[f"{prefix}{state}{kind} {name}"].append(ordered(body))
    # For other clusters Envoy lists what it has resolved or used, which is none of the configuration.
    told = {name for name, bodies in found.items() if bodies[0].get("type") == "EDS"}
    return {
        # Routes within listeners may share a name.
        name: sorted(bodies, key=rank)
        for name, bodies in found.items()
        if not name.startswith("endpoint ") or f"cluster {name.removeprefix('endpoint ')}" in told
    }


def entries(kind: str, item: Json) -> t.Iterator[tuple[str, str, Json]]:
    """What one entry of a dump holds: state, name and resource. A listener may be there in several states at once."""
    if kind == "secret":
        yield "", item["name"], {}
        return
    if kind not in PARTS:
        return
    field = PARTS[kind]
    for state, prefix in (("active", ""), ("warming", "warming "), ("draining", "draining ")):
        if f"{state}_state" in item:
            yield prefix, item["name"], without(item[f"{state}_state"])[field]
    if field in item:
        yield "", item[field].get("name") or item[field].get("cluster_name", ""), item[field]
    if "error_state" in item:
        body = item.get(field) or {}
        yield "rejected ", item.get("name") or body.get("name", ""), without(item["error_state"])


def without(state: Json) -> Json:
    """A state without what tells only of its time."""
    return {key: value for key, value in state.items() if key not in VOLATILE}


def renamed(dump: Json, names: t.Mapping[str, str]) -> Json:
    """Names in place of all that another pod in the same place has otherwise."""
    if not names:
        return dump
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    # Names of listeners go on after an address: 10.96.0.10_53.
    pattern = rf"(?<![0-9A-Za-z.-])(?:{known})(?![0-9A-Za-z]|[.-]\w)"
    text = re.sub(pattern, lambda match: names[match[0]], json.dumps(dump))
    return t.cast(Json, json.loads(text))


def ordered(value: t.Any, key: str = "") -> t.Any:
    """Sorted where order means nothing."""
    if isinstance(value, dict):
        return {name: ordered(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = [ordered(item) for item in value]
        return sorted(items, key=rank) if key in UNORDERED else items
    return value


def rank(value: t.Any) -> tuple[str, str]:
    """By name if there is one, so that what changes stays in its place."""
    return value.get("name", "") if isinstance(value, dict) else "", json.dumps(value, sort_keys=True)
