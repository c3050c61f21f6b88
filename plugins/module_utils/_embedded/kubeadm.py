# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm is told: pure functions from a cluster's facts to files."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
import typing as t

from .layout import API_PORT, NODE_POD_PREFIX, POD_SUBNET, SERVICE_SUBNET, EmbeddedError

Document = dict[str, t.Any]

# A workshop is set up again far more often than once in ten years, and nobody renews its certificates.
_VALIDITY = "87600h"
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
            "kubeletExtraArgs": _arguments(node_ip=control.node_address, hostname_override=control.name),
        },
        "patches": {"directory": PATCHES_DIR},
    }
    cluster: Document = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": control.name,
        "kubernetesVersion": control.kubernetes_version,
        "imageRepository": control.image_repository,
        # Made in milliseconds, where RSA keys take seconds.
        "encryptionAlgorithm": "ECDSA-P256",
        "certificateValidityPeriod": _VALIDITY,
        "caCertificateValidityPeriod": _VALIDITY,
        "networking": {"podSubnet": POD_SUBNET, "serviceSubnet": SERVICE_SUBNET, "dnsDomain": "cluster.local"},
        "apiServer": {
            "certSANs": sorted(set(control.server_names)),
            "extraArgs": _arguments(kubelet_preferred_address_types="InternalIP"),
        },
        # One node has one of each: without election they work at once after a restart, not after a lease's end. The
        # controllers' requests at their start take 5 seconds at the usual rate of 20 per second.
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
        "maxPods": 250,
        "serializeImagePulls": False,
        # Every image is here and comes from nowhere else, so none may be collected; and a disk that is full
        # for other reasons must not end the workshop.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "containerLogMaxSize": "5Mi",
        "containerLogMaxFiles": 3,
        "nodeStatusUpdateFrequency": "5s",
        # The certificate that kubeadm has made is good for as long as the cluster is.
        "rotateCertificates": False,
    }
    proxy: Document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        # The table's size can be set for the whole host only.
        "conntrack": {"maxPerCore": 0},
    }
    return [init, cluster, kubelet, proxy]


def config_text(control: Control) -> str:
    """The documents as one file; JSON is YAML too."""
    return "".join(f"---\n{json.dumps(document, indent=1, sort_keys=True)}\n" for document in config_documents(control))


def patches() -> dict[str, str]:
    """Patches of the static pods: on two cores kubeadm's requests leave too little for a class."""
    requests = {"etcd": "50m", "kube-apiserver": "100m", "kube-controller-manager": "50m", "kube-scheduler": "25m"}
    return {
        f"{component}0+strategic.json": json.dumps(
            {"spec": {"containers": [{"name": component, "resources": {"requests": {"cpu": cpu}}}]}}
        )
        for component, cpu in requests.items()
    }


_CREDENTIAL = re.compile(r"^\s*(certificate-authority-data|client-certificate-data|client-key-data):\s*(\S+)\s*$", re.M)


@dataclasses.dataclass(frozen=True)
class Credentials:
    """The three parts of a kubeconfig that open a server's door."""

    authority: bytes
    certificate: bytes
    key: bytes


def credentials(kubeconfig: str) -> Credentials:
    """From one of kubeadm's own kubeconfigs; a reader of YAML is not needed for what kubeadm writes."""
    found = dict(_CREDENTIAL.findall(kubeconfig))
    try:
        return Credentials(
            authority=base64.b64decode(found["certificate-authority-data"], validate=True),
            certificate=base64.b64decode(found["client-certificate-data"], validate=True),
            key=base64.b64decode(found["client-key-data"], validate=True),
        )
    except (KeyError, binascii.Error) as exc:
        raise EmbeddedError(
            "An administrator's file of the cluster is incomplete: tear the cluster down and set it up anew."
        ) from exc


def user_kubeconfig(admin: str, name: str, server: str) -> str:
    """The administrator's kubeconfig under the cluster's own names, for the user's files.

    The server's certificate is always asked for as `kubernetes`, one of its names on every address: so the same
    file works through a published address too.
    """
    found = credentials(admin)
    authority, certificate, key = (
        base64.b64encode(part).decode() for part in (found.authority, found.certificate, found.key)
    )
    return f"""\
apiVersion: v1
kind: Config
current-context: {name}
clusters:
  - name: {name}
    cluster:
      certificate-authority-data: {authority}
      server: {server}
      tls-server-name: kubernetes
contexts:
  - name: {name}
    context:
      cluster: {name}
      user: {name}
users:
  - name: {name}
    user:
      client-certificate-data: {certificate}
      client-key-data: {key}
"""
