# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import cache_entries
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import cluster as clusters
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.plan import Action, Observed
from ansible_collections.mesh.workshop.plugins.modules import embedded_node

Json = dict[str, t.Any]
ARTIFACTS = {"rootfs": {}, "images": {}, "bin": {}}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing real is seen or done: run-time files and containers are kept in a folder."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        embedded_node, "Layout", lambda name, **roots: layout.Layout(name, run_root=tmp_path / "run", **roots)
    )
    return tmp_path


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings. Where a plugin of the controller has been imported in this process, they would go to the screen."""
    texts: list[str] = []
    monkeypatch.setattr(embedded_node.QuietModule, "warn", lambda _module, text: texts.append(text))
    return texts


def call(machine: Path, *, check: bool = False, **params: t.Any) -> Json:
    roots = {"data": str(machine / "data"), "cache": str(machine / "cache"), "name": "units"}
    internal = {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
    printed = io.StringIO()
    with (
        patch_module_args({**roots, **params, **internal}),
        contextlib.redirect_stdout(printed),
        pytest.raises(SystemExit),
    ):
        embedded_node.main()
    answer: Json = json.loads(printed.getvalue())
    return answer


def test_it_needs_root(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in call(machine, artifacts=ARTIFACTS)["msg"]


def test_present_needs_artifacts(machine: Path) -> None:
    assert "artifacts" in call(machine)["msg"]
    assert "embedded_artifacts" in call(machine, artifacts={"bin": {}})["msg"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"name": "No"}, "cannot be used"),
        ({"subnet": "here"}, "not an IPv4 network"),
        ({"listen": "here"}, "cannot be published on"),
    ],
)
def test_bad_input_is_one_sentence(machine: Path, params: Json, said: str) -> None:
    answer = call(machine, artifacts=ARTIFACTS, **params)
    assert answer["failed"]
    assert said in answer["msg"]
    assert list(machine.iterdir()) == []


def test_check_mode_lists_and_does_nothing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters.Cluster, "observe", lambda _self: Observed())
    answer = call(machine, check=True, artifacts=ARTIFACTS)
    assert answer["changed"]
    assert answer["actions"][0] == Action.SETTINGS.value
    assert Action.READY.value in answer["actions"]
    assert list(machine.iterdir()) == []


@pytest.mark.parametrize(
    ("actions", "changed"),
    [([], False), ([Action.CONTROL_PLANE, Action.READY], False), ([Action.KUBELET, Action.READY], True)],
)
def test_waiting_is_no_change(
    machine: Path, monkeypatch: pytest.MonkeyPatch, actions: list[Action], changed: bool
) -> None:
    plans = [list(actions), [Action.READY]]
    monkeypatch.setattr(clusters.Cluster, "todo", lambda _self: plans.pop(0))
    monkeypatch.setattr(clusters.Cluster, "_act", lambda _self, _action: None)
    answer = call(machine, artifacts=ARTIFACTS)
    assert answer["changed"] is changed
    assert answer["actions"] == [action.value for action in actions]


def test_absent_removes_its_own_and_only_once(machine: Path, warned: list[str]) -> None:
    own, other = machine / "data" / "units", machine / "data" / "other"
    for folder in (own, other):
        folder.mkdir(parents=True)
        (folder / "cluster.json").write_text("{}")
    cache = machine / "cache"
    cache.mkdir()
    would = call(machine, check=True, state="absent")
    assert own.is_dir()
    done = call(machine, state="absent", purge_cache=True)
    assert done["changed"]
    assert done["actions"] == would["actions"]
    assert not own.exists()
    assert other.is_dir()
    assert cache.is_dir(), "another cluster runs from it"
    assert "other" in str(warned)
    assert not call(machine, state="absent")["changed"]


@pytest.mark.parametrize("params", [{"state": "absent"}, {"artifacts": ARTIFACTS}])
def test_check_mode_leaves_what_all_clusters_share(
    machine: Path, monkeypatch: pytest.MonkeyPatch, params: Json
) -> None:
    monkeypatch.setattr(clusters.Cluster, "observe", lambda _self: Observed())
    shared = machine / "run" / "subnets.lock"
    shared.parent.mkdir()
    shared.touch()
    call(machine, check=True, **params)
    assert list((machine / "run").iterdir()) == [shared]


def test_a_command_that_hangs_is_one_sentence(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_self: t.Any) -> t.NoReturn:
        raise embedded_node.CommandError(["runc", "delete"], 124, "it did not end within 60 s")

    monkeypatch.setattr(clusters.Teardown, "remove", hang)
    said = "Cluster units: runc ended with 124: it did not end within 60 s. Run it again to continue from here."
    assert call(machine, state="absent")["msg"] == said


def made(cache: Path) -> list[Path]:
    """An entry for each pattern, as builds leave them, and one of an earlier key."""
    names = [
        pattern.replace("[0-9a-f]" * 12, "0123456789ab").replace("[0-9]*", "1.26.6") for pattern in cache_entries()
    ]
    for name in (*names, "bin/istio-fedcba987654"):
        (cache / name / "part").mkdir(parents=True)
    return [cache / name for name in names]


def test_the_last_cluster_takes_the_cache_along_when_asked(machine: Path) -> None:
    made(machine / "cache")
    assert not call(machine, state="absent")["changed"]
    assert call(machine, check=True, state="absent", purge_cache=True)["actions"] == [f"cache {machine / 'cache'}"]
    assert (machine / "cache" / "bin").is_dir()
    assert call(machine, state="absent", purge_cache=True)["changed"]
    assert not (machine / "cache").exists()
    assert not (machine / "run").exists()


def test_what_others_keep_where_the_cache_is_stays(machine: Path, warned: list[str]) -> None:
    cache = machine / "cache"
    ours = made(cache)
    kept = [
        cache / name for name in ("thesis.txt", "go/src/own", "bin/istio-1.2", "log/syslog.log", "tmp/x", "rootfs/a")
    ]
    for path in kept:
        path.mkdir(parents=True)
    assert call(machine, state="absent", purge_cache=True)["changed"]
    assert [path for path in kept if not path.is_dir()] == []
    assert [path for path in ours if path.exists()] == []
    assert "not this collection's" in warned[0]
    assert not call(machine, state="absent", purge_cache=True)["changed"]


def test_the_cache_stays_for_a_cluster_whose_data_is_elsewhere(machine: Path, warned: list[str]) -> None:
    made(machine / "cache")
    (machine / "run" / "of-another-folder").mkdir(parents=True)
    limit = machine / "run" / "inotify-instances"
    limit.write_text("128")
    assert not call(machine, state="absent", purge_cache=True)["changed"]
    assert "cluster of-another-folder is on this machine" in warned[0]
    assert (machine / "cache" / "bin").is_dir()
    assert limit.exists(), "it needs the host's limit too"
