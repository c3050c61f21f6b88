# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each document of a set, and of all together."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._kube import Json, Ref
from .._kube.objects import first_few

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
DELETED, ABSENT = "deleted", "absent"
FAILED, NOT_APPLIED = "failed", "not_applied"

CHANGES = frozenset((CREATED, CHANGED, DELETED))


@dataclass
class Entry:
    """One document on its way through."""

    ref: Ref
    doc: Json
    action: str = NOT_APPLIED
    error: str = ""
    before: Json | None = None
    after: Json | None = None
    pruned: bool = False
    put_back: str = ""

    def result(self) -> Json:
        found: Json = {
            "api_version": self.ref.api_version,
            "kind": self.ref.kind,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "action": self.action,
        }
        if self.error:
            found["error"] = self.error
        if self.put_back:
            found["put_back"] = self.put_back
        return found


@dataclass
class Step:
    ref: Ref
    before: Json | None
    after: Json | None


@dataclass
class Undo:
    """What was there before each change."""

    steps: list[Step] = field(default_factory=list)

    def remember(self, ref: Ref, before: Json | None, after: Json | None) -> None:
        self.steps.append(Step(ref, before, after))


@dataclass
class Report:
    changed: bool = False
    failed: bool = False
    message: str = ""
    diff: list[dict[str, str]] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unproven: str = ""
    """Why it is unknown whether the proxies have what was applied; traffic can prove it."""
    undo: Undo = field(default_factory=Undo)
    objects: list[Json] = field(default_factory=list)


_ORDER = (CREATED, CHANGED, UNCHANGED, DELETED, ABSENT, FAILED, NOT_APPLIED)
_WORDS = {NOT_APPLIED: "not applied"}


def summary(done: t.Sequence[Entry], errors: t.Sequence[str]) -> str:
    """First what went wrong, then what was done and what was not."""
    counts = {action: sum(1 for entry in done if entry.action == action) for action in _ORDER}
    tally = ", ".join(f"{count} {_WORDS.get(action, action)}" for action, count in counts.items() if count)
    if not errors:
        return f"{tally or 'nothing to do'}."
    more = f" ({len(errors) - 1} more failed: see results.)" if len(errors) > 1 else ""
    left = [str(entry.ref) for entry in done if entry.action == NOT_APPLIED]
    named = ""
    if left:
        named = f" Not applied: {first_few(left)}."
    of = f" Of {len(done)} documents: {tally}." if len(done) > 1 else ""
    return f"{errors[0]}{more}{of}{named}"
