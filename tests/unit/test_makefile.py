# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make` starts, with stand-ins for the programs that it starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Machine:
    """A plain user's machine: its home, its programs and a virtual environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / "venv"
        (folder / "home").mkdir()
        self.program("bin/id", "echo 1000")
        self.program("venv/bin/ansible-playbook", 'echo "$@"')

    def program(self, path: str, script: str) -> None:
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "MAKE"))}
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["make", f"--old-file={self.venv}/.collection", *arguments, f"VENV={self.venv}"],
            cwd=ROOT,
            env={**inherited, "PATH": path, "HOME": str(self.folder / "home"), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def user(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("sudo", "asked"),
    [
        pytest.param("exit 0", False, id="takes none"),
        pytest.param("exit 1", True, id="wants one"),
        pytest.param('[ "$1" != -k ]', True, id="was given one in this terminal"),
    ],
)
def test_a_password_is_asked_for_where_sudo_wants_one(user: Machine, sudo: str, asked: bool) -> None:
    user.program("bin/sudo", sudo)
    done = user.make("workshop", "ARGS=-e a=b")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*(["--ask-become-pass"] if asked else []), "-e", "a=b", "mesh.workshop.setup"]
