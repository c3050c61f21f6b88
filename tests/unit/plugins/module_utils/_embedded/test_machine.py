# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import socket
import types
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import machine as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.preflight import Facts, Wanted


class Builder:
    """One from whose cache the named steps are missing."""

    def __init__(self, cache: Path, missing: list[str]) -> None:
        self.cache = str(cache)
        self._missing = missing

    def plan(self, only: None) -> list[t.Any]:
        return []

    def present(self, planned: list[t.Any]) -> t.Any:
        return types.SimpleNamespace(missing=self._missing)


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cgroups"
    root.mkdir()
    (root / "cgroup.controllers").touch()
    monkeypatch.setattr(subject.cgroups, "_CGROUPS", root)
    return root


def processes(cgroups: Path, container: str, text: str) -> None:
    folder = cgroups / "mesh-workshop" / "units" / container
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text(text)


def look(tmp_path: Path, missing: list[str] | None = None, listen: str = "", ports: t.Sequence[int] = ()) -> Facts:
    wanted = Wanted("units", str(tmp_path / "data"), listen=listen)
    cache = tmp_path / "cache"
    return subject.look(wanted, str(cache), ports, t.cast(t.Any, Builder(cache, missing or [])))


@pytest.fixture
def taken() -> t.Iterator[int]:
    """A port that another program holds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.usefixtures("cgroups")
def test_where_there_is_no_cluster(tmp_path: Path) -> None:
    facts = look(tmp_path)
    assert (facts.data, facts.alive) == (False, False)


def test_a_cluster_is_told_by_its_data_and_its_processes_not_by_its_link(tmp_path: Path, cgroups: Path) -> None:
    (tmp_path / "data" / "units").mkdir(parents=True)
    (tmp_path / "data" / "units" / "cluster.json").touch()
    processes(cgroups, "node", "")  # what is left after all of its processes were killed
    facts = look(tmp_path)
    assert (facts.data, facts.alive) == (True, False)
    (cgroups / "mesh-workshop" / "units" / "node" / "cgroup.procs").write_text("1\n")
    assert look(tmp_path).alive


@pytest.mark.usefixtures("cgroups")
def test_go_caches_are_measured_only_where_go_builds(tmp_path: Path) -> None:
    blob = tmp_path / "cache" / "go" / "build" / "00" / "blob"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x" * 100_000)
    assert look(tmp_path, ["image_bookinfo"]).go_caches == 0
    facts = look(tmp_path, ["istio"])
    assert facts.go_caches >= 100_000
    assert facts.missing == ("istio",)


def test_ports_of_others_count_and_those_of_its_own_publisher_do_not(tmp_path: Path, cgroups: Path, taken: int) -> None:
    wanted: dict[str, t.Any] = {"listen": "127.0.0.1", "ports": [taken]}
    processes(cgroups, "node", "1\n")
    assert look(tmp_path, **wanted).ports == (taken,)
    processes(cgroups, "publish", "2\n")
    assert look(tmp_path, **wanted).ports == ()


def test_a_port_that_a_plain_user_may_not_have_is_tried_from_the_other_side(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_socket: socket.socket, _address: t.Any) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(subject.socket, "socket", type("Socket", (socket.socket,), {"bind": refused}))
    assert subject.taken("127.0.0.1", [taken]) == (taken,)
