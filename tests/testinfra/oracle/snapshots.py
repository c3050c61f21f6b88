# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster holds, and in what it differs from what it held before."""

from __future__ import annotations

import json
import typing as t

NAMESPACE = "bookinfo"
# What differs between two objects that say the same.
VOLATILE = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
ISTIO = {
    ("networking.istio.io", "v1"): ("gateways", "virtualservices", "destinationrules", "serviceentries", "sidecars"),
    ("networking.istio.io", "v1alpha3"): ("envoyfilters",),
    ("security.istio.io", "v1"): ("authorizationpolicies", "peerauthentications", "requestauthentications"),
    ("telemetry.istio.io", "v1"): ("telemetries",),
}
BUILTIN = {
    "/api/v1": ("namespaces", "pods", "services", "configmaps", "secrets", "serviceaccounts"),
    "/apis/apps/v1": ("deployments",),
}
# Of all that is asked for, as much as is needed to tell versions apart.
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
ISTIOD = "/api/v1/namespaces/istio-system/services/istiod:15014/proxy/metrics"
TAKEN_IN = "pilot_inbound_updates{"
# With it Istio's controllers elect their leaders, every few seconds.
LEADER = "control-plane.alpha.kubernetes.io/leader"
# Of the verifications: a client outside of the mesh, which stays until teardown as their results say.
OUTSIDE = "mesh-workshop-probe"
SHOWN = 8

Snapshot = dict[str, t.Any]


def plain(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """An object as far as somebody wants it so."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in VOLATILE}
    metadata.get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    spec = {key: value for key, value in item.get("spec", {}).items() if not key.startswith("clusterIP")}
    return {"metadata": metadata, "spec": spec, "data": item.get("data")}


def workload(pod: t.Any) -> str:
    """Whose pod it is; pods come and go, workloads stay."""
    owner = next((one for one in pod.metadata.owner_references or () if one.controller), None)
    if owner is None:
        return str(pod.metadata.name)
    return str(owner.name).removesuffix("-" + (pod.metadata.labels or {}).get("pod-template-hash", ""))


def snapshot(kube: t.Any) -> Snapshot:
    """All that baseline consists of, and whatever else there is, by kind and name."""
    client = kube.core.api_client
    lists = {
        "ConfigMap": (kube.core.list_namespaced_config_map, kube.core.list_config_map_for_all_namespaces),
        "Secret": (kube.core.list_namespaced_secret, kube.core.list_secret_for_all_namespaces),
        "Service": (kube.core.list_namespaced_service, kube.core.list_service_for_all_namespaces),
        "ServiceAccount": (
            kube.core.list_namespaced_service_account,
            kube.core.list_service_account_for_all_namespaces,
        ),
        "Deployment": (kube.apps.list_namespaced_deployment, kube.apps.list_deployment_for_all_namespaces),
    }
    found: Snapshot = {}

    def add(kind: str, items: t.Iterable[dict[str, t.Any]]) -> None:
        for item in items:
            found[f"{kind} {item['metadata']['namespace']}/{item['metadata']['name']}"] = plain(item)

    for kind, (inside, everywhere) in lists.items():
        add(kind, client.sanitize_for_serialization(inside(NAMESPACE))["items"])
        add(kind, client.sanitize_for_serialization(everywhere(label_selector="mesh.workshop/attendee"))["items"])
    for (group, version), plurals in ISTIO.items():
        for plural in plurals:
            add(plural, kube.custom.list_cluster_custom_object(group, version, plural)["items"])
    for pod in kube.core.list_namespaced_pod(NAMESPACE).items:
        if not pod.metadata.deletion_timestamp:
            key = f"Pods of {NAMESPACE}/{workload(pod)}"
            found[key] = found.get(key, 0) + 1
    for item in kube.core.list_namespace().items:
        if item.metadata.name != OUTSIDE and not item.metadata.deletion_timestamp:
            found[f"Namespace {item.metadata.name}"] = item.metadata.labels
    return found


def versions(kube: t.Any) -> Snapshot:
    """What changes as soon as anybody writes to the cluster, even if it says the same afterwards.

    These are the versions of all objects, and how often istiod has taken something in. So what is made and removed
    again shows as well, as far as it matters to the mesh.
    """
    client = kube.core.api_client

    def get(path: str, accept: str) -> str:
        answer = client.call_api("GET", client.configuration.host + path, {"Accept": accept})
        text = answer.read().decode()
        assert answer.status == 200, f"{path}: {answer.status} {text}"
        return str(text)

    istio = {f"/apis/{group}/{version}": plurals for (group, version), plurals in ISTIO.items()}
    found: Snapshot = {}
    for path, plurals in {**BUILTIN, **istio}.items():
        for plural in plurals:
            # An empty list is null.
            for item in json.loads(get(f"{path}/{plural}", METADATA))["items"] or ():
                metadata = item["metadata"]
                if (seen := version(plural, metadata)) is not None:
                    found[f"{plural} {metadata.get('namespace', '')}/{metadata['name']}"] = seen
    found["istiod"] = [line for line in get(ISTIOD, "text/plain").splitlines() if line.startswith(TAKEN_IN)]
    return found


def version(plural: str, metadata: dict[str, t.Any]) -> t.Any:
    """Of an object as its users see it; None if it has none, since it is going or changes by itself."""
    if plural == "pods":  # whose status is written all the time
        return None if "deletionTimestamp" in metadata else metadata["uid"]
    if plural == "deployments":
        return metadata["uid"], metadata["generation"]
    return None if LEADER in metadata.get("annotations", {}) else (metadata["uid"], metadata["resourceVersion"])


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is left over, missing or another, a line each."""
    lines = []
    for name in sorted({*before, *after}):
        if name not in after:
            lines.append(f"{name} is missing")
        elif name not in before:
            lines.append(f"{name} is left over")
        elif before[name] != after[name]:
            lines.append(f"{name} differs{_where(before[name], after[name])}")
    return lines


def listing(lines: t.Sequence[str]) -> str:
    """The first of them, for a message."""
    more = len(lines) - SHOWN
    return "\n".join([*lines[:SHOWN], *([f"... and {more} more"] if more > 0 else [])])


def _where(before: t.Any, after: t.Any, path: str = "") -> str:
    """The first place in which two values differ, and how."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                return _where(before.get(key), after.get(key), f"{path}.{key}")
    if isinstance(before, list) and isinstance(after, list):
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            if one != other:
                return _where(one, other, f"{path}[{number}]")
        if len(before) != len(after):
            return f" at {path}: {len(after)} entries instead of {len(before)}"
    return f" at {path}: {_short(after)} instead of {_short(before)}" if path else f": {after} instead of {before}"


def _short(value: t.Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
