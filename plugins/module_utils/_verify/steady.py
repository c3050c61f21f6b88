# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a check that fails need not be asked again until its deadline, because nothing is left that could change.

A check ends early only where both hold at once, in ``ROUNDS`` rounds one after the other and for ``SECONDS``:

- Each round failed, over new connections, and with a fault that all of them share (``failure_of``).
- The mesh was at rest (``_istio.rest``): istiod has taken in nothing, every proxy has acknowledged all that it was
  sent, and no pod of the check's namespace or of the gateway was starting, ending or not ready.

It never ends early where time alone may change the answer: for quotas, traces and metrics, for answers with 429, where
pods are ejected for a time, while something is awaited (``NotYet``), and where istiod may not be asked.

What this does to the error rates: it only ever turns "asked again" into "failed". So a wrong world passes less often
than before, never more often, and the sums that ``statistics.spent`` keeps below one percent stay below it. A right
world fails early only if each of ``ROUNDS`` counted samples in a row fails by chance, and the same way; one does with
at most ``statistics.ERROR_RATE``, so all together with less than its ``ROUNDS``-th power.
"""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import dataclass

from .faults import TOO_MANY, Answer, faults_of
from .oracle import Verdict
from .spec import Check

ROUNDS = 4
SECONDS = 4.0
TELL_AFTER = 2.0
"""Seconds after which a failure that stays the same is told; only then is the mesh looked at."""
VARIES = re.compile(r"(?<=^took ).*|(?<= is ).*")
"""What differs from answer to answer in the words for a fault."""

Failure = frozenset[str]


@dataclass(frozen=True)
class Round:
    """Answers of one round of a check, and when it ended."""

    answers: t.Sequence[Answer]
    ended: float

    def age(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self.ended


class Row:
    """Equal values, one after the other."""

    def __init__(self) -> None:
        self.value: t.Hashable = None
        self.rounds = 0
        self.since = 0.0

    def add(self, value: t.Hashable, now: float) -> None:
        """One more value; another one than the last, or None, begins anew."""
        if value is None or value != self.value:
            self.value, self.rounds, self.since = value, 0, now
        if value is not None:
            self.rounds += 1

    def lasts(self, rounds: int, seconds: float, now: float) -> bool:
        """Whether so many values have been equal, over so many seconds."""
        return self.value is not None and self.rounds >= rounds and now - self.since >= seconds


class Failures(Row):
    """Failures that share a fault, one after the other. Which versions answer eight requests differs by chance."""

    def add(self, value: t.Hashable, now: float) -> None:
        """One more failure."""
        if isinstance(value, frozenset) and isinstance(self.value, frozenset):
            value = self.value & value or value
            if value <= self.value:
                self.value = value
        super().add(value, now)


def failure_of(check: Check, verdict: Verdict, answers: t.Sequence[Answer]) -> Failure:
    """In which way a round has failed, without what differs from answer to answer."""
    faults = {VARIES.sub("", fault) for one in answers for fault in faults_of(check.expect, one)}
    return frozenset(faults | set(verdict.wrong_shares)) or frozenset({"the sample as a whole"})


def time_may_mend(check: Check, answers: t.Sequence[Answer]) -> bool:
    """Whether the same world may answer otherwise a little later."""
    if check.expect.admitted is not None or check.expect.told_later or check.request.stream:
        return True
    kinds = {str(one.seen["error"]["kind"]) for one in answers if one.seen.get("error")}
    return "probe_failed" in kinds or any(one.seen.get("status") == TOO_MANY for one in answers)
