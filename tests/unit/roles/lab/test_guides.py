# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guide shows is what its lab.yml applies: `tools/guides` writes it, these tests compare."""

from __future__ import annotations

import dataclasses
import re

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import APIS, BASELINE, LabError, Stage, parse_lab
from lab_guides import CATALOGUE, NAMES, README, dump, fill_guide, filled, filled_readme, own_yaml, read
from oracle import guides
from oracle.stages import FACTS, LABS, identity


def test_the_page_of_the_role_lists_every_lab_and_stage() -> None:
    assert README.read_text() == filled_readme(), "run tools/guides"
    for name in NAMES:
        assert f"[{name}](catalogue/{name}/guide.md)" in README.read_text()
        assert "|" not in "".join(stage.title for stage in parse_lab(name, read(name)).stages)


@pytest.mark.parametrize("name", NAMES)
def test_the_front_page_names_every_stage(name: str) -> None:
    stages = " ".join(f"`{stage.name}`" for stage in parse_lab(name, read(name)).stages)
    front = (CATALOGUE.parents[2] / "README.md").read_text()
    assert f"| [{name}](roles/lab/catalogue/{name}/guide.md) | {stages} |" in front


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_shows_what_is_applied(name: str) -> None:
    guide = (CATALOGUE / name / "guide.md").read_text()
    assert guide == filled(name), f"run tools/guides {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_has_no_yaml_of_its_own(name: str) -> None:
    assert own_yaml((CATALOGUE / name / "guide.md").read_text()) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != BASELINE])
def test_a_guide_shows_the_resources_and_the_checks_of_every_stage(name: str) -> None:
    guide = (CATALOGUE / name / "guide.md").read_text()
    for stage in parse_lab(name, read(name)).stages:
        assert f"<!-- checks: {stage.name} -->" in guide, stage.name
        shown = [f"<!-- resources: {name}" in guide for name in (f"{stage.name} ", f"{stage.name}/")]
        assert any(shown) or not stage.resources, stage.name


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_leads_through_every_stage_in_order_by_a_command_of_its_own(name: str) -> None:
    """What the commands print is judged where there is a cluster, in tests/testinfra/labs/test_guides.py."""
    sections = guides.read((CATALOGUE / name / "guide.md").read_text())
    assert all(step.prints is None for step in sections[0].steps), "before the first stage there is nothing to see"
    first_commands = {section.title: section.steps[0].command for section in sections[1:] if section.steps}
    assert list(first_commands.items()) == [
        (stage.name, f"ansible-playbook mesh.workshop.lab -e lab={name} -e stage={stage.name}")
        for stage in parse_lab(name, read(name)).stages
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_leaves_to_the_instructor_what_an_attendees_rights_do_not_suffice_for(name: str) -> None:
    """A lab's own service, what lies outside of the namespace, and what a client without a sidecar checks.

    In the labs' tests all else has an attendee's rights.
    """
    lab = LABS[name]
    beyond = [
        stage["name"]
        for stage in lab["stages"]
        if lab.get("needs")
        or any(identity(one)[0] not in ("", FACTS["namespace"]) for one in stage.get("resources", ()))
        or any(one.get("from") == "no_sidecar" for one in stage["checks"])
    ]
    sections = guides.read((CATALOGUE / name / "guide.md").read_text())
    # It reads the Secrets of Istio's namespace.
    assert all(
        step.instructor for part in sections for step in part.steps if step.command.startswith("istioctl analyze")
    )
    applied = [
        part.title
        for part in sections
        if any(step.instructor and step.command.startswith("ansible-playbook ") for step in part.steps)
    ]
    assert applied == beyond


ROUTE = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "a"}}
DEFINITION = {
    "title": "Routing",
    "stages": [
        {
            "name": "first",
            "title": "First",
            "resources": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "a"},
                    "data": {"text": "one\ntwo\n"},
                },
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}},
            ],
            "steps": [
                {"name": "half", "resources": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}}]},
            ],
            "checks": [{"name": "it works"}, {"name": "nothing else changed", "control": True}],
            "gateway_api": {"resources": [ROUTE]},
        },
        {"name": "second", "title": "Second", "gateway_api": {"lacks": "has no faults"}},
    ],
}
LAB, GATEWAY = (parse_lab("routing", DEFINITION, api) for api in APIS)


def test_marked_parts_are_written_anew_and_the_rest_stays() -> None:
    guide = "# T\n<!-- resources: first Secret -->\nold\n<!-- end -->\nrest\n<!-- checks: first -->\n<!-- end -->\n"
    assert fill_guide(guide, LAB, GATEWAY, LAB.stages[0], dump) == (
        "# T\n<!-- resources: first Secret -->\n```yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: b\n```\n"
        "<!-- end -->\nrest\n<!-- checks: first -->\n- *it works*\n- *nothing else changed* (control)\n<!-- end -->\n"
    )


def test_without_a_name_every_resource_is_shown_as_a_document_of_its_own() -> None:
    shown = fill_guide("<!-- resources: first -->\n<!-- end -->\n", LAB, GATEWAY, LAB.stages[0], dump)
    assert "  text: |\n    one\n    two\n---\napiVersion" in shown


def test_a_step_shows_what_it_adds() -> None:
    shown = fill_guide("<!-- resources: first/half Secret/c -->\n<!-- end -->\n", LAB, GATEWAY, LAB.stages[0], dump)
    assert "kind: Secret\nmetadata:\n  name: c\n" in shown


def test_baseline_can_be_shown_in_any_guide() -> None:
    baseline = Stage("baseline", "Baseline", checks=({"name": "it is there"},))
    shown = fill_guide("<!-- checks: baseline -->\n<!-- end -->\n", LAB, GATEWAY, baseline, dump)
    assert "- *it is there*\n" in shown


def test_filling_twice_is_filling_once() -> None:
    once = fill_guide(
        "<!-- resources: first -->\n<!-- end -->\n<!-- checks: first -->\n<!-- end -->\n",
        LAB,
        GATEWAY,
        LAB.stages[0],
        dump,
    )
    assert fill_guide(once, LAB, GATEWAY, LAB.stages[0], dump) == once


@pytest.mark.parametrize(
    "part", ["resources: first Gateway", "resources: second", "checks: third", "checks: first/whole"]
)
def test_a_part_that_does_not_exist_is_an_error(part: str) -> None:
    with pytest.raises(LabError):
        fill_guide(f"<!-- {part} -->\n<!-- end -->\n", LAB, GATEWAY, LAB.stages[0], dump)


def test_the_form_of_the_gateway_api_is_folded_below_and_a_missing_one_is_said() -> None:
    shown = fill_guide("<!-- gateway_api: first -->\n<!-- end -->\n", LAB, GATEWAY, LAB.stages[0], dump)
    assert "<code>-e lab_api=gateway</code></summary>\n\n```yaml\napiVersion: gateway.networking.k8s.io/v1\n" in shown
    shown = fill_guide("<!-- gateway_api: second -->\n<!-- end -->\n", LAB, GATEWAY, LAB.stages[0], dump)
    assert "The Gateway API has no faults, so this stage has no `-e lab_api=gateway`.\n" in shown


def test_a_form_that_needs_the_experimental_channel_is_shown_with_the_option_for_it() -> None:
    lab = dataclasses.replace(GATEWAY, stages=(dataclasses.replace(GATEWAY.stages[0], channel="experimental"),))
    shown = fill_guide("<!-- gateway_api: first -->\n<!-- end -->\n", LAB, lab, LAB.stages[0], dump)
    assert "<code>-e lab_api=gateway -e gateway_api_channel=experimental</code></summary>" in shown


@pytest.mark.parametrize("name", [name for name in NAMES if name != BASELINE])
def test_a_guide_shows_every_form_of_the_gateway_api_once(name: str) -> None:
    guide = (CATALOGUE / name / "guide.md").read_text()
    lab = parse_lab(name, read(name), "gateway")
    marked = re.findall(r"^<!-- gateway_api: (\S+)", guide, re.MULTILINE)
    shown: list[object] = [()]
    for stage in lab.stages:
        assert marked.count(stage.name) == (stage.resources not in shown), stage.name
        shown.append(stage.resources)
    for stage_name, lacks in lab.lacking.items():
        assert marked.count(stage_name) == 1, stage_name
        assert lacks, f"{stage_name} says why it has no form"


def test_a_form_may_be_shown_in_parts() -> None:
    form = [{"kind": kind, "metadata": {"name": "one"}} for kind in ("Secret", "HTTPRoute")]
    lab = dataclasses.replace(GATEWAY, stages=(dataclasses.replace(GATEWAY.stages[0], resources=tuple(form)),))
    shown = fill_guide("<!-- gateway_api: first HTTPRoute -->\n<!-- end -->\n", LAB, lab, LAB.stages[0], dump)
    assert ("kind: HTTPRoute" in shown, "kind: Secret" in shown) == (True, False)


def test_handwritten_yaml_is_found() -> None:
    assert own_yaml("```yaml\na: 1\n```\n") == ["```yaml\na: 1\n```\n"]
    assert own_yaml("<!-- resources: first -->\n```yaml\na: 1\n```\n<!-- end -->\n") == []
