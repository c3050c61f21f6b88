# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import cgroups
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError


@pytest.fixture
def unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with cgroup v2."""
    monkeypatch.setattr(cgroups, "_CGROUPS", tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    return tmp_path


def test_a_cgroup_has_one_directory_on_v2_and_one_per_hierarchy_on_v1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_CGROUPS", tmp_path)
    for hierarchy in ("cpu,cpuacct", "memory"):
        (tmp_path / hierarchy / "a").mkdir(parents=True)
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    assert sorted(cgroups.cgroup_directories("/a")) == [tmp_path / "cpu,cpuacct" / "a", tmp_path / "memory" / "a"]
    (tmp_path / "cgroup.controllers").touch()
    assert cgroups.cgroup_directories("/a") == []
    (tmp_path / "a").mkdir()
    assert cgroups.cgroup_directories("/a") == [tmp_path / "a"]


def test_processes_are_found_in_cgroups_beneath(unified: Path) -> None:
    (unified / "a" / "b").mkdir(parents=True)
    (unified / "a" / "b" / "cgroup.procs").write_text("")
    assert not cgroups.has_processes("/a")
    (unified / "a" / "b" / "cgroup.procs").write_text("1\n")
    assert cgroups.has_processes("/a")


def test_a_cgroup_is_removed_once(unified: Path) -> None:
    (unified / "a" / "b").mkdir(parents=True)
    assert cgroups.remove_cgroup("/a")
    assert not (unified / "a").exists()
    assert not cgroups.remove_cgroup("/a")


def test_processes_are_killed_and_a_cgroup_that_stays_is_a_sentence(unified: Path) -> None:
    (unified / "a").mkdir()
    with subprocess.Popen(["sleep", "60"]) as process:
        (unified / "a" / "cgroup.procs").write_text(f"{process.pid}\n")
        # A plain file does not vanish with the process, as the kernel's does.
        with pytest.raises(EmbeddedError, match="Processes of the cgroup /a do not end: restart the machine"):
            cgroups.remove_cgroup("/a", timeout=0.2)
        assert process.wait(5) == -9
