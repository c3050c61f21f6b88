# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of a workshop namespace note for the board: what is proven, and why a run has failed."""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Applied
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import moment_of, verdict_of
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import CHECK, REVIEWS, ROUTING

Json = dict[str, t.Any]
Run = t.Callable[..., Json]

STAGE = {"lab": "routing", "stage": "all_v1", "definition": ROUTING}
AT_STAGE, AT_BASELINE = Applied("routing", "all_v1"), Applied("baseline", "baseline")
EXERCISE = {
    "title": "No stars",
    "stages": [{"name": "broken", "title": "B", "resources": [REVIEWS], "checks": [{**CHECK, "name": "broken"}]}],
    "exercise": {
        "symptom": "The page has no stars.",
        "hints": ["Look.", "Look at policies."],
        "cause": "A policy denies it.",
    },
}
BROKEN = {"lab": "no_stars", "definition": EXERCISE}
OPEN = Applied("no_stars", "broken")


def lease_of(api: FakeApi) -> Json | None:
    return api.find("Lease", "mesh-workshop", "bookinfo")


def is_recent(text: str) -> bool:
    moment = moment_of(text)
    return moment is not None and abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) < 3600


@pytest.fixture(name="failing")
def failing_fixture(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., None]:
    """From now on, checks fail, for that reason."""

    def fail(diagnosis: str = "Subset v9 is not there.", refused: bool = False) -> None:
        result = {"name": "the page", "passed": False, "expected": "200", "observed": "503", "diagnosis": diagnosis}
        outcome = Outcome(passed=False, results=[result], table="", message="1 check failed.", refused=refused)
        monkeypatch.setattr(_verify, "run_checks", lambda *_arguments, **_options: outcome)

    return fail


@pytest.fixture(name="exercises")
def exercises_fixture(run: Run, tmp_path: pathlib.Path) -> Run:
    """Break something, or verify it."""
    (tmp_path / "no_stars").mkdir()
    (tmp_path / "no_stars" / "lab.yml").write_text("")
    return lambda **options: run("lab_stage", **BROKEN, **options)


def test_a_stage_that_was_proven_is_noted(run: Run, api: FakeApi) -> None:
    assert not run("lab_stage", **STAGE).get("failed")
    verdict = verdict_of(lease_of(api), AT_STAGE)
    assert is_recent(verdict.verified)
    assert (verdict.failed, verdict.failure) == ("", "")


def test_a_stage_whose_check_fails_is_not_and_the_reason_is(run: Run, api: FakeApi, failing: t.Any) -> None:
    run("lab_stage", **STAGE)
    failing()
    assert run("lab_stage", **STAGE)["failed"]
    verdict = verdict_of(lease_of(api), AT_STAGE)
    assert (verdict.verified, verdict.failure) == ("", "Subset v9 is not there.")
    assert is_recent(verdict.failed)


def test_a_stage_that_was_not_applied_says_why(run: Run, api: FakeApi) -> None:
    api.fail(422, method="PATCH", part="/virtualservices/reviews", times=100)
    assert run("lab_stage", **STAGE)["failed"]
    failure = verdict_of(lease_of(api), AT_STAGE).failure
    assert failure.startswith("Stage all_v1 of lab routing was not applied: VirtualService bookinfo/reviews: ")


def test_no_secret_is_noted(run: Run, api: FakeApi, failing: t.Any) -> None:
    request = {"url": "http://shop.example/", "headers": {"authorization": "Bearer hunter2"}}
    (stage, *_others) = ROUTING["stages"]
    lab = {**ROUTING, "stages": [{**stage, "checks": [{**CHECK, "request": request, "no_log": True}]}]}
    failing("Bearer hunter2 is refused.")
    assert run("lab_stage", lab="routing", stage="all_v1", definition=lab)["failed"]
    assert verdict_of(lease_of(api), AT_STAGE).failure.endswith(" is refused.")
    assert "hunter2" not in str(lease_of(api))


def test_a_verification_is_noted_of_the_stage_that_is_applied(run: Run, api: FakeApi, failing: t.Any) -> None:
    run("lab_stage", **STAGE)
    api.remove("Lease", "mesh-workshop", "bookinfo")
    assert not run("lab_stage", state="verified", **STAGE).get("failed")
    assert is_recent(verdict_of(lease_of(api), AT_STAGE).verified)
    failing()
    assert run("lab_stage", state="verified", **STAGE)["failed"]
    verdict = verdict_of(lease_of(api), AT_STAGE)
    assert (verdict.verified, verdict.failure) == ("", "Subset v9 is not there.")


def test_a_verification_is_noted_of_no_other_stage_and_not_in_check_mode(
    run: Run, api: FakeApi, failing: t.Any
) -> None:
    run("lab_stage", **STAGE)
    before = api.versions()
    run("lab_stage", state="verified", check=True, **STAGE)
    failing()
    assert run("lab_stage", state="verified", **{**STAGE, "stage": "jason_v2"})["failed"]
    assert api.versions() == before


def test_what_could_not_be_asked_has_not_failed(
    run: Run, api: FakeApi, failing: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lab_stage", **STAGE)
    before = api.versions()
    failing(refused=True)
    assert run("lab_stage", state="verified", **STAGE)["failed"]

    def unreachable(*_arguments: t.Any, **_options: t.Any) -> Outcome:
        raise ApiError(0, "Unreachable", "The API server does not answer.")

    monkeypatch.setattr(_verify, "run_checks", unreachable)
    assert run("lab_stage", state="verified", **STAGE)["failed"]
    assert api.versions() == before


def test_a_verification_passes_whether_it_can_be_noted_or_not(run: Run, api: FakeApi) -> None:
    run("lab_stage", **STAGE)
    api.fail(403, part="/leases", times=9)
    assert not run("lab_stage", state="verified", **STAGE).get("failed")


@pytest.mark.parametrize("lab", ["", "routing"])
def test_a_reset_is_noted_as_baseline(run: Run, api: FakeApi, failing: t.Any, lab: str) -> None:
    run("lab_stage", **STAGE)
    assert not run("reset", lab=lab).get("failed")
    assert is_recent(verdict_of(lease_of(api), AT_BASELINE).verified)
    failing()
    assert run("reset", lab=lab)["failed"]
    verdict = verdict_of(lease_of(api), AT_BASELINE)
    assert (verdict.verified, verdict.failure) == ("", "Subset v9 is not there.")


def test_a_reset_of_another_lab_leaves_nothing_proven(run: Run, api: FakeApi) -> None:
    run("lab_stage", **STAGE)
    assert not run("reset", lab="tls").get("failed")
    assert verdict_of(lease_of(api), AT_STAGE).verified == ""


def test_check_mode_notes_nothing(run: Run, api: FakeApi) -> None:
    run("lab_stage", **STAGE)
    before = api.versions()
    run("lab_stage", check=True, **STAGE)
    run("reset", check=True)
    assert api.versions() == before


def test_an_exercise_is_verified_once_it_is_mended(exercises: Run, api: FakeApi, run: Run, failing: t.Any) -> None:
    run("lab_stage", **STAGE)
    result = exercises()
    assert result.get("exercise") == "The page has no stars.", result.get("msg")
    assert lease_of(api) is None, "what is broken is neither proven nor has it failed"
    assert not exercises(state="verified").get("failed")
    assert is_recent(verdict_of(lease_of(api), OPEN).verified)
    failing("A policy denies it.")
    for asked in ({}, {"cause": True}):
        assert exercises(state="verified", **asked)["failed"]
        assert verdict_of(lease_of(api), OPEN).failure == "The page has no stars.", "the cause would be the answer"
