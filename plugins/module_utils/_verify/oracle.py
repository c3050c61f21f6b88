# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oracle: pure functions from observations to a verdict.

Each answer is first judged by itself (``faults_of``). Then the sample is judged as a whole: no wrong answer where
everything must be right, and the exact test where answers are shared out.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from .faults import Answer, faults_of
from .plan import TRACED, Sample
from .spec import Check
from .spec.types import Admitted, Attempts, Some
from .statistics import Decision, acceptance, interval, mean_is_above, mean_is_below, share_is_above, tolerated
from .tally import hits, is_offered, keeps_pace
from .wording import expected_text, observed_text

SHOWN_SAMPLES = 3
MORE_TRIES = 2
"""A request is tried at most so many times more often than ``attempts.below`` says, or that is not shown."""
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")
HIDDEN = "********"


@dataclass
class Verdict:
    """What a sample proves."""

    decision: Decision
    expected: str
    observed: str
    samples: int
    interval: dict[str, list[float]] = field(default_factory=dict)
    failing: list[dict[str, t.Any]] = field(default_factory=list)
    wrong_shares: tuple[str, ...] = ()
    """What is shared out otherwise than expected, although each answer is right by itself."""
    tolerated: dict[str, list[float]] = field(default_factory=dict)
    """In percent, the true shares that may pass for an expected one."""

    @property
    def passed(self) -> bool:
        return self.decision is Decision.RIGHT


def judge(check: Check, sample: Sample, answers: t.Sequence[Answer]) -> Verdict:
    """The verdict over a sample."""
    faults = [faults_of(check.expect, one) for one in answers]
    wrong = [index for index, found in enumerate(faults) if found]
    decision = Decision.RIGHT
    wrong_shares: tuple[str, ...] = ()
    unproven = ""
    if not answers or len(wrong) > (check.expect.failures or 0):
        decision = Decision.WRONG
    elif check.expect.admitted is not None:
        decision = _quota(check.expect.admitted, answers)
    elif sample.seconds:
        decision = Decision.RIGHT
    elif sample.shares:
        decision, wrong_shares = _shares(sample, answers)
    elif len(answers) < sample.total:
        decision = Decision.CONTINUE
    elif check.expect.logged and len({one.seen["status"] in check.expect.logged for one in answers}) < 2:
        decision = Decision.WRONG
        unproven = "; without an answer of either kind nothing shows which are logged"
    elif not _average_is_right(check.expect.attempts, sample.error, answers) or not _enough(
        check.expect.some, sample.error, answers
    ):
        decision = Decision.WRONG
        if _average_is_right(check.expect.attempts, 0.5, answers) and _enough(check.expect.some, 0.5, answers):
            unproven = "; too few requests to prove it"
    ranges = _tolerated(sample)
    return Verdict(
        decision=decision,
        expected=expected_text(check) + (_weaker(sample, ranges) if sample.shares else ""),
        observed=observed_text(check, answers, faults) + unproven,
        samples=len(answers),
        interval=_intervals(check, answers, len(wrong)),
        failing=[_sample(check, answers[index], faults[index]) for index in wrong[:SHOWN_SAMPLES]],
        wrong_shares=wrong_shares,
        tolerated=ranges,
    )


def _tolerated(sample: Sample) -> dict[str, list[float]]:
    """In percent, for each share that is tested: the true shares that may pass for it at the error rates."""
    found = {}
    for _kind, label, test in sample.shares:
        bounds: t.Sequence[float] = test.alternatives()
        if sample.total < test.limit:  # half of the rate is the sequential test's
            bounds = tolerated(sample.total, test.share, test.alpha, test.beta / 2)
        found[label] = [round(100 * bound, 2) for bound in bounds]
    return found


def _weaker(sample: Sample, ranges: t.Mapping[str, t.Sequence[float]]) -> str:
    """What a sample of the user's own size cannot tell apart, as a phrase."""
    short = [label for _kind, label, test in sample.shares if sample.total < test.limit]
    parts = [f"{label} from {ranges[label][0]:g} to {ranges[label][1]:g} %" for label in short]
    return f" ({sample.total} requests cannot tell apart {', '.join(parts)})" if parts else ""


def _quota(admitted: Admitted, answers: t.Sequence[Answer]) -> Decision:
    right = is_offered(admitted, answers) and keeps_pace(admitted, answers)
    return Decision.RIGHT if right else Decision.WRONG


def _average_is_right(attempts: Attempts | None, error: float, answers: t.Sequence[Answer]) -> bool:
    """Whether the tries prove an average within the bounds: that of a sample alone is within them by chance, too."""
    if attempts is None or attempts.each is not None:
        return True
    tries = [float(one.tries or 0) for one in answers]
    low, high = attempts.above, attempts.below
    if low is not None and not mean_is_above(tries, low, error):
        return False
    return high is None or mean_is_below(tries, high, math.ceil(high) + MORE_TRIES, error)


def _enough(some: Some | None, error: float, answers: t.Sequence[Answer]) -> bool:
    """Whether there are so many of some answers that their part must be greater than the least."""
    return some is None or share_is_above(hits("status", str(some.status), answers), len(answers), some.share, error)


def _shares(sample: Sample, answers: t.Sequence[Answer]) -> tuple[Decision, tuple[str, ...]]:
    """The decision, and what is shared out otherwise than expected."""
    decisions = []
    wrong = []
    n = len(answers)
    for kind, label, test in sample.shares:
        count = hits(kind, label, answers)
        decision = test.decide(count, n)
        if decision is Decision.CONTINUE and n >= sample.total:  # the user asked for fewer than the test's limit
            low, high = acceptance(n, test.share, test.alpha)
            decision = Decision.RIGHT if low <= count <= high else Decision.WRONG
        decisions.append(decision)
        if decision is Decision.WRONG:
            wrong.append(kind)
    if wrong:
        return Decision.WRONG, tuple(dict.fromkeys(wrong))
    return (Decision.CONTINUE if Decision.CONTINUE in decisions else Decision.RIGHT), ()


def _intervals(check: Check, answers: t.Sequence[Answer], wrong: int) -> dict[str, list[float]]:
    """Exact 99 % intervals, in percent: of each share that is judged, and of wrong answers."""
    n = len(answers)
    if n == 0:
        return {}
    expect = check.expect
    metric = expect.metric
    found: dict[str, list[float]] = {}
    for kind, shares in (
        ("served_by", expect.served_by),
        ("status", expect.status_shares),
        ("mirrored", expect.mirrored),
        ("metric", () if metric is None or metric.share is None else ((metric.query, metric.share),)),
        ("traced", ((TRACED, expect.trace_share),) if expect.trace_share is not None else ()),
    ):
        for label, _share in shares:
            found[label] = [round(100 * bound, 2) for bound in interval(hits(kind, label, answers), n)]
    found["wrong"] = [round(100 * bound, 2) for bound in interval(wrong, n)]
    return found


def _sample(check: Check, answer: Answer, faults: t.Sequence[str]) -> dict[str, t.Any]:
    """A failing answer as evidence, without secrets."""
    seen = answer.seen
    shown: dict[str, t.Any] = {"why": list(faults), "user_agent": seen.get("agent")}
    if answer.records:
        shown["proxies"] = [record.shown() for record in answer.records]
    if seen.get("error"):
        shown["error"] = dict(seen["error"])
        return shown
    shown["status"] = seen.get("status")
    shown["seconds"] = round(seen.get("seconds", 0.0), 4)
    if answer.served is not None:
        shown["served_by"] = answer.served
    headers = seen.get("headers", [])
    if check.no_log:
        shown["headers"] = {name: HIDDEN for name, _value in headers}
        return shown
    shown["headers"] = {name: HIDDEN if name in SECRET_HEADERS else value for name, value in headers}
    shown["body"] = seen.get("body", "")[:200]
    return shown
