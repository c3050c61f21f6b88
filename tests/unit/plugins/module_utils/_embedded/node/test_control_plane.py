# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import control_plane as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import coredns, health
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Desired, Request
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.settings import Settings

ARTIFACTS: dict[str, t.Any] = {
    "bin": {"kubernetes": "/c/kubernetes", "istio": "/c/istio", "envoy": "/c/envoy"},
    "rootfs": {"node": "/c/rootfs"},
    "images": {
        "registry": "registry.example",
        "kube_version": "v1.36.3",
        "etcd": {"ref": "registry.example/etcd:v3", "tag": "v3"},
        "pause": {"ref": "registry.example/pause:1", "tag": "1"},
        "coredns": {"ref": "registry.example/coredns:1", "repository": "registry.example/coredns", "tag": "1"},
        "kube_proxy": {"ref": "registry.example/kube-proxy:1", "tag": "1"},
    },
}


class Containers:
    """A node in which kubeadm writes all of its files."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.commands: list[tuple[str, ...]] = []

    def execute(self, *argv: str, timeout: float) -> None:
        self.commands.append(argv)
        kubernetes, kubelet = self.layout.volumes / "kubernetes", self.layout.volumes / "kubelet"
        names = (name for name in subject._CONFIGURED if name != "mesh-workshop.yaml")
        for path in (kubelet / "kubeadm-flags.env", kubelet / "config.yaml", *(kubernetes / name for name in names)):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(" ".join(argv))


class Api:
    """Answers with the objects of some paths."""

    def __init__(self, objects: dict[str, t.Any]) -> None:
        self.objects = objects

    def get(self, path: str) -> t.Any:
        return self.objects.get(path)

    def items(self, path: str) -> t.Any:
        return self.objects.get(path, [])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")


@pytest.fixture
def containers(layout: Layout) -> Containers:
    return Containers(layout)


@pytest.fixture
def plane(layout: Layout, containers: Containers) -> t.Any:
    settings = Settings(layout)
    settings.save(subnet="172.30.4.0/24")
    desired = Desired(layout, Request(artifacts=ARTIFACTS), settings)
    return subject.ControlPlane(layout, settings, desired, t.cast(t.Any, containers), timeout=0.0)


def test_configured_once_kubeadm_is_through(plane: t.Any, containers: Containers, layout: Layout) -> None:
    assert not plane.is_configured()
    plane.configure()
    assert plane.is_configured()
    assert containers.commands[0][:3] == ("kubeadm", "init", "--config=/etc/kubernetes/mesh-workshop.yaml.new")
    (layout.volumes / "kubernetes" / "pki" / "sa.key").unlink()
    assert not plane.is_configured()


def test_another_configuration_renews_certificates_and_keeps_the_authorities(
    plane: t.Any, containers: Containers, layout: Layout
) -> None:
    plane.configure()
    kubernetes = layout.volumes / "kubernetes"
    for name in ("pki/ca.crt", "pki/apiserver.crt", "admin.conf"):
        (kubernetes / name).write_text("kept")
    plane.configure()
    assert (kubernetes / "pki" / "apiserver.crt").read_text() == "kept"
    (kubernetes / "mesh-workshop.yaml").write_text("of another address")
    assert not plane.is_configured()
    plane.configure()
    assert (kubernetes / "pki" / "ca.crt").read_text() == "kept"
    for name in ("pki/apiserver.crt", "admin.conf"):
        assert (kubernetes / name).read_text() != "kept"


def test_registered_with_label_and_all_objects(plane: t.Any) -> None:
    objects: dict[str, t.Any] = {path: {} for path in health.REGISTERED}
    assert not plane.is_registered(Api(objects))
    objects["/api/v1/nodes/units"] = {"metadata": {"labels": {health.CONTROL_PLANE_LABEL: ""}}}
    assert plane.is_registered(Api(objects))
    del objects[health.REGISTERED[0]]
    assert not plane.is_registered(Api(objects))


def test_addons_are_all_objects_with_the_wanted_images(plane: t.Any) -> None:
    def workload(image: str) -> dict[str, t.Any]:
        return {"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}

    paths = (health.KUBELET_ACCESS, *health.PROXY_NEEDS, f"{coredns.CONFIG}/coredns", *coredns.objects("x"))
    objects: dict[str, t.Any] = {path: {} for path in paths}
    objects[coredns.DEPLOYMENT] = workload("registry.example/coredns:1")
    objects[health.PROXY_DAEMONSET] = workload("registry.example/kube-proxy:1")
    assert plane.has_addons(Api(objects))
    for path in paths:
        assert not plane.has_addons(Api({**objects, path: None})), path
    assert not plane.has_addons(Api({**objects, coredns.DEPLOYMENT: workload("registry.example/coredns:0")}))


def test_what_is_not_ready_is_named(plane: t.Any) -> None:
    assert plane.unready(Api({}), 0.0) == "the node has not registered"
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
    objects: dict[str, t.Any] = {"/api/v1/nodes/units": {"status": {"conditions": [ready]}}}
    assert plane.unready(Api(objects), 0.0) == "no pod of kube-dns is ready"
    objects["/api/v1/pods"] = [
        {
            "metadata": {"namespace": "kube-system", "name": app, "labels": {"k8s-app": app}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for app in ("kube-dns", "kube-proxy")
    ]
    assert plane.unready(Api(objects), 0.0) == ""


def test_a_wait_that_ends_in_vain_names_the_last_problem(plane: t.Any) -> None:
    problems = ["not yet", ""]
    plane._timeout = 60.0
    plane.wait("the start", lambda: problems.pop(0))
    plane._timeout = 0.0
    with pytest.raises(EmbeddedError, match=r"Cluster units: the start did not happen within 0 s \(never\); look at"):
        plane.wait("the start", lambda: "never")
