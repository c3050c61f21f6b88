# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are not as the mesh needs them: not ready, without a sidecar, without istiod."""

from __future__ import annotations

from ..._istio.pods import has_sidecar, is_ready
from ..._kube.objects import labels_of, matches
from ..asked import callees
from ..findings import Diagnosis, Findings, Json
from ..objects import is_of, listed, qualified
from ..refused import refused_beside

INJECT = "sidecar.istio.io/inject"
ISTIOD = {"app": "istiod"}


def trouble_inside(findings: Findings) -> bool:
    """Whether an answer says that something behind the entrance could not be reached."""
    return any(
        (one.get("status") or 0) >= 500
        or "unavailable" in str(one.get("body", ""))
        or "Error fetching" in str(one.get("body", ""))
        for one in findings.seen
    ) or any(version is None for version in findings.served if findings.expected_versions)


def bare_pods(findings: Findings, namespace: str, pods: list[Json]) -> Diagnosis:
    """Pods without a sidecar: why they have none, and how they get one."""
    names = listed([qualified(one) for one in pods])
    label = f"Label the namespace {namespace} with istio-injection=enabled and restart their Deployments."
    restarting = f"kubectl -n {namespace} rollout restart deployment"
    labelling = f"kubectl label --overwrite namespace {namespace} istio-injection=enabled\n{restarting}"
    space = next((one for one in findings.of("Namespace") if one["metadata"]["name"] == namespace), None)
    plain = f"Pods run without a sidecar, so the mesh's rules do not hold for them: {names}."
    if pods and all(labels_of(one).get(INJECT) == "false" for one in pods):
        return Diagnosis(plain, f'Remove the label {INJECT}: "false" from the pod templates of their Deployments.')
    if space is None:
        return Diagnosis(plain, label)
    labels = labels_of(space)
    if labels.get("istio-injection") == "enabled" or labels.get("istio.io/rev"):
        restart = "Restart their Deployments: only pods made after the namespace was labelled get one."
        return Diagnosis(plain, restart, restarting)
    return Diagnosis(
        f"Namespace {namespace} is not labelled istio-injection=enabled, so its pods run without a sidecar and the "
        f"mesh's rules do not hold for them: {names}.",
        label,
        labelling,
    )


def no_sidecar(findings: Findings) -> Diagnosis | None:
    """Pods without a proxy: routing happens in the caller's proxy, so no rule holds for what they send."""
    if findings.source != "host" and "reset_before_response" in findings.errors():
        return None
    if findings.namespace is None or findings.expects_refusal:
        return None
    bare = [
        pod
        for pod in findings.of("Pod", findings.namespace)
        if labels_of(pod).get("app") and pod.get("status", {}).get("phase") == "Running" and not has_sidecar(pod)
    ]
    own = [pod for pod in bare if is_of(pod, findings.source)]
    if findings.source == "host":
        # Any pod behind a Service may be on the way; others stand for what is outside of the mesh.
        selectors = [one.get("spec", {}).get("selector") for one in findings.of("Service", findings.namespace)]
        if findings.known("Service"):
            bare = [pod for pod in bare if any(one and matches(one, labels_of(pod)) for one in selectors)]
    else:
        # A workload's own requests begin at itself: without a sidecar no rule holds for any of them.
        asked = callees(findings)[2]
        bare = own or [pod for pod in bare if pod in asked]
    if not bare or not (own or findings.expected_versions or trouble_inside(findings)):
        return None
    return bare_pods(findings, findings.namespace, bare)


def not_ready(findings: Findings) -> Diagnosis | None:
    """Pods of the application that are not ready."""
    if findings.namespace is None or not trouble_inside(findings):
        return None
    waiting = [
        pod
        for pod in findings.of("Pod", findings.namespace)
        if pod.get("status", {}).get("phase") not in ("Succeeded",) and not is_ready(pod)
    ]
    if not waiting:
        return None
    return Diagnosis(
        f"Pods of the application are not ready: {listed([qualified(one) for one in waiting])}.",
        "See kubectl describe pod for the reason; running mesh.workshop.setup again restores what is missing.",
    )


def refused_inside(findings: Findings) -> Diagnosis | None:
    """Pods of the application that the cluster refuses to make."""
    return refused_beside(findings) if trouble_inside(findings) else None


def no_istiod(findings: Findings) -> Diagnosis | None:
    """Nobody tells the proxies about changes."""
    if not findings.known("Pod"):
        return None
    pods = [one for one in findings.of("Pod") if matches(ISTIOD, labels_of(one))]
    if any(is_ready(pod) for pod in pods):
        return None
    return Diagnosis(
        "istiod is not ready, so the proxies keep their old configuration.",
        "See kubectl -n istio-system get pods; running mesh.workshop.setup again restores it.",
    )
