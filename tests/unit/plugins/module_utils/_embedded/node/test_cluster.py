# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import cluster as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.plan import Action, Observed

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
    monkeypatch.setattr(subject.inotify_limit, "sufficient", lambda: enough)
    cluster = cluster_in(tmp_path)
    assert cluster.observe() == Observed(inotify_limit=enough)
    assert cluster.teardown.traces() == []
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
    monkeypatch.setattr(subject.interfaces, "addresses", lambda: [eth])
    monkeypatch.setattr(subject.interfaces, "routes", lambda: [{"dst": "default", "dev": "eth0"}])
    cluster = cluster_in(tmp_path, listen=listen, listen_http_port=port)
    cluster.layout.data.mkdir(parents=True)
    cluster.layout.settings.write_text(json.dumps({"subnet": "172.30.4.0/24"}))
    facts = cluster.facts()
    assert facts["gateway_address"] == expected
    assert facts["host_address"] == "172.30.4.1"


def test_a_command_that_fails_names_the_action_and_the_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_in(tmp_path)

    def fail(*_arguments: str, **_options: t.Any) -> t.NoReturn:
        raise subject.CommandError(["runc", "exec", "node", "kubeadm", "init"], 1, "no space left")

    monkeypatch.setattr(cluster.containers, "execute", fail)
    with pytest.raises(EmbeddedError, match="'record the configuration in the cluster' failed .* said 'no space left'"):
        cluster._act(Action.REGISTER)
