# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    Catalogue,
    LabError,
    Stage,
    desired_state,
    lab_identities,
    lab_names,
    parse_lab,
    read_lab,
)

STAGES = [{"name": "one", "title": "One"}, {"name": "two", "title": "Two"}]
LAB = {"title": "A lab", "stages": STAGES}
BASELINE = {"title": "Baseline", "stages": [{"name": "baseline", "title": "Baseline"}]}
GATEWAY = {"apiVersion": "v1", "kind": "Gateway"}


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


def test_a_goal_is_a_stage_or_baseline() -> None:
    catalogue = Catalogue(["demo"], {"demo": LAB, "baseline": BASELINE}.__getitem__)
    goal = catalogue.goal("demo", "one")
    assert (str(goal), goal.brief, goal.shown) == ("stage one of lab demo", "demo, one", goal.stage)
    assert catalogue.goal("demo", "").shown.name == "two"
    for stage in ("", "baseline"):
        goal = catalogue.goal("baseline", stage)
        assert (str(goal), goal.brief, goal.shown, goal.stage) == ("baseline", "baseline", goal.baseline, None)
    with pytest.raises(LabError, match="stage has no effect with lab baseline"):
        catalogue.goal("baseline", "one")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "Lab demo: this must be a mapping"),
        (
            {"title": "x", "stages": STAGES, "stagse": []},
            r"stagse is not known \(did you mean stages\?\); known",
        ),
        ({"title": "x"}, "Lab demo: stages is missing"),
        ({"title": "x", "stages": []}, "stages is empty"),
        ({"title": 3, "stages": STAGES}, "title must be a string"),
        ({"title": "x", "minutes": 0, "stages": STAGES}, "minutes must be at least 1"),
        ({"title": "x", "needs": "tracing", "stages": STAGES}, "needs must be a list"),
        ({"title": "x", "stages": [{"name": "a"}]}, "stage a: title is missing"),
        ({"title": "x", "stages": [{"name": "A b", "title": "A"}]}, "stage A b: name 'A b' must begin with a small"),
        ({"title": "x", "stages": [STAGES[0], STAGES[0]]}, "stage one: two stages have the name one"),
        ({"title": "x", "stages": [{**STAGES[0], "checks": {}}]}, "stage one: checks must be a list"),
        ({"title": "x", "stages": [{**STAGES[0], "checks": [{}]}]}, "stage one, check 1: name is missing"),
        (
            {"title": "x", "stages": [{**STAGES[0], "checks": [{"name": "a", "fails_in": ["b"]}]}]},
            "stage one, check a: fails_in must be a string or a mapping",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "resources": [{"kind": "Gateway"}]}]},
            "stage one, resource 1: apiVersion is missing",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "resources": [{"metadata": {"name": "way"}, "kind": "Gateway"}]}]},
            "stage one, resource Gateway way: apiVersion is missing",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "removes": [{**GATEWAY, "metadata": {}}]}]},
            "stage one, remove 1: metadata.name is missing",
        ),
        (
            {
                "title": "x",
                "stages": [{**STAGES[0], "gateway_api": {"lacks": "has none", "resources": [], "steps": []}}],
            },
            "stage one, gateway_api: lacks stands beside resources and steps, and a stage has a form or lacks one",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "gateway_api": {"resources": [{**GATEWAY, "metadata": {}}]}}]},
            "stage one, gateway_api, resource 1: metadata.name is missing",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "gateway_api": {"channel": "standard"}}]},
            "stage one, gateway_api: channel must be experimental",
        ),
        (
            {"title": "x", "stages": [{**STAGES[0], "gateway_api": {"channel": "experimental", "lacks": "has none"}}]},
            "stage one, gateway_api: lacks stands beside channel",
        ),
        ({"title": "x", "stages": [{**STAGES[0], "steps": ["a"]}]}, "stage one, step 1: this must be a mapping"),
        ({"title": "x", "stages": [{**STAGES[0], "steps": [{"name": "a"}]}]}, "step a: resources is missing"),
        (
            {"title": "x", "stages": [{**STAGES[0], "steps": [{"name": "a", "resources": [{"kind": "Gateway"}]}]}]},
            "stage one, step a, resource 1: apiVersion is missing",
        ),
    ],
)
def test_a_malformed_lab_is_named(data: object, message: str) -> None:
    with pytest.raises(LabError, match=message):
        parse_lab("demo", data)


def route(name: str) -> dict[str, t.Any]:
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}}


FORMS = {
    "title": "A lab",
    "needs": ["tracing"],
    "stages": [
        {"name": "plain", "title": "P"},
        {
            "name": "both",
            "title": "B",
            "checks": [{"name": "c"}],
            "resources": [{**GATEWAY, "metadata": {"name": "way"}}],
            "steps": [{"name": "first", "resources": [], "checks": [{"name": "d"}]}],
            "gateway_api": {"resources": [route("way")], "steps": [{"name": "first", "resources": [route("way-1")]}]},
        },
        {"name": "not", "title": "N", "gateway_api": {"lacks": "has no faults"}},
    ],
}


def test_a_lab_in_the_gateway_api_has_the_stages_that_this_can_say() -> None:
    istio, gateway = parse_lab("demo", FORMS), parse_lab("demo", FORMS, "gateway")
    assert [stage.name for stage in istio.stages] == ["plain", "both", "not"]
    assert (istio.needs, gateway.needs) == (("tracing",), ("gateway_api", "tracing"))
    (both,) = gateway.stages
    assert (both.title, both.checks, both.resources) == ("B", ({"name": "c"},), (route("way"),))
    assert [(step.title, step.checks, step.resources[-1]) for step in both.steps] == [
        ("first", ({"name": "d"},), route("way-1"))
    ]
    assert gateway.stage("") is both


def test_a_form_says_which_channel_it_needs_and_other_stages_need_none() -> None:
    both = {**FORMS["stages"][1], "gateway_api": {"channel": "experimental", "resources": [route("way")]}}
    data = {**FORMS, "stages": [FORMS["stages"][0], both]}
    assert [stage.channel for stage in parse_lab("demo", data, "gateway").stages] == ["experimental"]
    assert [stage.channel for stage in parse_lab("demo", data).stages] == ["", ""]


def test_the_names_of_a_lab_are_those_of_both_apis() -> None:
    expected = {("", "Gateway", "way"), ("gateway.networking.k8s.io", "HTTPRoute", "way")}
    expected |= {("gateway.networking.k8s.io", "HTTPRoute", "way-1")}
    for api in ("istio", "gateway"):
        found = lab_identities(parse_lab("demo", FORMS, api), "room")
        assert found == {(group, kind, "room", name) for group, kind, name in expected}


@pytest.mark.parametrize(
    ("lab", "stage", "message"),
    [
        (
            FORMS,
            "not",
            "Stage not of lab demo has no form of the Gateway API, which has no faults: "
            "leave out lab_api, or take stage both.",
        ),
        (
            FORMS,
            "plain",
            "Stage plain of lab demo has no form of the Gateway API: leave out lab_api, or take stage both.",
        ),
        (FORMS, "bth", "Lab demo has no stage 'bth' (did you mean both?). It has: both."),
        (LAB, "", "Lab demo has no form of the Gateway API: leave out lab_api."),
        (LAB, "one", "Stage one of lab demo has no form of the Gateway API: leave out lab_api."),
    ],
)
def test_what_the_gateway_api_cannot_say_is_told(lab: t.Any, stage: str, message: str) -> None:
    catalogue = Catalogue(["demo"], {"demo": lab, "baseline": BASELINE}.__getitem__, "gateway")
    with pytest.raises(LabError) as error:
        catalogue.goal("demo", stage)
    assert str(error.value) == message
    assert catalogue.goal("baseline", "").shown.name == "baseline"


TEMPLATE = """---
# {% set greeting = "hello" %} A comment.
title: {{ greeting }}
needs:
  - tracing
{% for number in range(3) %}
# {{ number }}
{% endfor %}
stages:
  - name: one
    title: One
    resources:
      - kind: Gateway
        metadata: {name: way}
"""
RENDERED = """---
#  A comment.
title: hello
needs:
  - tracing
# 0
# 1
# 2
stages:
  - name: one
    title: One
    resources:
      - kind: Gateway
        metadata: {name: way}
"""


def test_a_fault_is_told_with_the_file_and_the_line_of_the_template() -> None:
    with pytest.raises(LabError) as error:
        read_lab("labs/demo/lab.yml", TEMPLATE, RENDERED)
    assert str(error.value) == ("labs/demo/lab.yml, line 13: stage one, resource Gateway way: apiVersion is missing.")


def test_a_list_may_be_written_as_a_block_or_in_brackets() -> None:
    block = read_lab("lab.yml", "", RENDERED.replace("- kind", "- apiVersion: v1\n        kind"))
    assert block["needs"] == ["tracing"]
    assert parse_lab("demo", block).needs == parse_lab("demo", {**block, "needs": ["tracing"]}).needs == ("tracing",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [\n", "lab.yml is not valid YAML at line 2"),
        ("title: a\ntitle: b\n", "the key title appears twice"),
        ("", "holds 0 YAML documents"),
        ("title: a\n---\ntitle: b\n", "holds 2 YAML documents"),
        ("just a text", "lab.yml, line 1: this must be a mapping"),
    ],
)
def test_what_is_no_lab_at_all_is_told(text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        read_lab("lab.yml", text, text)


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
    documents = desired_state(baseline=Stage("baseline", "B"), lab="demo", stage=way, namespace="room").documents
    assert [item["spec"] for item in documents if item["kind"] == "VirtualService"] == ["v3"]


def test_the_labs_are_the_folders_with_a_lab_file(tmp_path: pathlib.Path) -> None:
    for name in ("zeta", "alpha", "baseline", "notes"):
        (tmp_path / name).mkdir()
        if name != "notes":
            (tmp_path / name / "lab.yml").write_text("{}")
    assert lab_names(str(tmp_path)) == ["alpha", "zeta"]
    with pytest.raises(LabError, match="cannot be read"):
        lab_names(str(tmp_path / "gone"))
    with pytest.raises(LabError, match="cannot be read .it has a character that no path can have.: name another"):
        lab_names("a\0b")
