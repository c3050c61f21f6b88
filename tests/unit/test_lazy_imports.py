# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every task is a process of its own: importing a module loads nothing that most of its runs do not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.mesh.workshop.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
DEAR = ("cryptography", "fastjsonschema", "jinja2", "kubernetes", "openshift", "re2", "requests", "websocket", "yaml")
"""Packages that take long to import; the page on the architecture says when each is."""
ROOMS = ("_diagnose", "_explain", "_verify", "_workshop")
"""What a task that only applies has no use for."""

SCRIPT = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    before = set(sys.modules)
    importlib.import_module(name)
    found[name] = sorted(set(sys.modules) - before)
json.dump(found, sys.stdout)
"""


def loaded_by(*names: str) -> dict[str, list[str]]:
    """What each of these loads besides those before it, in a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(names)], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_no_module_loads_a_dear_package() -> None:
    loaded = loaded_by(*(f"{PACKAGE}.modules.{name}" for name in MODULES))
    assert len(loaded) == len(MODULES) > 20
    dear = {name.rpartition(".")[2]: [one for one in found if one in DEAR] for name, found in loaded.items()}
    assert {name: found for name, found in dear.items() if found} == {}


@pytest.mark.parametrize("module", ["apply", "virtual_service"])
def test_applying_loads_neither_checks_nor_explanations(module: str) -> None:
    (found,) = loaded_by(f"{PACKAGE}.modules.{module}").values()
    rooms = [one.removeprefix(f"{PACKAGE}.module_utils.") for one in found]
    assert [one for one in rooms if one.startswith(ROOMS)] == []


@pytest.mark.parametrize("action", ["apply", "lab_info"])
def test_an_action_that_reads_files_loads_no_client(action: str) -> None:
    assert "urllib3" not in loaded_by(f"{PACKAGE}.action.{action}")[f"{PACKAGE}.action.{action}"]
    assert "urllib3" in loaded_by(f"{PACKAGE}.modules.apply")[f"{PACKAGE}.modules.apply"]


def test_the_action_that_reads_files_loads_nothing_that_understands_them() -> None:
    """In Ansible's own process each file of a collection is compiled anew."""
    (found,) = loaded_by(f"{PACKAGE}.action.apply").values()
    rooms = [one.removeprefix(f"{PACKAGE}.module_utils.") for one in found if ".module_utils._" in one]
    assert [one for one in rooms if one.startswith("_")] == ["_apply", "_apply.sources", "_kube", "_kube.late"]


def test_a_table_of_results_loads_nothing_that_asks_for_them() -> None:
    (found,) = loaded_by(f"{PACKAGE}.filter.check_table").values()
    rooms = [one.removeprefix(f"{PACKAGE}.module_utils.") for one in found if ".module_utils." in one]
    assert [one for one in rooms if one.startswith(ROOMS)] == ["_verify", "_verify.report"]


def test_checks_that_pass_load_no_explanation() -> None:
    runs, explains = (f"{PACKAGE}.module_utils._verify.{name}" for name in ("checks", "explain"))
    found = loaded_by(runs, explains)
    assert not [one for one in found[runs] if "_diagnose" in one]
    assert [one for one in found[explains] if "_diagnose" in one]


def test_a_dear_package_would_be_seen() -> None:
    (found,) = loaded_by(f"{PACKAGE}.module_utils._openshift.dynamic").values()
    assert "openshift" not in found, "it is imported where a cluster is an OpenShift"
    (found,) = loaded_by("yaml").values()
    assert "yaml" in found
