# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook starts a module from its file, and one that is packed does the same, under the ansible-core at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh import workshop as collection
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"a": "b"}}
# Another spelling of the same Python, which the actions do not take for the one that runs Ansible.
PACKED = "{{ ansible_playbook_python | dirname }}/./{{ ansible_playbook_python | basename }}"
# Python imports it by itself when it starts. What Ansible has packed is on the search path when the module ends.
NOTE = """
import atexit, pathlib, sys
def note():
    packed = any("_payload.zip" in path for path in sys.path)
    pathlib.Path({report!r}).write_text("packed" if packed else "from its file")
atexit.register(note)
"""


@pytest.fixture(name="api")
def api_fixture() -> t.Iterator[FakeApi]:
    api = FakeApi()
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    yield api
    api.stop()


@pytest.mark.parametrize(
    ("interpreter", "way"), [("{{ ansible_playbook_python }}", "from its file"), (PACKED, "packed")]
)
def test_a_task_of_apply(api: FakeApi, tmp_path: Path, interpreter: str, way: str) -> None:
    report = tmp_path / "report"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NOTE.format(report=str(report)))
    connection = {"host": api.url, "api_key": "good"}
    tasks = [
        {
            "name": "Apply it",
            "mesh.workshop.apply": {"definitions": [CONFIG], **connection},
            "environment": {"PYTHONPATH": str(tmp_path / "site")},
            "register": "applied",
        },
        {"name": "Show it", "mesh.workshop.print_text": {"text": "{{ applied.message }}"}},
    ]
    head = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    play = {"name": "Apply", **head, "vars": {"ansible_python_interpreter": interpreter}, "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_"))},
        "ANSIBLE_COLLECTIONS_PATH": str(Path(next(iter(collection.__path__))).parents[2]),
        "ANSIBLE_STDOUT_CALLBACK": "mesh.workshop.room",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "play.yml"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 created" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    made = api.find("ConfigMap", "a", "shop")
    assert made is not None
    assert made["data"] == CONFIG["data"]
    assert report.read_text() == way
