# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Desired, Request
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.settings import Settings

ARTIFACTS: dict[str, t.Any] = {
    "bin": {"kubernetes": "/c/kubernetes", "istio": "/c/istio", "envoy": "/c/envoy"},
    "rootfs": {"node": "/c/rootfs"},
    "images": {
        "registry": "registry.example",
        "kube_version": "v1.36.3",
        "etcd": {"ref": "registry.example/etcd:v3", "tag": "v3", "digest": "sha256:aa", "archive": "/c/a.tar"},
        "pause": {"ref": "registry.example/pause:1", "tag": "1", "digest": "sha256:bb", "archive": "/c/a.tar"},
        "upstream": {"ref": "docker.example/x:1", "tag": "1", "archive": ""},
    },
}


def desired_in(tmp_path: Path, artifacts: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> Desired:
    layout = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    settings = Settings(layout)
    settings.save(subnet="172.30.4.0/24")
    return Desired(layout, Request(artifacts=ARTIFACTS if artifacts is None else artifacts, **options), settings)


@pytest.mark.parametrize("missing", ["rootfs", "images", "bin"])
def test_artifacts_that_are_not_all(tmp_path: Path, missing: str) -> None:
    artifacts = {key: value for key, value in ARTIFACTS.items() if key != missing}
    for given in (artifacts, {**artifacts, missing: ["a"]}):
        with pytest.raises(EmbeddedError, match=f"lack '{missing}'"):
            desired_in(tmp_path, given).refuse_impossible()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"subnet": "172.30.5.0/24"}, "exists with the subnet 172.30.4.0/24"),
        ({"subnet": "here"}, "not an IPv4 network"),
        ({"listen": "here"}, "cannot be published on"),
        ({"listen": "0.0.0.0", "listen_http_port": 99999}, "listen_http_port is 99999: give a port from 1 to 65535"),
        ({"listen": "0.0.0.0", "listen_api_port": 0}, "listen_api_port is 0: give a port from 1 to 65535"),
        ({"listen": "0.0.0.0", "listen_https_port": 80}, "Two of the ports 80, 80 are the same"),
        ({"kubeconfig_owner": 10**30}, "kubeconfig_owner is 10+: give a number from 0 to 4294967294"),
        ({"kubeconfig_group": -1}, "kubeconfig_group is -1: give a number"),
        ({"timeout": -1.0}, "timeout is -1: give it seconds above 0"),
    ],
)
def test_what_cannot_be_had_is_refused(tmp_path: Path, options: dict[str, t.Any], said: str) -> None:
    with pytest.raises(EmbeddedError, match=said):
        desired_in(tmp_path, **options).refuse_impossible()


def test_containers_and_programs_come_from_the_artifacts(tmp_path: Path) -> None:
    desired = desired_in(tmp_path, listen="192.0.2.2", listen_api_port=16443)
    assert desired.node.lower == "/c/rootfs"
    assert "172.30.4.2 units\n" in desired.node.files["etc/hosts"]
    assert 'sandbox_image = "registry.example/pause:1"' in desired.node.files["etc/containerd/config.toml"]
    assert desired.publication is not None
    assert desired.publication.ports == {80: 80, 443: 443, 16443: 6443}
    binds = [mount["source"] for mount in desired.publisher(desired.publication).spec["mounts"]]
    assert "/c/envoy/envoy" in binds
    assert desired.programs["kubectl"] == "/c/kubernetes/kubectl"
    assert desired.image("etcd") == "registry.example/etcd:v3"
    assert desired_in(tmp_path).publication is None
