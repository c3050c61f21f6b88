# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host.commands import CommandError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import containers as subject
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.spec import Container


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    (found.volumes / "log").mkdir(parents=True)
    return found


@pytest.fixture
def wanted(tmp_path: Path) -> Container:
    """A container on a complete root file system."""
    (tmp_path / "lower" / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "lower" / "usr" / "bin" / "s6-svscan").touch()
    return Container(str(tmp_path / "lower"), {"hostname": "units"}, {"sbin/init": "#!/bin/sh\n", "etc/x": "x"})


class Runc:
    """Stands in for the host's commands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = 0, stdout: str = "") -> None:
        self.commands: list[list[str]] = []
        self.code = code
        self.stdout = stdout
        monkeypatch.setattr(subject, "run", self)

    def __call__(self, argv: list[str], *, check: bool = True, output: t.Any = None, **_options: t.Any) -> t.Any:
        self.commands.append(argv)
        if self.code and output is not None:
            output.write(b"first\nmount: wrong fs type\n")
            output.flush()
        if self.code and check:
            raise CommandError(argv, self.code, "no message")
        return subprocess.CompletedProcess(argv, self.code, self.stdout, "")


def test_a_container_is_compared_with_what_it_was_made_from(
    layout: Layout, wanted: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    Runc(monkeypatch)
    containers = subject.Containers(layout)
    assert not containers.made_from("node", wanted)
    containers.create("node", wanted)
    assert containers.made_from("node", wanted)
    upper = layout.upper / "node" / "upper"
    assert (upper / "sbin" / "init").stat().st_mode & 0o777 == 0o755
    assert (layout.run / "node" / "config.json").stat().st_mode & 0o777 == 0o600
    (upper / "etc" / "x").write_text("edited")
    assert not containers.made_from("node", wanted)
    assert not containers.made_from("node", Container(wanted.lower, {"hostname": "other"}, wanted.files))


def test_a_container_that_cannot_be_made_says_why(
    layout: Layout, wanted: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    Runc(monkeypatch, code=32)
    with pytest.raises(
        EmbeddedError, match="container node of cluster units could not be created: mount: wrong fs type; run"
    ):
        subject.Containers(layout).create("node", wanted)
    broken = Container("/nowhere", wanted.spec, wanted.files)
    with pytest.raises(EmbeddedError, match="/nowhere is missing or incomplete: remove it and run setup again"):
        subject.Containers(layout).create("node", broken)


@pytest.mark.parametrize(
    ("code", "stdout", "state"),
    [
        (0, '{"status": "running"}', {"status": "running"}),
        (1, "", {"status": "broken"}),
        (0, "[]", {"status": "broken"}),
    ],
)
def test_states(layout: Layout, monkeypatch: pytest.MonkeyPatch, code: int, stdout: str, state: dict[str, str]) -> None:
    Runc(monkeypatch, code, stdout)
    containers = subject.Containers(layout)
    assert containers.state("node") == {}
    (layout.runc_root / "node").mkdir(parents=True)
    assert containers.state("node") == state


def test_commands_run_in_the_node(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    runc = Runc(monkeypatch)
    subject.Containers(layout).script("true")
    assert runc.commands == [["runc", "--root", str(layout.runc_root), "exec", "node", "sh", "-c", "true"]]


def test_a_removed_container_leaves_its_volumes(
    layout: Layout, wanted: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    Runc(monkeypatch)
    monkeypatch.setattr(subject.cgroups, "remove_cgroup", lambda _cgroup: False)
    containers = subject.Containers(layout)
    containers.create("node", wanted)
    containers.remove("node")
    assert not (layout.run / "node").exists()
    assert not (layout.upper / "node").exists()
    assert (layout.volumes / "log").is_dir()
