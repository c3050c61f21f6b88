# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every lab of the catalogue is well formed: its fields, its checks, its controls, its guide."""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import jinja2
import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import BASELINE, Stage, parse_lab
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.credentials import encoded, generate

CATALOGUE = pathlib.Path(__file__).parents[4] / "roles" / "lab" / "catalogue"
CREDENTIALS = generate(host="mybookstore.com", now=datetime.datetime.now(datetime.UTC))
WORKSHOP = {
    "namespace": "bookinfo",
    "host": "mybookstore.com",
    "gateway_namespace": "istio-system",
    "shared": False,
    "vanilla_envoy": True,
    "credentials": {**CREDENTIALS, "secret": encoded(CREDENTIALS)},
    "images": {"python": "mesh-workshop.local/probe:1", "grpc_health": "mesh-workshop.local/grpc-health:1"},
}
NAMES = sorted(path.parent.name for path in CATALOGUE.glob("*/lab.yml"))
EXERCISES = sorted(path.parent.name for path in CATALOGUE.glob("exercises/*/lab.yml"))


def read(name: str, **facts: t.Any) -> t.Any:
    loader = jinja2.FileSystemLoader(CATALOGUE / name)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return yaml.safe_load(environment.get_template("lab.yml").render(workshop={**WORKSHOP, **facts}))


@pytest.mark.parametrize(("shared", "expected"), [(False, {"no_listener": True}), (True, {"status": 404})])
def test_a_closed_gateway_still_listens_where_others_have_theirs(shared: bool, expected: t.Any) -> None:
    (closed, *_stages) = parse_lab("gateway", read("gateway", shared=shared)).stages
    assert [check["expect"] for check in closed.checks if not check.get("control")] == [expected]


@pytest.mark.parametrize("name", NAMES)
def test_lab_and_its_checks_parse(name: str) -> None:
    lab = parse_lab(name, read(name))
    for stage in lab.stages:
        assert stage.checks, f"{name}, stage {stage.name} proves nothing"
        for state in (*stage.steps, stage):
            parse_checks(list(state.checks), default_namespace="bookinfo")


@pytest.mark.parametrize("name", [name for name in NAMES if name != BASELINE])
def test_every_check_is_a_control_or_names_the_world_in_which_it_fails(name: str) -> None:
    lab = parse_lab(name, read(name))
    earlier = [BASELINE]
    for stage in lab.stages:
        # A step's world is one that can be applied: its own is gone when the stage is there.
        for check in (check for step in stage.steps for check in step.checks):
            assert check.get("fails_in") in earlier, f"{name}/{stage.name}: {check['name']}"
        for check in stage.checks:
            place = f"{name}/{stage.name}: {check['name']}"
            world = check.get("fails_in")
            assert bool(check.get("control")) != (world is not None), place
            if isinstance(world, dict):
                assert list(world) == ["mutation"], place
                mutated(name, stage, world["mutation"])
            elif world is not None:
                assert world in earlier, place
        earlier.append(stage.name)


def mutated(name: str, stage: Stage, mutation: t.Any) -> None:
    """A mutation replaces or removes documents of its stage, in the form of a stage."""
    place = f"{name}/{stage.name}"
    lab = parse_lab(name, {"title": name, "stages": [{"name": stage.name, "title": stage.title, **mutation}]})
    own = {(item["kind"], item["metadata"]["name"]) for item in stage.resources}
    (world,) = lab.stages
    changed = {(item["kind"], item["metadata"]["name"]) for item in (*world.resources, *world.removes)}
    assert changed, place
    assert changed <= own, place


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_shows_by_checks_that_it_is_broken(name: str) -> None:
    lab = parse_lab(name, read(f"exercises/{name}"))
    assert lab.exercise
    (stage,) = lab.stages
    assert parse_checks(list(stage.checks), default_namespace="bookinfo")
    assert {check["fails_in"] for check in stage.checks} == {BASELINE}


@pytest.mark.parametrize("name", NAMES)
def test_no_lab_of_the_catalogue_is_an_exercise(name: str) -> None:
    """A lab with that part would be verified by baseline's checks."""
    assert parse_lab(name, read(name)).exercise is None


@pytest.mark.parametrize("name", [name for name in NAMES if name != BASELINE])
def test_every_stage_has_a_control(name: str) -> None:
    for stage in parse_lab(name, read(name)).stages:
        assert any(check.get("control") for check in stage.checks), stage.name


@pytest.mark.parametrize("name", [name for name in NAMES if name != BASELINE])
def test_every_lab_has_a_guide_that_names_its_stages(name: str) -> None:
    guide = (CATALOGUE / name / "guide.md").read_text()
    for stage in parse_lab(name, read(name)).stages:
        assert f"`{stage.name}`" in guide


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lab_needs_is_a_role(name: str) -> None:
    for role in parse_lab(name, read(name)).needs:
        assert (CATALOGUE.parents[1] / role / "tasks" / "main.yml").is_file(), role


def test_what_a_lab_puts_beside_the_gateway_lies_where_the_role_says_that_it_is() -> None:
    """An Istio in another namespace is told by one variable, to the labs' documents and to the pruning alike."""
    role = CATALOGUE.parent
    facts = yaml.safe_load((role / "vars" / "main.yml").read_text())["lab_facts"]
    tasks = yaml.safe_load((role / "tasks" / "main.yml").read_text())
    (stage,) = (task["mesh.workshop.lab_stage"] for task in tasks if "mesh.workshop.lab_stage" in task)
    assert facts["gateway_namespace"] == "{{ lab_gateway_namespace }}"
    # Verifying prunes nothing, so there the option has no effect.
    assert stage["gateway_namespace"] == "{{ lab_gateway_namespace if lab_state == 'applied' else omit }}"
    for name in NAMES:
        assert "istio-system" not in (CATALOGUE / name / "lab.yml").read_text(), name


def test_a_telemetry_alone_names_the_method_where_the_proxies_are_istio_s() -> None:
    """The filter beside it, and the label that the role's counter reads, are for Envoy's own release."""
    here, elsewhere = (parse_lab("metrics", read("metrics", vanilla_envoy=one)).stages[-1] for one in (True, False))
    assert [one["kind"] for one in elsewhere.resources] == ["Telemetry"]
    (note,) = [one for one in here.resources if one not in elsewhere.resources]
    (patch,) = note["spec"]["configPatches"]
    (rule,) = patch["patch"]["value"]["typed_config"]["on_request_headers"]
    template = (CATALOGUE.parents[1] / "metrics" / "templates" / "metrics.yml.j2").read_text()
    assert f"%FILTER_STATE({rule['object_key']}:PLAIN)%" in template
    assert here.checks == elsewhere.checks
