# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration of kubeadm, from a cluster's facts. Pure."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ..layout import API_PORT, NODE_POD_PREFIX, POD_SUBNET, SERVICE_SUBNET

Document = dict[str, t.Any]

# Nothing renews the certificates, and no workshop runs for ten years.
_VALIDITY = "87600h"
# The room that the node's settings are made for.
MOST_ATTENDEES = 60
# Bookinfo's six of each and the four that labs may bring, and 50 of the cluster's own, of the labs' services and of
# what starts anew. The node's subnet has addresses for 4094.
MOST_PODS = MOST_ATTENDEES * 10 + 50
# Processes and threads of one pod. Bookinfo's with their proxies have 20 to 30, the most is Zipkin's: 146 on two
# processors, and a JVM's grow with these. All pods of one attendee's quota (24) and the whole room's beside them stay
# below 32768, where process ids end on up to 32 processors unless somebody has raised kernel.pid_max (pid_idr_init in
# kernel/pid.c in torvalds/linux).
MOST_PROCESSES = 768
# What is kept from pods, for the kubelet and containerd.
RESERVED = "100Mi"
# What the static pods request: kubeadm's defaults leave too little of two cores for a class.
REQUESTS = {
    "etcd": {"cpu": "50m", "memory": "100Mi"},
    "kube-apiserver": {"cpu": "100m"},
    "kube-controller-manager": {"cpu": "50m"},
    "kube-scheduler": {"cpu": "25m"},
}
PATCHES_DIR = "/etc/mesh-workshop/patches"


@dataclasses.dataclass(frozen=True)
class Control:
    """The facts that kubeadm's configuration depends on."""

    name: str
    node_address: str
    kubernetes_version: str
    image_repository: str
    etcd_tag: str
    coredns_repository: str
    coredns_tag: str
    server_names: tuple[str, ...]


def _arguments(**values: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in sorted(values.items())]


def config_documents(control: Control) -> list[Document]:
    """Configuration for `kubeadm init` and its phases (kubeadm.k8s.io/v1beta4)."""
    init: Document = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "bootstrapTokens": [],
        "localAPIEndpoint": {"advertiseAddress": control.node_address, "bindPort": API_PORT},
        "nodeRegistration": {
            "name": control.name,
            "criSocket": "unix:///run/containerd/containerd.sock",
            "imagePullPolicy": "IfNotPresent",
            # The one node runs everything.
            "taints": [],
            "kubeletExtraArgs": _arguments(
                node_ip=control.node_address,
                hostname_override=control.name,
                # It reads what every container uses this often; nobody asks for it here. Its default is 10 seconds.
                housekeeping_interval="60s",
            ),
        },
        "patches": {"directory": PATCHES_DIR},
    }
    cluster: Document = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": control.name,
        "kubernetesVersion": control.kubernetes_version,
        "imageRepository": control.image_repository,
        # Generating these keys takes milliseconds, RSA keys take seconds.
        "encryptionAlgorithm": "ECDSA-P256",
        "certificateValidityPeriod": _VALIDITY,
        "caCertificateValidityPeriod": _VALIDITY,
        "networking": {"podSubnet": POD_SUBNET, "serviceSubnet": SERVICE_SUBNET, "dnsDomain": "cluster.local"},
        "apiServer": {
            "certSANs": sorted(set(control.server_names)),
            "extraArgs": _arguments(kubelet_preferred_address_types="InternalIP"),
        },
        # There is one of each, so without election they work at once after a restart and wait for no lease to expire.
        # At the default rate of 20 requests per second the controllers' start takes 5 seconds.
        "controllerManager": {
            "extraArgs": _arguments(
                leader_elect="false",
                node_cidr_mask_size_ipv4=str(NODE_POD_PREFIX),
                kube_api_qps="200",
                kube_api_burst="300",
            )
        },
        "scheduler": {"extraArgs": _arguments(leader_elect="false")},
        "etcd": {"local": {"dataDir": "/var/lib/etcd", "imageTag": control.etcd_tag}},
        "dns": {"imageRepository": control.coredns_repository, "imageTag": control.coredns_tag},
    }
    kubelet: Document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "resolvConf": "",
        "maxPods": MOST_PODS,
        "podPidsLimit": MOST_PROCESSES,
        "serializeImagePulls": False,
        # No image can be pulled again, so none may be collected.
        "imageGCHighThresholdPercent": 100,
        # To decide whom to evict, kubelet reads what every container uses every 10 seconds, through its shim. So it
        # evicts nobody: a full disk must not end the workshop's pods anyway, and where memory runs out, the kernel ends
        # a container, those first that use the most beyond what they request.
        "evictionHard": dict.fromkeys(
            ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"),
            "0%",
        ),
        "localStorageCapacityIsolation": False,
        "kubeReserved": {"memory": RESERVED},
        "containerLogMaxSize": "5Mi",
        "containerLogMaxFiles": 3,
        "nodeStatusUpdateFrequency": "5s",
        # The certificate that kubeadm makes is valid for ten years.
        "rotateCertificates": False,
    }
    proxy: Document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        # The size of the table is a setting of the whole host.
        "conntrack": {"maxPerCore": 0},
    }
    return [init, cluster, kubelet, proxy]


def config_text(control: Control) -> str:
    """The documents as one file; JSON is YAML too."""
    return "".join(f"---\n{json.dumps(document, indent=1, sort_keys=True)}\n" for document in config_documents(control))


def patches() -> dict[str, str]:
    """Patches of the static pods."""
    return {
        f"{component}0+strategic.json": json.dumps(
            {"spec": {"containers": [{"name": component, "resources": {"requests": requests}}]}}
        )
        for component, requests in REQUESTS.items()
    }
