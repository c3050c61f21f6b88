# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.lifecycle import absent, present
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.plan import Action

BUILT = "bin/istio-0123456789ab"


def cluster(cache: Path, *others: str, todo: t.Sequence[Action] = ()) -> t.Any:
    """A cluster with something to do, or to remove beside others."""
    calls: list[str] = []

    def bring_up() -> t.Any:
        calls.append("bring_up")
        return types.SimpleNamespace(actions=[one.value for one in todo], seconds={})

    def remove() -> list[str]:
        calls.append("remove")
        return ["container"]

    return types.SimpleNamespace(
        calls=calls,
        desired=types.SimpleNamespace(refuse_impossible=lambda: calls.append("refuse_impossible")),
        todo=lambda: list(todo),
        bring_up=bring_up,
        facts=lambda: {"context": "units"},
        layout=types.SimpleNamespace(cache=cache),
        teardown=types.SimpleNamespace(traces=lambda: ["container"], remove=remove, others=lambda: others),
    )


@pytest.mark.parametrize(
    ("todo", "changed"),
    [((), False), ((Action.CONTROL_PLANE, Action.READY), False), ((Action.SETTINGS, Action.READY), True)],
)
def test_waiting_for_what_happens_by_itself_is_no_change(
    tmp_path: Path, todo: t.Sequence[Action], changed: bool
) -> None:
    one = cluster(tmp_path, todo=todo)
    result = present(one, check=False)
    assert (result["changed"], result["context"]) == (changed, "units")
    assert one.calls == ["refuse_impossible", "bring_up"]


def test_check_mode_brings_nothing_up(tmp_path: Path) -> None:
    one = cluster(tmp_path, todo=[Action.SETTINGS])
    assert present(one, check=True)["actions"] == [Action.SETTINGS.value]
    assert one.calls == ["refuse_impossible"]


@pytest.mark.parametrize("check", [True, False])
def test_the_cache_goes_with_the_last_cluster(tmp_path: Path, check: bool) -> None:
    cache = tmp_path / "cache"
    (cache / BUILT).mkdir(parents=True)
    one = cluster(cache)
    result, warnings = absent(one, check, purge_cache=True)
    assert (result["actions"], warnings) == (["container", f"cache {cache}"], [])
    assert cache.exists() == check
    assert one.calls == ([] if check else ["remove"])


def test_the_cache_stays_where_it_is_not_asked_to_go_or_another_cluster_runs_from_it(tmp_path: Path) -> None:
    (tmp_path / BUILT).mkdir(parents=True)
    assert absent(cluster(tmp_path), False, purge_cache=False) == ({"changed": True, "actions": ["container"]}, [])
    _result, (warning,) = absent(cluster(tmp_path, "blue"), False, purge_cache=True)
    assert "because the cluster blue is on this machine" in warning
    assert (tmp_path / BUILT).exists()


def test_files_of_others_keep_the_folder(tmp_path: Path) -> None:
    (tmp_path / BUILT).mkdir(parents=True)
    (tmp_path / "theirs").touch()
    _result, (warning,) = absent(cluster(tmp_path), False, purge_cache=True)
    assert warning == f"The folder {tmp_path} stays, because it holds files that are not this collection's."
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
