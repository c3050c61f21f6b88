# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make` starts, with stand-ins for the programs that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
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


def set_up(user: Machine, data: Path) -> None:
    (user.folder / "home" / ".kube").mkdir()
    (user.folder / "home" / ".kube" / "blue").touch()
    user.program(str(data.relative_to(user.folder) / "blue" / "bin" / "kubectl"), "echo kubectl of the cluster")


def test_the_shell_has_the_programs_of_its_cluster(user: Machine) -> None:
    set_up(user, user.folder / "data")
    user.program("bin/sh-of-user", 'kubectl; echo "$KUBECONFIG"; command -v ansible-playbook; exit 130')
    done = user.make("shell", "CLUSTER=blue", f"DATA={user.folder / 'data'}", SHELL=str(user.folder / "bin/sh-of-user"))
    assert done.returncode == 0, "how the last command in the shell ended is not a failure of make"
    assert done.stdout.splitlines()[1:] == [
        "kubectl of the cluster",
        str(user.folder / "home" / ".kube" / "blue"),
        str(user.venv / "bin" / "ansible-playbook"),
    ]


@pytest.mark.parametrize(
    ("environ", "kept"),
    [
        pytest.param({}, "", id="none is set, which Python takes for C.UTF-8"),
        pytest.param({"LANG": "C.UTF-8"}, "", id="one that is there"),
        pytest.param({"LC_ALL": "C.utf8"}, "C.utf8", id="one that is there, by the strongest variable"),
        pytest.param({"LANG": "xx_XX.UTF-8"}, "C.UTF-8", id="one that this machine lacks"),
        pytest.param({"LC_ALL": "xx_XX.UTF-8"}, "C.UTF-8", id="one that this machine lacks, by the strongest variable"),
        pytest.param({"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}, "C.UTF-8", id="one without UTF-8"),
    ],
)
def test_the_shell_keeps_its_users_locale_where_ansible_starts_in_it(
    user: Machine, environ: dict[str, str], kept: str
) -> None:
    set_up(user, user.folder / "data")
    (user.venv / "bin" / "python").symlink_to(sys.executable)
    user.program("bin/sh-of-user", 'echo "$LC_ALL"')
    shell = str(user.folder / "bin/sh-of-user")
    done = user.make("shell", "CLUSTER=blue", f"DATA={user.folder / 'data'}", SHELL=shell, **environ)
    assert done.stdout.splitlines()[1:] == [kept], done.stderr


@pytest.mark.parametrize("target", ["shell", "bench"])
def test_without_a_cluster_or_its_programs_one_sentence_says_what_to_do(user: Machine, target: str) -> None:
    done = user.make(target, "CLUSTER=blue")
    assert done.returncode != 0
    assert "There is no ~/.kube/blue, so no workshop of that name is set up here" in done.stderr
    set_up(user, user.folder / "data")
    done = user.make(target, "CLUSTER=blue", f"DATA={user.folder / 'elsewhere'}")
    assert done.returncode != 0
    assert f"There is no kubectl in {user.folder / 'elsewhere'}/blue/bin: run 'make workshop' again" in done.stderr
    assert f"'make {target} DATA=" in done.stderr


def test_the_browser_is_there_before_anything_is_measured(user: Machine) -> None:
    set_up(user, user.folder / "data")
    done = user.make("--dry-run", "bench", "CLUSTER=blue", f"DATA={user.folder / 'data'}")
    assert done.returncode == 0, done.stderr
    assert 0 <= done.stdout.find("\ntools/browser\n") < done.stdout.find("tools/bench --kubeconfig"), done.stdout


def test_playbooks_are_told_of_another_folder_of_data(user: Machine) -> None:
    user.program("bin/sudo", "exit 0")
    done = user.make("workshop", "CLUSTER=blue", "DATA=/srv/clusters")
    assert done.stdout.split()[:-1] == ["-e", "cluster_name=blue", "-e", "cluster_data=/srv/clusters"], done.stderr
