# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that keep going while something is applied."""

from __future__ import annotations

import threading
import typing as t

from .._kube.errors import ApiError
from .._observe.errors import CheckError, NotYet
from .oracle import judge
from .plan import STREAM_RATE, STREAM_SECONDS, STREAM_START, Sample, timed_phase
from .run import PERMANENT, Observation, Run, failed, not_sent
from .runner import LAST_PAUSE, Runner
from .spec import Check

if t.TYPE_CHECKING:
    from .._kube import Client

START_PATIENCE = 10.0


class Streams:
    """Requests that keep going while something is applied, until they are judged."""

    def __init__(self, run: Run, checks: t.Sequence[Check]) -> None:
        self.run = run
        self.runners = {index: Runner(run, check, index) for index, check in enumerate(checks) if check.request.stream}
        self.seen: dict[int, list[Observation]] = {index: [] for index in self.runners}
        self.troubles: dict[int, ApiError | CheckError] = {}
        self.begun = {index: threading.Event() for index in self.runners}
        self.threads = [threading.Thread(target=self._go, args=(index,), daemon=True) for index in self.runners]
        for thread in self.threads:
            thread.start()
        for event in self.begun.values():  # what is applied next must meet requests under way
            event.wait(START_PATIENCE)

    def _go(self, index: int) -> None:
        runner = self.runners[index]
        seconds = STREAM_START
        try:
            runner.enter()
            while not self.run.stop.is_set():
                seen = self._send(runner, seconds)
                self.seen[index] += seen
                if any(not not_sent(one) for one in seen):
                    self.begun[index].set()
                    seconds = STREAM_SECONDS
                else:
                    self.run.stop.wait(LAST_PAUSE)
        except (ApiError, CheckError) as error:
            self.troubles[index] = error
        finally:
            self.begun[index].set()

    @staticmethod
    def _send(runner: Runner, seconds: float) -> list[Observation]:
        """The next requests. What hinders us from sending, and may pass, is not a failure of the mesh."""
        try:
            return runner.send([timed_phase(runner.check, seconds, STREAM_RATE)])
        except NotYet as error:
            return [failed(runner.sent, "probe_failed", str(error))]
        except ApiError as error:
            if error.status in PERMANENT:
                raise
            return [failed(runner.sent, "probe_failed", error.sentence())]

    def stop(self) -> None:
        """End the streams; their last plan is still counted."""
        self.run.stop.set()
        for thread in self.threads:
            thread.join()

    def finish(self) -> dict[int, dict[str, t.Any]]:
        """End the streams; the results by the index of their checks."""
        self.stop()
        self.run.stop.clear()  # the explanation of a failure may wait for logs
        found = {}
        for index, runner in self.runners.items():
            if index in self.troubles:
                found[index] = runner.not_asked(self.troubles[index])
                continue
            sent = [one for one in self.seen[index] if not not_sent(one)]
            gaps = [one["error"]["detail"] for one in self.seen[index] if not_sent(one)]
            if not sent:
                found[index] = runner.not_asked(CheckError(gaps[-1] if gaps else "There was no time for a request."))
                continue
            try:
                answers = runner.gatherer.answers(sent)
            except (ApiError, CheckError) as error:
                found[index] = runner.not_asked(error)
                continue
            if gaps:
                runner.gatherer.evidence += (
                    f"; gaps in which nothing could be sent: {len(gaps)} ({gaps[-1].rstrip('.')})"
                )
            runner.note(answers)
            verdict = judge(runner.check, Sample(0, 1, seconds=STREAM_SECONDS), answers)
            found[index] = runner.report(verdict, answers)
        return found


def start_streams(
    client: Client,
    checks: t.Sequence[Check],
    gateway: str | None = None,
    gateway_tls: str | None = None,
    *,
    probe_image: str | None = None,
) -> Streams:
    """Begin the streams among the checks; give the result to ``run_checks``, or call its ``stop``."""
    return Streams(Run(client, gateway, gateway_tls, True, probe_image), checks)
