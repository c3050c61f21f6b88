# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import types
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import observe as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.cluster import Cluster
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Request
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.plan import Observed

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


LISTING = "REF TYPE DIGEST SIZE\nregistry.example/etcd:v3 t sha256:aa 1 MiB\n"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """One whose node runs as wanted, and whose API server does not answer."""
    layout = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    cluster = Cluster(layout, Request(artifacts=ARTIFACTS))
    cluster.settings.save(subnet="172.30.4.0/24")
    state = {"status": "running", "created": "2026-01-01T00:00:00Z"}
    monkeypatch.setattr(cluster.containers, "state", lambda name: state if name == "node" else {})
    monkeypatch.setattr(cluster.containers, "made_from", lambda *_arguments: True)
    monkeypatch.setattr(cluster.control_plane, "is_configured", lambda: True)
    api = types.SimpleNamespace(ready=lambda: False, close=lambda: None)
    monkeypatch.setattr(cluster.control_plane, "api", lambda: api)
    monkeypatch.setattr(subject.interfaces, "addresses", list)
    monkeypatch.setattr(subject.network, "connected", lambda *_arguments: True)
    monkeypatch.setattr(subject.inotify_limit, "sufficient", lambda: True)
    return cluster


def inside(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, stdout: str, code: int = 0) -> Observed:
    done = subprocess.CompletedProcess([], code, stdout, "")
    monkeypatch.setattr(cluster.containers, "script", lambda *_arguments, **_options: done)
    return cluster.observe()


def test_services_and_images_are_seen_by_one_command(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = inside(cluster, monkeypatch, f"true\nfalse\n{LISTING}")
    assert (seen.running, seen.linked, seen.containerd, seen.kubelet, seen.images) == (True, True, True, False, True)
    assert (seen.kubeconfig, seen.programs, seen.published, seen.api) == (True, False, False, False)


@pytest.mark.parametrize(("stdout", "code"), [(f"true\ntrue\n{LISTING}", 1), ("", 1)])
def test_a_containerd_that_does_not_answer_is_down(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, stdout: str, code: int
) -> None:
    seen = inside(cluster, monkeypatch, stdout, code)
    assert (seen.containerd, seen.images) == (False, False)


def test_an_image_that_is_missing_is_seen(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = {**ARTIFACTS["images"]["etcd"], "archive": "/c/a.tar", "digest": "sha256:bb"}
    monkeypatch.setitem(ARTIFACTS["images"], "etcd", etcd)
    assert not inside(cluster, monkeypatch, f"true\ntrue\n{LISTING}").images


def test_a_command_that_hangs_shows_nothing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_arguments: str, **_options: t.Any) -> t.NoReturn:
        raise subject.CommandError(["runc"], -1, "it did not end within 20 s")

    monkeypatch.setattr(cluster.containers, "script", hang)
    assert not cluster.observe().containerd


def test_objects_are_judged_once_the_server_is_ready(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    api = types.SimpleNamespace(ready=lambda: True, close=lambda: None)
    monkeypatch.setattr(cluster.control_plane, "api", lambda: api)
    monkeypatch.setattr(cluster.control_plane, "is_registered", lambda _api: True)
    monkeypatch.setattr(cluster.control_plane, "has_addons", lambda _api: False)
    since: list[float] = []
    monkeypatch.setattr(cluster.control_plane, "unready", lambda _api, created: since.append(created) or "no node")
    seen = inside(cluster, monkeypatch, f"true\ntrue\n{LISTING}")
    assert (seen.api, seen.registered, seen.addons, seen.ready) == (True, True, False, False)
    assert since == [1767225600.0]
