# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Predicates over API objects that tell whether a cluster's own parts are healthy. Pure."""

from __future__ import annotations

import datetime
import typing as t

Document = t.Mapping[str, t.Any]

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_SYSTEM = "namespaces/kube-system"

# Objects that `kubeadm init` leaves (phases upload-config, mark-control-plane and kubeconfig).
REGISTERED = (
    f"/api/v1/{_SYSTEM}/configmaps/kubeadm-config",
    f"/api/v1/{_SYSTEM}/configmaps/kubelet-config",
    f"{_RBAC}/clusterrolebindings/kubeadm:cluster-admins",
)
PROXY_DAEMONSET = f"/apis/apps/v1/{_SYSTEM}/daemonsets/kube-proxy"
# Objects that kube-proxy's DaemonSet needs (kubeadm's phase addon kube-proxy).
PROXY_NEEDS = (
    f"/api/v1/{_SYSTEM}/configmaps/kube-proxy",
    f"/api/v1/{_SYSTEM}/serviceaccounts/kube-proxy",
    f"{_RBAC}/clusterrolebindings/kubeadm:node-proxier",
    f"{_RBAC}/{_SYSTEM}/roles/kube-proxy",
    f"{_RBAC}/{_SYSTEM}/rolebindings/kube-proxy",
)
# The API server's access to the kubelet for logs, exec and port-forward. kubeadm grants it in its phase
# bootstrap-token, which would also leave a token for more nodes.
KUBELET_ACCESS = f"{_RBAC}/clusterrolebindings/kubeadm:apiserver-kubelet-client"
KUBELET_ACCESS_BINDING: Document = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "kubeadm:apiserver-kubelet-client"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "system:kubelet-api-admin",
    },
    "subjects": [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kube-apiserver-kubelet-client"},
    ],
}
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


def moment(text: object) -> float:
    """Seconds since 1970 of a time as the Kubernetes API or runc writes it; 0 for none."""
    if not isinstance(text, str) or not text:
        return 0.0
    # Python 3.11 reads at most six digits of a second, runc writes nine.
    body, _dot, rest = text.partition(".")
    if rest:
        digits = rest.rstrip("Z")
        text = f"{body}.{digits[:6]}Z"
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def runs_image(workload: Document | None, image: str) -> bool:
    """Whether a Deployment or DaemonSet is there, runs this image, and has replicas."""
    if workload is None:
        return False
    spec = workload["spec"]
    images = [container["image"] for container in spec["template"]["spec"]["containers"]]
    return images == [image] and int(spec.get("replicas", 1)) > 0


def node_ready(node: Document | None, since: float) -> str:
    """Why the node is not ready; empty when it has reported so after `since`, because older reports are void."""
    if node is None:
        return "the node has not registered"
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            if condition["status"] != "True":
                return f"the node is not ready: {condition.get('message', 'no reason given')}"
            if moment(condition.get("lastHeartbeatTime")) < since:
                return "the node has not reported since its start"
            return ""
    return "the node has not reported"


def _condition(pod: Document, kind: str) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def ready_pod(pods: t.Iterable[Document], app: str) -> bool:
    """Whether a pod labelled ``k8s-app: app`` is ready and is not being removed."""
    return any(
        pod["metadata"].get("labels", {}).get("k8s-app") == app
        and "deletionTimestamp" not in pod["metadata"]
        and _condition(pod, "Ready")
        for pod in pods
    )


def stale_pods(pods: t.Iterable[Document], since: float) -> list[str]:
    """Pods that count as ready only by reports from before `since`, when the node started.

    After a restart the API server still serves the kubelet's last report, which would mislead a wait for a Deployment.
    """
    stale = []
    for pod in pods:
        if not _condition(pod, "Ready"):
            continue
        started = [
            moment(status.get("state", {}).get("running", {}).get("startedAt"))
            for status in pod["status"].get("containerStatuses", [])
        ]
        # The API's times have whole seconds.
        if any(begin and begin + 1 < since for begin in started):
            stale.append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
    return stale


def stale_sets(sets: t.Iterable[Document], pods: t.Iterable[Document]) -> list[str]:
    """ReplicaSets that count more ready pods than there are: their controller has not looked since the restart.

    Deployments take their status from them, so a wait for a Deployment would end too early.
    """
    ready: dict[str, int] = {}
    for pod in pods:
        if _condition(pod, "Ready"):
            for owner in pod["metadata"].get("ownerReferences", []):
                ready[owner["uid"]] = ready.get(owner["uid"], 0) + 1
    return [
        f"ReplicaSet {one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in sets
        if one.get("status", {}).get("readyReplicas", 0) > ready.get(one["metadata"]["uid"], 0)
    ]
