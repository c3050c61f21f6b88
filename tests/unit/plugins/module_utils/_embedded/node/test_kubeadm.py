# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import NODE_POD_PREFIX
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import kubeadm
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import capacity

CONTROL = kubeadm.Control(
    name="dev",
    node_address="172.30.0.2",
    kubernetes_version="v1.36.3",
    image_repository="registry.example",
    etcd_tag="v3.6.8",
    coredns_repository="registry.example",
    coredns_tag="v1.14.7",
    server_names=("172.30.0.2", "localhost", "127.0.0.1", "localhost"),
)


def test_the_file_holds_the_documents() -> None:
    texts = kubeadm.config_text(CONTROL).split("---\n")[1:]
    assert [json.loads(text) for text in texts] == kubeadm.config_documents(CONTROL)


def test_the_one_node_runs_everything() -> None:
    init, cluster, kubelet, proxy = kubeadm.config_documents(CONTROL)
    assert init["nodeRegistration"]["taints"] == []
    assert {"name": "node-ip", "value": "172.30.0.2"} in init["nodeRegistration"]["kubeletExtraArgs"]
    assert cluster["apiServer"]["certSANs"] == ["127.0.0.1", "172.30.0.2", "localhost"]
    assert {"name": "leader-elect", "value": "false"} in cluster["controllerManager"]["extraArgs"]
    assert kubelet["cgroupDriver"] == "cgroupfs"
    assert kubelet["failCgroupV1"] is False
    assert proxy["conntrack"] == {"maxPerCore": 0}


def test_kubelet_does_not_ask_every_container_what_it_uses() -> None:
    init, _cluster, kubelet, _proxy = kubeadm.config_documents(CONTROL)
    assert {"name": "housekeeping-interval", "value": "60s"} in init["nodeRegistration"]["kubeletExtraArgs"]
    # One threshold of eviction is enough to make it ask every 10 seconds; what is missing here has a default.
    assert set(kubelet["evictionHard"].values()) == {"0%"}
    assert len(kubelet["evictionHard"]) == 5
    assert kubelet["localStorageCapacityIsolation"] is False
    assert kubelet["kubeReserved"] == {"memory": "100Mi"}


def test_processes_of_a_pod_end_before_those_of_the_node() -> None:
    _init, _cluster, kubelet, _proxy = kubeadm.config_documents(CONTROL)
    pods_of_an_attendee, zipkin, ids = capacity.SHARE * capacity.PODS, 146, 32768
    # Measured with 1 to 30 attendees: 721 processes and threads with the first, and 214 with each other one.
    room = 721 + 214 * kubeadm.MOST_ATTENDEES
    assert room + pods_of_an_attendee * kubelet["podPidsLimit"] < ids
    assert kubelet["podPidsLimit"] > 4 * zipkin


def test_the_node_has_a_place_for_every_pod_of_a_full_room() -> None:
    _init, _cluster, kubelet, _proxy = kubeadm.config_documents(CONTROL)
    of_labs, beside = 4, 20
    assert kubelet["maxPods"] >= kubeadm.MOST_ATTENDEES * (capacity.PODS + of_labs) + beside
    assert kubelet["maxPods"] < 2 ** (32 - NODE_POD_PREFIX)


def test_the_same_facts_make_the_same_text() -> None:
    assert kubeadm.config_text(CONTROL) == kubeadm.config_text(CONTROL)


def test_patches_name_their_components() -> None:
    for name, text in kubeadm.patches().items():
        component = name.partition("0+")[0]
        assert json.loads(text)["spec"]["containers"][0]["name"] == component
