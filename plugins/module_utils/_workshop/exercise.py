# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A break-it exercise: what somebody is told who is to find out what is broken, and where given hints are noted."""

from __future__ import annotations

import dataclasses
import typing as t

from .._kube.labels import ATTENDEE, LAB, STAGE
from .errors import LabError

EXERCISES = "exercises"
"""The folder of a catalogue in which the exercises are."""
NOTES_NAME = "mesh-workshop-exercise"
"""The ConfigMap that says how many hints were given. Whatever is applied next prunes it, as a reset does."""

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Exercise:
    """The symptom, hints that lead to the cause, and the cause."""

    symptom: str
    hints: tuple[str, ...]
    cause: str

    @classmethod
    def of(cls, data: t.Mapping[str, t.Any]) -> Exercise:
        """The part ``exercise`` of a valid lab.yml."""
        return cls(data["symptom"], tuple(data["hints"]), data["cause"])

    def hints_due(self, asked: int, notes: Json | None) -> int:
        """How many hints are shown: up to the one that is ``asked`` for, by default (0) one more than were given.

        LabError where there is no such hint.
        """
        count = len(self.hints)
        if not 0 <= asked <= count:
            raise LabError(f"There is no hint {asked}: name one of 1 to {count}, or none for the next.")
        return asked or min(given_hints(notes) + 1, count)

    def told_broken(self, due: int) -> str:
        """What is said while it is broken: the symptom and so many hints."""
        count = len(self.hints)
        hints = [f"Hint {number} of {count}: {hint}" for number, hint in enumerate(self.hints[:due], 1)]
        rest = ["That was the last hint: -e explain=true tells the cause."] if due == count else []
        return "\n".join([f"Not mended yet. {self.symptom}", *hints, *rest])

    def told_cause(self) -> str:
        """What is said while it is broken and somebody asks for the cause."""
        return f"Not mended yet. {self.symptom}\nThe cause: {self.cause}"

    def told_mended(self) -> str:
        """What is said once baseline's checks pass."""
        return f"Mended. The cause was: {self.cause}"


def given_hints(notes: Json | None) -> int:
    """How many hints were given, by the ConfigMap of ``NOTES_NAME``; 0 where it says no number."""
    text = str(((notes or {}).get("data") or {}).get("hints", ""))
    return int(text) if text.isascii() and text.isdigit() else 0


def notes_document(namespace: str, lab: str, stage: str, hints: int) -> Json:
    """The ConfigMap that notes how many hints were given."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NOTES_NAME,
            "namespace": namespace,
            "labels": {LAB: lab, STAGE: stage, ATTENDEE: namespace},
        },
        "data": {"hints": str(hints)},
    }
