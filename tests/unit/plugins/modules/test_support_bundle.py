# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC
from ansible_collections.mesh.workshop.plugins.modules import support_bundle as subject
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    yield server
    server.stop()


def gather(**params: t.Any) -> dict[str, str]:
    defaults = {
        **dict.fromkeys(AUTH_ARG_SPEC),
        **dict.fromkeys(("cluster_name", "cache")),
        "data": "/nonexistent",
        "namespaces": ["bookinfo"],
        "versions": {},
        "failed_task": "Build programs and images",
        "reason": "Istio was not built.",
    }
    return {name: content.decode() for name, content in subject.gather({**defaults, **params}).items()}


def test_without_the_kubeconfig_that_is_named_no_other_cluster_is_asked(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that the user's environment names may be in production."""
    production = tmp_path / "production"
    config = {
        "clusters": [{"name": "a", "cluster": {"server": api.url}}],
        "users": [{"name": "a", "user": {"token": "the-token"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    production.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(production))
    gather()
    assert api.requests, "it is found where none is named"
    api.requests.clear()
    files = gather(kubeconfig=str(tmp_path / "blue"))
    assert f"The API could not be read: the kubeconfig {tmp_path / 'blue'} does not exist" in files["api.txt"]
    assert api.requests == []


def test_the_archive_tells_of_the_failure_the_machine_and_the_cluster(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "blue").mkdir()
    (tmp_path / "blue" / "node.log").write_text("no cgroup")
    files = gather(
        host=api.url, api_key="k", data=str(tmp_path), cluster_name="blue", versions={"ansible-core": "2.19"}
    )
    assert files["message.txt"] == "Build programs and images\nIstio was not built.\n"
    assert files["api.txt"].startswith("Kubernetes v")
    assert files["node/node.log"] == "no cgroup"
    assert "ansible-core 2.19\n" in files["versions.txt"]
    assert {"machine.txt", "pods.txt", "events.txt"} <= set(files)


def test_logs_of_a_node_are_there_only_where_the_cluster_is_named(tmp_path: Path) -> None:
    (tmp_path / "blue").mkdir()
    (tmp_path / "blue" / "node.log").write_text("no cgroup")
    assert not [name for name in gather(kubeconfig="/nonexistent", data=str(tmp_path)) if name.startswith("node/")]
