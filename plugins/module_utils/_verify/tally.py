# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers counted: how many fall into a category, how many a quota has admitted."""

from __future__ import annotations

import typing as t
from collections import Counter

from .faults import NOBODY, TOO_MANY, Answer
from .plan import QUOTA_ENOUGH, QUOTA_INTERVALS
from .spec.types import Admitted


def hits(kind: str, label: str, answers: t.Sequence[Answer]) -> int:
    """How many answers fall into a category of what is shared out."""
    if kind == "traced":
        return sum(1 for one in answers if one.trace is not None)
    if kind == "metric":
        measured = answers[-1].measured if answers else None
        return int(min(max(measured.grown, 0), len(answers))) if measured is not None else 0
    if kind == "mirrored":
        return sum(1 for one in answers if label in one.copies)
    return sum(1 for one in answers if category(kind, one) == label)


def category(kind: str, answer: Answer) -> str:
    """The category of an answer."""
    if kind == "served_by":
        return answer.served or NOBODY
    error = answer.seen.get("error")
    return str(error["kind"]) if error else str(answer.seen["status"])


def observed_shares(kind: str, answers: t.Sequence[Answer]) -> tuple[tuple[str, float], ...]:
    """What part of the answers each category has, the largest first."""
    counts = Counter(category(kind, one) for one in answers)
    return tuple((label, count / len(answers)) for label, count in counts.most_common())


def admitted_range(admitted: Admitted) -> tuple[float, float]:
    """How many requests a right quota admits over QUOTA_INTERVALS, if more are offered all the time.

    Intervals that begin on their own (a token bucket, or the unit of the clock) touch one more than they fill, so
    there is one interval of play upwards. Downwards half of one is left for a load that starts late.
    """
    return admitted.count * (QUOTA_INTERVALS - 0.5), admitted.count * (QUOTA_INTERVALS + 1.0)


def admitted_count(answers: t.Sequence[Answer]) -> int:
    return sum(1 for one in answers if one.seen.get("status") not in (None, TOO_MANY))


def is_offered(admitted: Admitted, answers: t.Sequence[Answer]) -> bool:
    """Whether clearly more than the quota was offered all the time: a sender that stalls proves nothing."""
    times = sorted(one.seen["started"] for one in answers if one.seen.get("started") is not None)
    if not times:
        return False
    counts = Counter(int((time - times[0]) / admitted.seconds) for time in times)
    return all(counts[number] >= QUOTA_ENOUGH * admitted.count for number in range(QUOTA_INTERVALS))


def average(answers: t.Sequence[Answer]) -> float:
    return sum(one.tries or 0 for one in answers) / max(1, len(answers))
