# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import yaml
from ansible_collections.mesh.workshop.plugins.action.check_options import internal_names


def run(folder: Path, *options: str) -> tuple[int, str]:
    """The exit code and output of a play that checks its options as mesh.workshop.verify does."""
    task: dict[str, t.Any] = {"mesh.workshop.check_options": {"playbook": "verify"}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    (folder / "vars.yml").write_text("stage: delay\n")
    root = Path(next(iter(collection.__path__))).parents[2]
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "play.yml", *options],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(root), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_variables_are_checked_wherever_they_come_from_on_the_command_line(tmp_path: Path) -> None:
    code, output = run(tmp_path, "-e", "@vars.yml")
    assert code != 0
    assert "stage has no effect without lab: add -e lab=NAME." in output
    code, output = run(tmp_path, "-e", '{"lab": "faults"}', "-e", "@vars.yml", "-e", "colour=blue")
    assert code == 0, output


def test_a_file_may_hold_what_another_playbook_reads(tmp_path: Path) -> None:
    (tmp_path / "room.yml").write_text("cluster_listen: 0.0.0.0\ncluster_name: blue\n")
    code, output = run(tmp_path, "-e", "@room.yml")
    assert code == 0, output
    code, output = run(tmp_path, "-e", "@room.yml", "-e", "cluster_listen=0.0.0.0")
    assert code != 0
    assert "cluster_listen has no effect in mesh.workshop.verify: leave it out here." in output
    code, output = run(tmp_path, "-e", '{"cluster_listen": "0.0.0.0"}')
    assert code != 0


def test_what_the_roles_define_for_themselves_is_known() -> None:
    assert {"lab_facts", "cluster_rights", "istio_wanted"} <= internal_names()
    assert not {"cluster_name", "lab_stage"} & internal_names()
