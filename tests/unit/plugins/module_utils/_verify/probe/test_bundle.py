# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe as it is sent into a pod: one script, and a Python that has nothing of ours."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe import bundle
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.bundle import PARTS, script
from ansible_collections.mesh.workshop.tests.unit.servers import Site


def run(plan: dict[str, t.Any]) -> dict[str, t.Any]:
    """As in a pod: no import of ours, the plan on standard input, the result on standard output."""
    command = [sys.executable, "-I", "-c", script().decode()]
    done = subprocess.run(command, input=json.dumps(plan) + "\n", capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout)["jobs"])


def test_the_script_runs_by_itself(site: Site) -> None:
    job = {"id": "1", "url": f"http://127.0.0.1:{site.port}/", "phases": [{"count": 3}]}
    result = run({"agent": "probe", "jobs": [job]})["1"]
    assert [one["status"] for one in result["observations"]] == [200, 200, 200]


def test_it_is_small_enough_for_every_exec() -> None:
    assert len(script()) < 60_000


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_python_3_9_and_imports_the_standard_library_and_earlier_parts(name: str) -> None:
    """The image in a user's cluster may be older than what runs here."""
    source = (pathlib.Path(bundle.__file__).parent / f"{name}.py").read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported |= {str(node.module) for node in found if node.level == 0}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert {str(node.module) for node in found if node.level} <= set(PARTS[: PARTS.index(name)])
