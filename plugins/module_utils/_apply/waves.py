# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

# The order of things: what is referred to comes before what refers to it. A
# DestinationRule comes before the VirtualService that names its subsets, or
# requests get 503 in between; on removal the VirtualService goes first.
_WAVES: tuple[tuple[tuple[str, str], ...], ...] = (
    (("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("scheduling.k8s.io", "PriorityClass")),
    (
        ("", "ServiceAccount"),
        ("", "ResourceQuota"),
        ("", "LimitRange"),
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("storage.k8s.io", "StorageClass"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("networking.k8s.io", "IngressClass"),
        ("gateway.networking.k8s.io", "GatewayClass"),
        ("security.openshift.io", "SecurityContextConstraints"),
        ("policy", "PodDisruptionBudget"),
    ),
    (("rbac.authorization.k8s.io", "RoleBinding"), ("rbac.authorization.k8s.io", "ClusterRoleBinding")),
    (("", "Service"), ("networking.k8s.io", "NetworkPolicy")),
    (("networking.istio.io", "ServiceEntry"), ("networking.istio.io", "WorkloadEntry")),
    # Proxies read these when they start, and rules that name subsets need them.
    (
        ("networking.istio.io", "DestinationRule"),
        ("networking.istio.io", "Sidecar"),
        ("networking.istio.io", "ProxyConfig"),
        ("networking.istio.io", "WorkloadGroup"),
    ),
    (
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("apps", "ReplicaSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
        ("", "Pod"),
        ("autoscaling", "HorizontalPodAutoscaler"),
    ),
    # The webhooks of a control plane come after its pods: before, they would refuse everything.
    (
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("apiregistration.k8s.io", "APIService"),
    ),
    (
        ("networking.istio.io", "Gateway"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("gateway.networking.k8s.io", "ReferenceGrant"),
        ("networking.k8s.io", "Ingress"),
        ("route.openshift.io", "Route"),
    ),
    (
        ("networking.istio.io", "VirtualService"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("gateway.networking.k8s.io", "GRPCRoute"),
    ),
    # A token must be understood before a policy asks for its claims; mTLS must be offered before it is demanded.
    (("security.istio.io", "RequestAuthentication"), ("security.istio.io", "PeerAuthentication")),
    (("security.istio.io", "AuthorizationPolicy"),),
    (
        ("networking.istio.io", "EnvoyFilter"),
        ("telemetry.istio.io", "Telemetry"),
        ("extensions.istio.io", "WasmPlugin"),
    ),
)

_NUMBER: dict[tuple[str, str], int] = {kind: number for number, kinds in enumerate(_WAVES) for kind in kinds}
# Custom resources that we know nothing of: after the workloads that may serve them.
_UNKNOWN = _NUMBER[("networking.istio.io", "Gateway")]


def wave_of(api_version: str, kind: str) -> int:
    """The wave in which a kind is applied; removal goes through the waves from the last to the first."""
    return _NUMBER.get((api_version.rpartition("/")[0], kind), _UNKNOWN)
