# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    Catalogue,
    LabError,
    Stage,
    desired_state,
    lab_names,
    parse_lab,
)

STAGES = [{"name": "one", "title": "One"}, {"name": "two", "title": "Two"}]
LAB = {"title": "A lab", "stages": STAGES}


def test_unknown_lab_lists_what_exists_and_guesses() -> None:
    catalogue = Catalogue(["gateway", "request_routing"], {}.__getitem__)
    with pytest.raises(LabError) as error:
        catalogue.lab("request-routing")
    assert "did you mean request_routing?" in str(error.value)
    assert "The labs are: gateway, request_routing." in str(error.value)


def test_unknown_stage_lists_what_exists() -> None:
    with pytest.raises(LabError, match="has no stage 'three'.*It has: one, two"):
        parse_lab("demo", LAB).stage("three")


def test_the_last_stage_stands_for_none_named() -> None:
    lab = parse_lab("demo", LAB)
    assert lab.stage("").name == "two"
    assert lab.stage("one").name == "one"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "a mapping is expected"),
        ({"title": "x", "stages": [], "stagse": []}, "stagse is not known"),
        ({"title": "x"}, "stages is missing"),
        ({"title": "x", "stages": []}, "has no stages"),
        ({"title": "x", "stages": [{"name": "a"}]}, "stage a: title is missing"),
        ({"title": "x", "stages": [STAGES[0], STAGES[0]]}, "two stages have one name"),
        ({"title": "x", "stages": [{**STAGES[0], "checks": {}}]}, "checks must be of type list"),
        ({"title": "x", "stages": [{**STAGES[0], "resources": [{"kind": "Gateway"}]}]}, "needs apiVersion, kind"),
        (
            {"title": "x", "stages": [{**STAGES[0], "removes": [{"kind": "Gateway", "apiVersion": "v1"}]}]},
            "has no metadata.name",
        ),
        ({"title": "x", "stages": [{**STAGES[0], "steps": ["a"]}]}, "step a: a mapping is expected"),
        ({"title": "x", "stages": [{**STAGES[0], "steps": [{"name": "a"}]}]}, "step a: resources is missing"),
        (
            {"title": "x", "stages": [{**STAGES[0], "steps": [{"name": "a", "resources": [{"kind": "Gateway"}]}]}]},
            "stage one, step a: every entry of resources needs",
        ),
    ],
)
def test_a_malformed_lab_is_named(data: object, message: str) -> None:
    with pytest.raises(LabError, match=message):
        parse_lab("demo", data)


def test_a_step_is_its_stage_with_resources_of_its_own() -> None:
    def route(subset: str) -> dict[str, object]:
        return {"apiVersion": "v1", "kind": "VirtualService", "metadata": {"name": "reviews"}, "spec": subset}

    step = {"name": "black", "resources": [route("v3")], "checks": [{"name": "v3"}]}
    stage = {"name": "red_black", "title": "There and back", "removes": [route("")], "resources": [route("v1")]}
    lab = parse_lab("demo", {"title": "x", "stages": [{**stage, "steps": [step]}]})
    (way,) = lab.stages[0].steps
    assert (way.name, way.title, way.removes, way.checks) == (
        "red_black",
        "black",
        lab.stages[0].removes,
        ({"name": "v3"},),
    )
    documents = desired_state(
        baseline=Stage("baseline", "B"), lab="demo", stage=way, namespace="room", attendee="ada"
    ).documents
    assert [item["spec"] for item in documents if item["kind"] == "VirtualService"] == ["v3"]


def test_the_labs_are_the_folders_with_a_lab_file(tmp_path: pathlib.Path) -> None:
    for name in ("zeta", "alpha", "baseline", "notes"):
        (tmp_path / name).mkdir()
        if name != "notes":
            (tmp_path / name / "lab.yml").write_text("{}")
    assert lab_names(str(tmp_path)) == ["alpha", "zeta"]
    with pytest.raises(LabError, match="cannot be read"):
        lab_names(str(tmp_path / "gone"))
