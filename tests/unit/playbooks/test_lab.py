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


TEMPLATE = """---
title: Demo
stages:
{% for name in ["one", "two"] %}
  - {name: "{{ name }}", title: "{{ workshop.credentials.secret.ca_crt }}"}
{% endfor %}
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The playbook lab, without a cluster."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2]),
        "ANSIBLE_STDOUT_CALLBACK": "mesh.workshop.room",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "KUBECONFIG": "/nowhere",
    }
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "mesh.workshop.lab", *options],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def listing(folder: Path, *options: str) -> str:
    """What the playbook lab prints without the name of a lab. No cluster is needed for it."""
    done = run(folder, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_a_name_the_labs_and_their_stages_are_listed(tmp_path: Path) -> None:
    shown = listing(tmp_path)
    words = shown.split()
    for path in CATALOGUE.glob("*/lab.yml"):
        row = [path.parent.name, *(stage["name"] for stage in yaml.safe_load(path.read_text())["stages"])]
        found = words[words.index(row[0]) :][: len(row)] if row[0] in words else []
        assert found == (row if row[0] != "baseline" else [])
    assert max(map(len, shown.splitlines())) <= 80


def test_labs_are_read_as_when_they_are_applied(tmp_path: Path) -> None:
    """As templates, whose control structures are not YAML."""
    for name, text in (("baseline", "title: B\nstages: [{name: baseline, title: B}]\n"), ("demo", TEMPLATE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.yml").write_text(text)
    rows = [line.split() for line in listing(tmp_path, "-e", f"lab_catalogue={tmp_path}").splitlines()]
    assert ["demo", "one", "two"] in rows
    assert not any("baseline" in row for row in rows)


def test_a_variable_that_would_take_the_place_of_the_named_lab_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "-e", "lab=tls", "-e", "lab_name=faults")
    assert done.returncode != 0
    assert "lab_name is set by the playbooks themselves: use -e lab=NAME." in " ".join(done.stdout.split())
