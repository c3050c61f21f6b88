# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a stage through the runner: its steps, and what is told where it ends early."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.stage import STAGE_ARG_SPEC, bring_to_stage
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._ansible.conftest import Run
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import BASELINE, CHECK, REVIEWS, room

Json = dict[str, t.Any]
WHY = {"diagnosis": "A delay.", "remedy": "Remove it.", "change": "kubectl", "path": ["a hop"]}
RATINGS = {**REVIEWS, "metadata": {"name": "ratings"}}
LAB = {
    "title": "Routing",
    "stages": [
        {
            "name": "late",
            "title": "Late",
            "resources": [REVIEWS],
            "steps": [
                {"name": "Before", "resources": [RATINGS], "checks": [{**CHECK, "name": "before"}]},
                {"name": "Between", "resources": [], "checks": [{**CHECK, "name": "between"}]},
            ],
            "checks": [{**CHECK, "name": "late"}],
        },
        {"name": "other", "title": "Other", "resources": [RATINGS]},
    ],
}


@pytest.fixture
def failing() -> list[str]:
    """Names of the checks that fail."""
    return []


@pytest.fixture(name="stage")
def stage_fixture(
    run: Run, api: FakeApi, failing: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> t.Callable[..., Json]:
    """Bring a namespace to the lab's first stage."""

    def run_checks(_client: t.Any, checks: t.Any, *_where: t.Any, **_options: t.Any) -> Outcome:
        results = [{"name": check.name, "passed": check.name not in failing, **WHY} for check in checks]
        passed = all(one["passed"] for one in results)
        return Outcome(passed, results, "", "passed." if passed else f"{checks[0].name} has failed.")

    monkeypatch.setattr(_verify, "run_checks", run_checks)
    api.put(room("bookinfo"))
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
    (tmp_path / "routing").mkdir()
    (tmp_path / "routing" / "lab.yml").write_text("")

    def call(**options: t.Any) -> Json:
        given: Json = {"namespace": "bookinfo", "lab": "routing", "stage": "late", "catalogue": str(tmp_path)}
        given |= {"definition": LAB, "baseline": BASELINE, **options}
        shape = {"lab": "", "stage": "", "exercise": ""}
        return run(bring_to_stage, spec=STAGE_ARG_SPEC, result=shape, errors=(LabError,), **given)

    return call


def names(result: Json) -> list[str]:
    return [one["name"] for one in result["checks"]]


def test_the_steps_are_walked_once_and_proven_each(stage: t.Callable[..., Json], api: FakeApi) -> None:
    first = stage()
    assert names(first) == ["before", "between", "late"]
    assert (first["changed"], first["lab"], first["stage"]) == (True, "routing", "late")
    assert api.find("VirtualService", "ratings", "bookinfo") is None, "the step's own is pruned"
    again = stage()
    assert (names(again), again["changed"]) == (["late"], False), "what stands already has gone its way"


def test_a_step_that_is_not_proven_ends_the_way(stage: t.Callable[..., Json], api: FakeApi, failing: list[str]) -> None:
    failing.append("before")
    result = stage()
    assert (result["msg"], names(result)) == ("before has failed.", ["before"])
    assert api.find("VirtualService", "ratings", "bookinfo") is not None


def test_a_diff_has_what_goes_because_it_has_a_name_of_the_lab(stage: t.Callable[..., Json], api: FakeApi) -> None:
    stage()
    api.put({**RATINGS, "metadata": {"name": "ratings", "namespace": "bookinfo"}})
    result = stage(diff=True, check=True)
    assert [one["before_header"] for one in result["diff"]] == ["VirtualService bookinfo/ratings"]


def test_what_has_a_name_of_the_lab_and_cannot_be_removed_ends_the_module(
    stage: t.Callable[..., Json], api: FakeApi
) -> None:
    stage()
    api.put({**RATINGS, "metadata": {"name": "ratings", "namespace": "bookinfo"}})
    api.fail(403, method="DELETE", part="virtualservices/ratings")
    result = stage()
    assert result["msg"].startswith(
        "Objects with names of lab routing were not removed: VirtualService bookinfo/ratings: "
    )
    assert names(result) == []


def test_what_was_applied_before_is_returned(stage: t.Callable[..., Json]) -> None:
    assert stage()["before"] == {"lab": "", "stage": "", "api": ""}
    assert stage(check=True)["before"] == {"lab": "routing", "stage": "late", "api": "istio"}
    assert stage(stage="other")["before"] == {"lab": "routing", "stage": "late", "api": "istio"}
    assert "before" not in stage(state="verified")


EXERCISE = {"symptom": "It is slow.", "hints": ["Look.", "Look again."], "cause": "A fault."}
BROKEN = {
    "title": "Slow",
    "exercise": EXERCISE,
    "stages": [
        {"name": "broken", "title": "Slow", "resources": [REVIEWS], "checks": [{**CHECK, "name": "it is slow"}]}
    ],
}


@pytest.fixture(name="exercise")
def exercise_fixture(stage: t.Callable[..., Json], failing: list[str]) -> t.Callable[..., Json]:
    """Verify an exercise that was applied and is not mended."""
    applied = stage(definition=BROKEN, stage="broken")
    assert (applied["exercise"], names(applied)) == ("It is slow.", ["it is slow"]), "its own checks prove it broken"
    failing.append("the page")
    return lambda **options: stage(definition=BROKEN, stage="broken", state="verified", **options)


def noted(api: FakeApi) -> str | None:
    notes = api.find("ConfigMap", "mesh-workshop-exercise", "bookinfo")
    return notes["data"]["hints"] if notes else None


def test_hints_are_told_one_by_one_and_noted(exercise: t.Callable[..., Json], api: FakeApi) -> None:
    first, second = "Hint 1 of 2: Look.", "Hint 2 of 2: Look again."
    last = "That was the last hint: -e explain=true tells the cause."
    for lines, count in (([first], "1"), ([first, second, last], "2"), ([first, second, last], "2")):
        result = exercise()
        assert result["failed"]
        assert result["msg"].splitlines() == ["Not mended yet. It is slow.", *lines]
        assert result["exercise"] == result["msg"]
        assert names(result) == ["the page"], "baseline's checks decide"
        assert noted(api) == count
    assert exercise(hint=1)["msg"].splitlines()[1:] == [first]
    assert noted(api) == "2", "what was told is not forgotten"


def test_what_a_check_explains_is_the_answer_and_told_only_when_asked_for(
    exercise: t.Callable[..., Json], api: FakeApi
) -> None:
    (check,) = exercise()["checks"]
    assert check == {"name": "the page", "passed": False, "diagnosis": "", "remedy": "", "change": "", "path": []}
    result = exercise(cause=True)
    assert result["msg"] == "Not mended yet. It is slow.\nThe cause: A fault."
    assert result["checks"] == [{"name": "the page", "passed": False, **WHY}]
    assert noted(api) == "1", "no hint was given"


def test_a_hint_that_may_not_be_noted_is_told(exercise: t.Callable[..., Json], api: FakeApi) -> None:
    api.fail(403, method="PATCH", part="configmaps/mesh-workshop-exercise")
    lines = exercise()["msg"].splitlines()
    assert lines[1] == "Hint 1 of 2: Look."
    assert "ConfigMap bookinfo/mesh-workshop-exercise" in lines[2]


def test_what_is_mended_is_told_with_its_cause(
    exercise: t.Callable[..., Json], api: FakeApi, failing: list[str]
) -> None:
    failing.clear()
    result = exercise()
    assert (result.get("failed"), result["exercise"]) == (None, "Mended. The cause was: A fault.")
    assert noted(api) is None


def test_in_check_mode_nothing_is_told_and_nothing_noted(exercise: t.Callable[..., Json], api: FakeApi) -> None:
    result = exercise(check=True)
    assert (result["exercise"], [one["skipped"] for one in result["checks"]], noted(api)) == ("", [True], None)


def test_a_hint_without_an_exercise_is_refused(stage: t.Callable[..., Json]) -> None:
    assert "since no exercise is open" in stage(state="verified", hint=1)["msg"]
