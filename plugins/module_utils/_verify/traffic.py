# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A steady load at the gateway, bounded in rate and time: for people who look at what the mesh shows of it."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._kube.errors import ApiError
from .._observe.errors import NotYet
from .faults import label_of
from .run import PERMANENT, Observation, Run, not_sent
from .runner import Runner
from .spec import parse_checks

if t.TYPE_CHECKING:
    from .._kube import Client

TURN = 1.0
"""Seconds for which requests are planned at a time."""
MOST_AT_ONCE = 8
"""Requests that are under way at the same time, as many as a check has."""


@dataclass
class Load:
    """What was sent so far, and what came back."""

    answers: Counter[str] = field(default_factory=Counter)
    """Requests by what came back, in the words of a verdict: ``status 200``, ``connection refused``."""
    answered: int = 0

    @property
    def requests(self) -> int:
        return self.answers.total()

    def add(self, seen: t.Iterable[Observation]) -> None:
        """Count requests that have been sent."""
        for one in seen:
            if not not_sent(one):
                self.answers[label_of(one)] += 1
                self.answered += one.get("error") is None

    def text(self) -> str:
        """All of it as a phrase."""
        shares = ", ".join(f"{label} ({count})" for label, count in self.answers.most_common())
        sent = "1 request" if self.requests == 1 else f"{self.requests} requests"
        return f"{sent} sent" + (f": {shares}" if shares else "")


def send_load(
    client: Client, url: str, rate: int, seconds: int, told: t.Callable[[Load], None], gateway: str | None = None
) -> Load:
    """Send ``rate`` requests per second for so many seconds; ``told`` hears every second what has come back so far.

    They leave from this machine for the gateway's address, as those of a check from the host. Where answers take longer
    than a second, fewer are sent; what was missed is not made up for. Raises ApiError, and CheckError where there has
    been no way in all the time.
    """
    request = {"url": url, "concurrency": min(rate, MOST_AT_ONCE)}
    (check,) = parse_checks([{"name": "load", "request": request, "expect": {"status": 200}}])
    runner = Runner(Run(client, gateway, None, once=True), check, 0)
    phase = {"count": rate, "rate": rate / TURN, "concurrency": request["concurrency"]}
    load = Load()
    trouble: NotYet | None = None
    until = time.monotonic() + seconds
    for _turn in range(seconds):
        begun = time.monotonic()
        if begun >= until:
            break
        try:
            runner.enter()  # each time, since the gateway may be replaced
            load.add(runner.send([phase]))
        except NotYet as error:
            trouble = error
        except ApiError as error:
            if error.status in PERMANENT:
                raise
            trouble = NotYet(error.sentence())
        told(load)
        runner.run.stop.wait(max(0.0, min(begun + TURN, until) - time.monotonic()))
    if trouble is not None and not load.requests:
        raise trouble
    return load
