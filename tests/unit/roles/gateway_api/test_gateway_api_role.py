# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role gateway_api: its variables, and the definitions that it installs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import STEPS
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.steps import Step

ROLES = Path(__file__).resolve().parents[4] / "roles"
ROLE = ROLES / "gateway_api"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def test_every_variable_is_documented_with_its_default() -> None:
    assert set(SPECS) == set(DEFAULTS)
    for name, spec in SPECS.items():
        if "{{" not in str(DEFAULTS[name]):
            assert spec.get("default", DEFAULTS[name]) == DEFAULTS[name], name


def steps() -> list[Step]:
    """What fetches the definitions, by channel."""
    by_name = {step.name: step for step in STEPS}
    return [by_name[f"gateway-api-{channel}"] for channel in SPECS["gateway_api_channel"]["choices"]]


@pytest.mark.parametrize("step", steps())
def test_the_definitions_are_those_of_the_version_that_istio_is_built_with(step: Step) -> None:
    assert step.inputs == ("go/istio/go.mod", "go/istio/go.sum")
    assert step.on_demand, "labs of Istio's own kinds need none of it"
    go_mod = (ROLES / "cluster" / "files" / step.inputs[0]).read_text()
    assert re.search(rf"^\t{re.escape(step.recipe['module'])} v\d", go_mod, flags=re.MULTILINE)


@pytest.mark.parametrize("step", steps())
def test_the_file_whose_version_is_compared_is_among_them(step: Step) -> None:
    (named,) = re.findall(r"gateway_api_folder ~ '/([^']+)'", (ROLE / "vars" / "main.yml").read_text())
    assert named in step.contents


def test_the_channels_differ_in_the_files_and_not_in_their_names() -> None:
    standard, experimental = steps()
    assert standard.contents == experimental.contents
    assert set(standard.recipe["module_files"].values()).isdisjoint(experimental.recipe["module_files"].values())


def test_definitions_that_are_too_old_are_refused_before_any_are_fetched() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())
    (number,) = [number for number, task in enumerate(tasks) if "gateway_api_oldest" in str(task)]
    assert "gateway_api_state=present" in tasks[number]["ansible.builtin.fail"]["msg"]
    assert "include_tasks" not in str(tasks[:number])
    oldest = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["gateway_api_oldest"]
    assert str(oldest) in (ROLE / "meta" / "argument_specs.yml").read_text()
