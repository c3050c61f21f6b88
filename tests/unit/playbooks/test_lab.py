# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml
from ansible_collections.mesh import workshop as collection

CATALOGUE = Path(__file__).resolve().parents[3] / "roles" / "lab" / "catalogue"


def test_without_a_name_the_labs_and_their_stages_are_listed(tmp_path: Path) -> None:
    """No cluster is needed for it."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2]),
        "ANSIBLE_STDOUT_CALLBACK": "mesh.workshop.room",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "mesh.workshop.lab"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    for path in CATALOGUE.glob("*/lab.yml"):
        row = [path.parent.name, *(stage["name"] for stage in yaml.safe_load(path.read_text())["stages"])]
        found = words[words.index(row[0]) :][: len(row)] if row[0] in words else []
        assert found == (row if row[0] != "baseline" else [])
    assert max(map(len, done.stdout.splitlines())) <= 80
