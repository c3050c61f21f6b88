# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers counted: how many fall into a category, how many a quota has admitted."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from .faults import NO_VERSION, TOO_MANY, Answer
from .plan import QUOTA_ENOUGH, timed_intervals
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
        return answer.served or NO_VERSION
    error = answer.seen.get("error")
    return str(error["kind"]) if error else str(answer.seen["status"])


def observed_shares(kind: str, answers: t.Sequence[Answer]) -> tuple[tuple[str, float], ...]:
    """What part of the answers each category has, the largest first."""
    counts = Counter(category(kind, one) for one in answers)
    return tuple((label, count / len(answers)) for label, count in counts.most_common())


EARLIEST, LATEST = 0.91, 1.12
"""When so many requests as a quota admits in some intervals may have been admitted, in parts of these intervals. These
bounds lie half-way to what a quota makes of it that admits 20 % more or less.
"""


@dataclass(frozen=True)
class Pace:
    """How fast a quota admits: after each request, ``count`` more in some intervals of it."""

    count: int
    earliest: float
    latest: float
    """In seconds, the time that they take at least and at most."""
    most: int
    """Requests that are admitted at most from the beginning, over the intervals that are judged."""


def pace_of(admitted: Admitted) -> Pace:
    """What is expected of a quota while clearly more than it admits is offered.

    It may begin with a whole bucket, and intervals by the clock touch one more than they fill, so one interval's
    requests may come in addition.
    """
    intervals = timed_intervals(admitted)
    whole = intervals * admitted.seconds
    return Pace(
        intervals * admitted.count,
        whole * EARLIEST,
        whole * LATEST,
        admitted.count * (judged_intervals(admitted) + 1),
    )


def judged_intervals(admitted: Admitted) -> int:
    """Intervals in which enough must have been offered: one in which a full bucket is used up, one in which the timed
    ones begin, and these.
    """
    return timed_intervals(admitted) + 2


def admitted_at(answers: t.Sequence[Answer]) -> list[float]:
    """When the admitted requests were sent, in seconds after the first request of all."""
    times = sent_at(answers)
    passed = [one for one in answers if one.seen.get("status") not in (None, TOO_MANY)]
    return [time - times[0] for time in sent_at(passed)]


def sent_at(answers: t.Sequence[Answer]) -> list[float]:
    return sorted(one.seen["started"] for one in answers if one.seen.get("started") is not None)


def seconds_taken(admitted: Admitted, answers: t.Sequence[Answer]) -> float | None:
    """How long it took until the quota had admitted as many again as in the intervals that are timed; None where there
    were too few.

    The first interval is left out: a full bucket makes it generous. From then on the pattern of a quota repeats itself
    with each interval, whether its tokens come one by one or all at once. So each request that is followed by so many
    others tells the same, up to what the sender and the proxy are late. The median leaves aside single ones.
    """
    count = pace_of(admitted).count
    times = [time for time in admitted_at(answers) if time >= admitted.seconds]
    taken = sorted(last - first for first, last in zip(times, times[count:], strict=False))
    return taken[len(taken) // 2] if taken else None


def keeps_pace(admitted: Admitted, answers: t.Sequence[Answer]) -> bool:
    """Whether a quota admits what it should, neither less nor more."""
    pace, taken = pace_of(admitted), seconds_taken(admitted, answers)
    if taken is None or not pace.earliest <= taken <= pace.latest:
        return False
    judged = judged_intervals(admitted) * admitted.seconds
    return sum(1 for time in admitted_at(answers) if time <= judged) <= pace.most


def is_offered(admitted: Admitted, answers: t.Sequence[Answer]) -> bool:
    """Whether clearly more than the quota was offered all the time: a sender that stalls proves nothing."""
    times = sent_at(answers)
    counts = Counter(int((time - times[0]) / admitted.seconds) for time in times)
    return all(counts[number] >= QUOTA_ENOUGH * admitted.count for number in range(judged_intervals(admitted)))


def average(answers: t.Sequence[Answer]) -> float:
    return sum(one.tries or 0 for one in answers) / max(1, len(answers))
