# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded cluster: versions, health, its kubeconfig, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import stat

from kubernetes.config import list_kube_config_contexts

KUBE_PREFIXES = ("KUBE-", "ISTIO_", "CNI-")


def test_it_is_the_kubernetes_that_was_asked_for(kube):
    version = kube.version.get_code()
    assert version.git_version.startswith("v1.36.")
    (node,) = kube.core.list_node().items
    assert node.status.node_info.kubelet_version == version.git_version
    assert node.status.node_info.kube_proxy_version in ("", version.git_version)


def test_istio_is_the_version_that_was_asked_for(kube):
    (istiod,) = kube.apps.list_deployment_for_all_namespaces(label_selector="app=istiod").items
    images = {container.image for container in istiod.spec.template.spec.containers}
    assert all(":1.31" in image for image in images), images


def test_every_pod_is_ready(kube, eventually):
    def unready():
        pods = kube.core.list_pod_for_all_namespaces().items
        assert pods
        return [
            pod.metadata.name
            for pod in pods
            if {condition.type: condition.status for condition in pod.status.conditions or []}.get("Ready") != "True"
        ]

    eventually(lambda: not unready(), "every pod is ready")


def test_the_parts_of_the_system_are_there(kube):
    names = {pod.metadata.name.rsplit("-", 1)[0] for pod in kube.core.list_namespaced_pod("kube-system").items}
    for part in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns"):
        assert any(name.startswith(part) for name in names), f"{part} is missing among {sorted(names)}"


def test_the_api_server_may_ask_the_kubelet(kube):
    """What `kubectl logs` and `kubectl exec` stand on."""
    (pod, *_others) = kube.core.list_namespaced_pod("kube-system", label_selector="k8s-app=kube-dns").items
    assert kube.core.read_namespaced_pod_log(pod.metadata.name, "kube-system", tail_lines=1)


def test_proxies_and_kubelet_rest_when_nothing_happens(kube):
    """What they look after several times a second, or for every container, adds up in a room of attendees."""
    (gateway, *_others) = kube.core.list_namespaced_pod("istio-system", label_selector="istio=ingressgateway").items
    told = kube.execute(
        gateway.metadata.name,
        "istio-proxy",
        *("pilot-agent", "request", "GET", "config_dump?mask=bootstrap"),
        namespace="istio-system",
    )
    (dump,) = json.loads(told)["configs"]
    assert dump["bootstrap"]["watchdogs"]["worker_watchdog"]["miss_timeout"] == "5s"
    (node,) = kube.core.list_node().items
    # The client would take JSON for its own and give back Python.
    answer = kube.core.connect_get_node_proxy_with_path(node.metadata.name, "configz", _preload_content=False)
    config = json.loads(answer.data)["kubeletconfig"]
    assert set(config["evictionHard"].values()) == {"0%"}
    assert config["localStorageCapacityIsolation"] is False


def test_the_kubeconfig_is_its_owners_alone(kubeconfig):
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    contexts, active = list_kube_config_contexts(str(kubeconfig))
    assert [context["name"] for context in contexts] == [active["name"]]


def test_the_hosts_firewall_knows_nothing_of_it(machine):
    rules = machine.run("if command -v iptables-save >/dev/null; then iptables-save; fi")
    leaked = [rule for rule in rules.splitlines() if rule.startswith(tuple(f":{prefix}" for prefix in KUBE_PREFIXES))]
    assert leaked == []


def test_the_hosts_own_directories_know_nothing_of_it(machine):
    mounted = machine.run("cut -d' ' -f5 /proc/self/mountinfo").splitlines()
    for directory in ("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/cni"):
        assert not machine.host.file(directory).exists, directory
        assert not [point for point in mounted if point.startswith(directory)]


def test_components_run_in_the_clusters_own_namespaces(machine):
    for program in ("containerd", "kubelet", "kube-apiserver", "etcd"):
        assert machine.processes(program), program
        for pid in machine.processes(program):
            for namespace in ("net", "mnt", "pid"):
                own = machine.run("readlink /proc/%s/ns/%s", str(pid), namespace)
                assert own != os.readlink(f"/proc/self/ns/{namespace}"), f"{program}: {namespace}"


def test_memory_of_everything_stays_within_three_gibibytes(machine):
    total = sum(
        int(line.split()[1])
        for pid in machine.processes()
        for line in machine.run("cat /proc/%s/smaps_rollup 2>/dev/null || true", str(pid)).splitlines()
        if line.startswith("Pss:")
    )
    assert 0 < total < 3 * 1024 * 1024, f"{total / 1024 / 1024:.2f} GiB"
