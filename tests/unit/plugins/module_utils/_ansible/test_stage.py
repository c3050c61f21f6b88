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
        results = [{"name": check.name, "passed": check.name not in failing} for check in checks]
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
