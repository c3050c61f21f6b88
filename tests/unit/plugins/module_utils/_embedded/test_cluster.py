# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import cluster as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import Image
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.plan import Action, Observed

LISTING = """\
REF                            TYPE                                       DIGEST     SIZE    PLATFORMS   LABELS
registry.example/etcd:v3       application/vnd.oci.image.manifest.v1+json sha256:aa  9.6 MiB linux/amd64 -
registry.example/pause:1       application/vnd.oci.image.manifest.v1+json sha256:bb  1 KiB   linux/amd64 -
"""
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


def cluster_in(tmp_path: Path, **options: t.Any) -> subject.Cluster:
    layout = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    return subject.Cluster(layout, subject.Request(artifacts=ARTIFACTS, **options))


def test_images_are_those_with_an_archive() -> None:
    assert [image.name for image in subject.images_of(ARTIFACTS)] == [
        "registry.example/etcd:v3",
        "registry.example/pause:1",
    ]


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        (Image("registry.example/etcd:v3", "/a", "sha256:aa"), False),
        (Image("registry.example/etcd:v3", "/a"), False),
        (Image("registry.example/etcd:v3", "/a", "sha256:cc"), True),
        (Image("registry.example/etcd:v4", "/a", "sha256:aa"), True),
    ],
)
def test_missing_images_are_told_by_name_and_content(image: Image, missing: bool) -> None:
    assert subject.missing_images([image], LISTING) == ([image] if missing else [])


def test_copies_of_a_store_share_its_layers_and_not_its_databases(tmp_path: Path) -> None:
    source = tmp_path / "source"
    layer = source / "snapshotter" / "snapshots" / "1" / "fs" / "app.db"
    layer.parent.mkdir(parents=True)
    layer.write_text("layer")
    (source / "meta.db").write_text("database")
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "target.partial").mkdir()
    subject.copy_store(source, target)
    assert (target / "meta.db").read_text() == "database"
    assert not (target / "meta.db").samefile(source / "meta.db")
    assert (target / layer.relative_to(source)).samefile(layer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_only_what_the_api_server_has_lost_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server has come back, what it has kept is left alone."""
    cluster = cluster_in(tmp_path)
    plans = [
        [Action.KUBELET, Action.CONTROL_PLANE, Action.REGISTER, Action.ADDONS, Action.READY],
        [Action.ADDONS, Action.READY],
    ]
    done: list[Action] = []
    monkeypatch.setattr(cluster, "todo", lambda: plans.pop(0))
    monkeypatch.setattr(cluster, "_act", done.append)
    outcome = cluster.bring_up()
    assert done == [Action.KUBELET, Action.CONTROL_PLANE, Action.ADDONS, Action.READY]
    assert outcome.actions == [action.value for action in done]


@pytest.mark.parametrize("enough", [True, False])
def test_a_machine_without_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: bool) -> None:
    monkeypatch.setattr(subject.limits, "sufficient", lambda: enough)
    cluster = cluster_in(tmp_path)
    assert cluster.observe() == Observed(limits=enough)
    assert cluster.traces() == []
    assert cluster.facts() == {"kubeconfig": "", "context": "units"}
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("listen", "port", "expected"),
    [
        ("", 80, "172.30.4.2"),
        ("0.0.0.0", 80, "192.0.2.7"),
        ("0.0.0.0", 8080, "192.0.2.7:8080"),
        ("192.0.2.2", 80, "192.0.2.2"),
        ("192.0.2.2", 8080, "192.0.2.2:8080"),
    ],
)
def test_where_users_reach_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listen: str, port: int, expected: str
) -> None:
    eth = {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "192.0.2.7", "prefixlen": 24}]}
    monkeypatch.setattr(subject.machine, "addresses", lambda: [eth])
    monkeypatch.setattr(subject.machine, "routes", lambda: [{"dst": "default", "dev": "eth0"}])
    cluster = cluster_in(tmp_path, listen=listen, listen_http_port=port)
    cluster.layout.data.mkdir(parents=True)
    cluster.layout.settings.write_text(json.dumps({"subnet": "172.30.4.0/24"}))
    facts = cluster.facts()
    assert facts["gateway_address"] == expected
    assert facts["host_address"] == "172.30.4.1"


def test_a_kubeconfig_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "config"
    mine.write_text("current-context: production\n")
    cluster = cluster_in(tmp_path, kubeconfig=str(mine))
    cluster.layout.data.mkdir(parents=True)
    cluster.layout.settings.write_text(json.dumps({"subnet": "172.30.4.0/24", "kubeconfig": str(mine)}))
    cluster.layout.admin_kubeconfig.parent.mkdir(parents=True)
    cluster.layout.admin_kubeconfig.write_text(
        "certificate-authority-data: YQ==\nclient-certificate-data: YQ==\nclient-key-data: YQ==\n"
    )
    with pytest.raises(EmbeddedError, match="is not the kubeconfig of cluster units"):
        cluster._act(Action.KUBECONFIG)
    assert not any(trace.startswith("kubeconfig") for trace in cluster.traces())
    assert mine.read_text() == "current-context: production\n"


def test_a_broken_settings_file_counts_as_none(tmp_path: Path) -> None:
    cluster = cluster_in(tmp_path)
    cluster.layout.data.mkdir(parents=True)
    cluster.layout.settings.write_text("{")
    assert not cluster.observe().settings


@pytest.mark.parametrize("missing", ["rootfs", "images", "bin"])
def test_artifacts_that_are_not_all(tmp_path: Path, missing: str) -> None:
    layout = cluster_in(tmp_path).layout
    artifacts = {key: value for key, value in ARTIFACTS.items() if key != missing}
    with pytest.raises(EmbeddedError, match=f"lack '{missing}'"):
        subject.Cluster(layout, subject.Request(artifacts=artifacts)).refuse_impossible()


def test_under_a_strict_umask_users_still_reach_the_programs_and_nothing_else(tmp_path: Path) -> None:
    cluster = cluster_in(tmp_path)
    before = os.umask(0o077)
    try:
        cluster._save({"subnet": "172.30.4.0/24"})
        cluster._act(Action.PROGRAMS)
    finally:
        os.umask(before)
    layout = cluster.layout
    for folder in (layout.data_root, layout.data, layout.programs):
        assert folder.stat().st_mode & 0o777 == 0o755, folder
    assert layout.volumes.stat().st_mode & 0o777 == 0o700


def test_programs_are_links_that_follow_the_versions(tmp_path: Path) -> None:
    cluster = cluster_in(tmp_path)
    cluster.layout.data.mkdir(parents=True)
    assert not cluster._programs_offered()
    cluster._act(Action.PROGRAMS)
    assert cluster._programs_offered()
    kubectl = cluster.layout.programs / "kubectl"
    assert str(kubectl.readlink()) == "/c/kubernetes/kubectl"
    kubectl.unlink()
    kubectl.symlink_to("/c/older/kubectl")
    assert not cluster._programs_offered()
    cluster._act(Action.PROGRAMS)
    assert cluster._programs_offered()
