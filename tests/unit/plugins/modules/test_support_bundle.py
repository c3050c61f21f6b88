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


@pytest.fixture(autouse=True)
def compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "compilers", lambda _cache: [("/usr/lib/go/bin/go", (1, 26))])


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


def test_logs_of_builds_and_of_the_node_are_there_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "cache" / "log").mkdir(parents=True)
    (tmp_path / "cache" / "log" / "istio.log").write_text("x" * 300_000 + "signal: killed")
    (tmp_path / "data" / "blue" / "volumes" / "log").mkdir(parents=True)
    (tmp_path / "data" / "blue" / "volumes" / "log" / "node.log").write_text("no cgroup")
    places = {"kubeconfig": "/nonexistent", "data": str(tmp_path / "data")}
    files = gather(cluster_name="blue", cache=str(tmp_path / "cache"), **places)
    assert files["build/istio.log"].endswith("signal: killed")
    assert len(files["build/istio.log"]) == 200_000
    assert files["node/volumes/log/node.log"] == "no cgroup"
    assert not [name for name in gather(**places) if name.startswith(("node/", "build/"))]


def test_versions_are_those_of_what_runs_and_of_what_is_built() -> None:
    lines = gather(kubeconfig="/nonexistent", cache="/c", versions={"ansible-core": "2.19"})[
        "versions.txt"
    ].splitlines()
    assert {"ansible-core 2.19", "Go at /usr/lib/go/bin/go 1.26", "built: envoy 1.40.0"} <= set(lines)
