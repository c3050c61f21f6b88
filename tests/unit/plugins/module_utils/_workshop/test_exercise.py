# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Exercise, LabError, parse_lab
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.exercise import given_hints, notes_document

EXERCISE = Exercise("It is slow.", ("Look.", "Look again."), "A fault.")
LAB: dict[str, t.Any] = {"title": "A", "stages": [{"name": "broken", "title": "B"}]}


def notes(hints: int) -> dict[str, t.Any]:
    return notes_document("ada", "slow", "broken", hints)


@pytest.mark.parametrize(
    ("asked", "given", "due"),
    [
        (0, None, 1),
        (0, notes(1), 2),
        (0, notes(2), 2),
        (1, notes(2), 1),
        (2, None, 2),
        (0, {"data": {"hints": "²"}}, 1),
    ],
)
def test_the_next_hint_is_due_unless_one_is_asked_for(asked: int, given: t.Any, due: int) -> None:
    assert EXERCISE.hints_due(asked, given) == due


@pytest.mark.parametrize("asked", [-1, 3])
def test_a_hint_that_does_not_exist_is_refused(asked: int) -> None:
    with pytest.raises(LabError, match=f"There is no hint {asked}: name one of 1 to 2"):
        EXERCISE.hints_due(asked, None)


def test_the_cause_is_told_only_when_asked_for_or_mended() -> None:
    assert EXERCISE.told_broken(1) == "Not mended yet. It is slow.\nHint 1 of 2: Look."
    assert EXERCISE.told_broken(2).endswith("\nThat was the last hint: -e explain=true tells the cause.")
    assert EXERCISE.told_cause() == "Not mended yet. It is slow.\nThe cause: A fault."
    assert EXERCISE.told_mended() == "Mended. The cause was: A fault."


def test_the_notes_are_pruned_with_the_exercise() -> None:
    assert given_hints(notes(3)) == 3
    assert notes(3)["metadata"]["labels"] == {
        "mesh.workshop/attendee": "ada",
        "mesh.workshop/lab": "slow",
        "mesh.workshop/stage": "broken",
    }


@pytest.mark.parametrize(
    ("exercise", "said"),
    [
        ({"symptom": "a", "hints": ["b", "c"]}, "exercise.cause is missing"),
        ({"symptom": "a", "hints": ["b"], "cause": "c"}, "exercise: hints must have at least 2 entries and has 1"),
        ({"symptom": "a", "hints": ["b"] * 5, "cause": "c"}, "hints must have at most 4 entries and has 5"),
        ({"symptom": "a", "hint": [], "hints": ["b", "c"], "cause": "c"}, "(did you mean hints?)"),
    ],
)
def test_what_an_exercise_lacks_is_named(exercise: t.Any, said: str) -> None:
    with pytest.raises(LabError) as error:
        parse_lab("slow", {**LAB, "exercise": exercise})
    assert said in str(error.value)


def test_a_lab_may_be_an_exercise() -> None:
    data = {"symptom": "It is slow.", "hints": ["Look.", "Look again."], "cause": "A fault."}
    assert parse_lab("slow", {**LAB, "exercise": data}).exercise == EXERCISE
    assert parse_lab("slow", LAB).exercise is None
