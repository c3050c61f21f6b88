# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes die and things are deleted by hand: setup brings back exactly those, and keeps the cluster's data."""

from __future__ import annotations

import signal

import pytest

# name of the object, how it is deleted
DELETIONS = {
    "Deployment bookinfo/reviews-v2": lambda kube: kube.apps.delete_namespaced_deployment("reviews-v2", "bookinfo"),
    "gateways bookinfo-gateway": lambda kube: kube.custom.delete_namespaced_custom_object(
        "networking.istio.io", "v1", "bookinfo", "gateways", "bookinfo-gateway"
    ),
    "DaemonSet kube-system/kube-proxy": lambda kube: kube.apps.delete_namespaced_daemon_set(
        "kube-proxy", "kube-system"
    ),
    "Service kube-system/kube-dns": lambda kube: kube.core.delete_namespaced_service("kube-dns", "kube-system"),
}


def setup(ansible):
    run = ansible.play("setup")
    assert run.status == 0, run.output
    return run


@pytest.fixture(autouse=True)
def _data_is_kept(kube):
    """Each test leaves the node, its namespaces and what users have made in them as they were."""
    body = {"metadata": {"name": "of-a-user"}, "data": {"kept": "yes"}}
    if "of-a-user" not in {item.metadata.name for item in kube.core.list_namespaced_config_map("default").items}:
        kube.core.create_namespaced_config_map("default", body)
    before = kube.core.read_namespaced_config_map("of-a-user", "default").metadata.uid
    yield
    assert kube.core.read_namespaced_config_map("of-a-user", "default").metadata.uid == before


@pytest.mark.parametrize("program", ["kubelet", "containerd"])
def test_a_killed_service_of_the_node_is_started_again(ansible, machine, gateway, eventually, program):
    (pid,) = machine.processes(program)
    machine.run("kill -%s %s", str(int(signal.SIGKILL)), str(pid))
    eventually(lambda: set(machine.processes(program)) - {pid}, f"{program} runs again")
    setup(ansible)
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


def test_a_killed_control_plane_pod_comes_back(ansible, kube, gateway):
    (pod,) = kube.core.list_namespaced_pod("istio-system", label_selector="app=istiod").items
    kube.core.delete_namespaced_pod(pod.metadata.name, "istio-system", grace_period_seconds=0)
    setup(ansible)
    (istiod,) = kube.apps.list_deployment_for_all_namespaces(label_selector="app=istiod").items
    assert istiod.status.ready_replicas == 1
    assert gateway.get("/productpage").status == 200


def test_a_control_plane_that_was_scaled_by_hand_is_scaled_back(ansible, kube, gateway):
    """Whoever scales owns the field from then on; setup takes it back."""
    names = ("istiod", "istio-ingressgateway")
    for name in names:
        kube.apps.patch_namespaced_deployment_scale(name, "istio-system", {"spec": {"replicas": 0}})
    assert setup(ansible).changed >= 1
    for name in names:
        assert kube.apps.read_namespaced_deployment(name, "istio-system").status.ready_replicas == 1
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


@pytest.mark.parametrize("name", list(DELETIONS))
def test_what_was_deleted_by_hand_is_restored_and_nothing_else_is_touched(ansible, kube, gateway, eventually, name):
    before = kube.generations()
    assert name in before
    DELETIONS[name](kube)
    eventually(lambda: name not in kube.generations(), f"{name} is gone")
    run = setup(ansible)
    assert run.changed >= 1
    after = kube.generations()
    assert set(after) == set(before)
    assert {other for other in before if after[other] != before[other]} == {name}
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


def test_a_rebooted_machine_has_its_cluster_again_after_setup(ansible, kube, machine, gateway):
    """A reboot as the cluster sees it: every process of it ends at once."""
    uid = kube.core.read_namespace("kube-system").metadata.uid
    for pid in machine.processes():
        machine.run("kill -%s %s 2>/dev/null || true", str(int(signal.SIGKILL)), str(pid))
    setup(ansible)
    assert kube.core.read_namespace("kube-system").metadata.uid == uid
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


def test_after_all_that_setup_has_nothing_to_do(ansible):
    assert setup(ansible).changed == 0
