# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import teardown as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.cluster import Cluster
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Request


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """One of a machine that has no cgroups."""
    monkeypatch.setattr(subject.cgroups, "cgroup_directories", lambda _cgroup: [])
    monkeypatch.setattr(subject.cgroups, "remove_cgroup", lambda _cgroup: False)
    layout = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    return Cluster(layout, Request(artifacts={}))


def test_every_trace_is_named_and_removed_once(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.teardown.remove() == []
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("current-context: units\ntls-server-name: kubernetes\n")
    cluster.settings.save(subnet="172.30.4.0/24", kubeconfig=str(kubeconfig))
    cluster.layout.run.mkdir(parents=True)
    found = [
        f"run-time files {tmp_path}/run/units",
        f"data {tmp_path}/data/units",
        f"kubeconfig {kubeconfig}",
    ]
    assert cluster.teardown.traces() == found
    assert cluster.teardown.remove() == found
    assert cluster.teardown.traces() == []
    assert not (tmp_path / "data").exists()
    assert not kubeconfig.exists()


def test_the_last_cluster_restores_the_limit_of_the_host(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: list[Path] = []
    monkeypatch.setattr(subject.inotify_limit, "restore_limit", restored.append)
    other = tmp_path / "run" / "other"
    other.mkdir(parents=True)
    cluster.layout.subnets_lock.touch()
    cluster.teardown.remove_lock(gone=True)
    assert cluster.teardown.others() == ["other"]
    assert restored == []
    other.rmdir()
    cluster.teardown.remove_lock(gone=False)
    assert cluster.layout.subnets_lock.exists()
    cluster.teardown.remove_lock(gone=True)
    assert restored == [tmp_path / "run" / "inotify-instances"]
    assert not (tmp_path / "run").exists()
