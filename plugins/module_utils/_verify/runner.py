# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One check: uses up idle connections, counts, and retries until it passes or its deadline ends."""

from __future__ import annotations

import time
import typing as t

from .._kube.errors import ApiError
from .._observe.errors import CheckError, NotYet
from .._observe.gateway import GatewayError
from .evidence import LOGS_ON, NoEvidence
from .faults import Answer, faults_of
from .gather import Gatherer
from .oracle import Verdict, judge
from .plan import WARM_ROUNDS, Sample, job_of, next_chunk, phases_of, sample_of, timed_phase, warm_up
from .probe import run_plan
from .run import PERMANENT, Observation, Run, failed
from .spec import Check
from .spec.types import HOST, port_of
from .statistics import Decision
from .steady import ROUNDS, SECONDS, TELL_AFTER, Failures, Round, Row, failure_of, time_may_mend
from .wording import expected_text
from .workload import find_pod, send_plan

if t.TYPE_CHECKING:
    from .._diagnose import Diagnosis

FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.05, 1.0, 1.6
LONGEST_PLAN = 600.0
"""Seconds for which a plan sends at most where there is no deadline."""
EXEC_SLACK = 30.0
"""Seconds that an exec may take besides its requests."""

Phases = list[dict[str, t.Any]]
Send = t.Callable[[Phases], list[Observation]]


class Runner:
    """One check on its way to a verdict."""

    def __init__(self, run: Run, check: Check, number: int) -> None:
        self.run = run
        self.check = check
        self.number = number
        self.inside = check.source != HOST
        self.sent = 0
        self.rounds = 0
        self.wrong_until = 0.0
        self.gatherer = Gatherer(run, check)
        self.address: tuple[str, int] | None = None
        self.started = time.monotonic()
        self.failures, self.worlds = Failures(), Row()
        self.alike: list[Round] = []
        """Rounds that have failed alike while the mesh rested; the last one in any case."""
        self.told = -1.0

    def result(self) -> dict[str, t.Any]:
        """The check's result as it is reported."""
        self.started = time.monotonic()
        try:
            verdict, answers = self.converge(self.send)
        except (ApiError, CheckError) as error:
            return self.not_asked(error)
        return self.report(verdict, answers)

    def enter(self) -> None:
        """Get ready to send: where from, and what to connect to. Raises CheckError where there is no way."""
        if self.inside:
            self.run.source(self.check)
            self.address = self._connect_to()
        else:
            self.address = self.run.address(self.check.request.url)

    def _connect_to(self) -> tuple[str, int] | None:
        """Address of the workload that the check names to connect to."""
        request = self.check.request
        if request.connect_to is None:
            return None
        pod = find_pod(self.run.client, request.connect_to, self.check.namespace)
        return str(pod["status"]["podIP"]), port_of(request.url)

    def not_asked(self, error: ApiError | CheckError) -> dict[str, t.Any]:
        """The result where no request could be sent."""
        from .._diagnose import Diagnosis  # big, and few checks fail

        if isinstance(error, ApiError) and error.status == 403:
            self.run.refused = True
        where = "nothing, no request was sent" if not self.sent else "nothing more, no request could be sent"
        where = "no way in" if isinstance(error, GatewayError) else where
        where = "nothing that proves it" if isinstance(error, NoEvidence) else where
        verdict = Verdict(Decision.WRONG, expected_text(self.check), where, 0)
        return self.report(verdict, [], Diagnosis(str(error), LOGS_ON if isinstance(error, NoEvidence) else ""))

    def report(
        self, verdict: Verdict, answers: t.Sequence[Answer], diagnosis: Diagnosis | None = None
    ) -> dict[str, t.Any]:
        """A verdict with its explanation, as users read it."""
        judged = time.monotonic()
        if not verdict.passed and diagnosis is None:
            from .explain import explain  # as above

            rounds, world = self.alike, self.worlds.value
            if not rounds or rounds[-1].answers is not answers:
                rounds, world = [Round(answers, time.monotonic())], None
            diagnosis = explain(self.run, self.check, self.address, verdict, rounds, world)
        ended = time.monotonic()
        return {
            "name": self.check.name,
            "passed": verdict.passed,
            "from": self.check.source,
            "expected": verdict.expected,
            "observed": verdict.observed,
            "samples": verdict.samples,
            "requests": self.sent,
            "interval": verdict.interval,
            "tolerated": verdict.tolerated,
            "rounds": self.rounds,
            "convergence_seconds": round(self.wrong_until, 3),
            "seconds": round(ended - self.started, 3),
            "explanation_seconds": round(ended - judged, 3) if not verdict.passed else 0.0,
            "evidence": self.gatherer.evidence,
            "failing_samples": verdict.failing,
            "diagnosis": diagnosis.sentence if diagnosis else "",
            "remedy": diagnosis.remedy if diagnosis else "",
            "change": diagnosis.change if diagnosis else "",
            "path": list(diagnosis.path) if diagnosis else [],
            "control": self.check.control,
            # A mutation's documents, a Secret among them perhaps, are nothing for a verdict.
            "fails_in": "mutation" if isinstance(self.check.fails_in, t.Mapping) else self.check.fails_in,
        }

    def send(self, phases: Phases) -> list[Observation]:
        """Send these phases from where the check says; the observations in order, without the discarded ones."""
        job = job_of(self.check, self.number, phases, self.sent, self.address)
        self.sent += sum(int(phase.get("count", 0)) for phase in phases)
        timed = sum(float(phase.get("seconds", 0.0)) for phase in phases)
        job["limit"] = max(self._left(), timed) + self.check.request.timeout
        plan = {"agent": f"mesh-workshop-probe/{self.run.name}-{self.number + 1}", "jobs": [job]}
        try:
            result = self._execute(plan)
        except ApiError as error:
            if error.status in PERMANENT:
                raise
            self.run.leave(self.check)  # the pod may just be replaced: that is one failed round, not the end
            return [failed(self.sent, "probe_failed", error.sentence())]
        except NotYet as error:
            self.run.leave(self.check)
            return [failed(self.sent, "probe_failed", str(error))]
        answer = result["jobs"][str(self.number)]
        if answer["error"]:
            return [failed(self.sent, answer["error"]["kind"], answer["error"]["detail"])]
        # Where the time ended before anything was counted, what came before is all that is known.
        seen = [one for one in answer["observations"] if not one["discard"]] or answer["observations"]
        self.sent = max([self.sent, *(int(one["n"]) + 1 for one in seen)])
        return seen

    def _left(self) -> float:
        """Seconds until the deadline."""
        if self.run.once:
            return LONGEST_PLAN
        return max(0.0, self.check.deadline - (time.monotonic() - self.started))

    def _execute(self, plan: dict[str, t.Any]) -> dict[str, t.Any]:
        if not self.inside:
            return run_plan(plan)
        # Requests that have begun may take their time to connect, and once more to be answered.
        last = 2 * self.check.request.timeout
        return send_plan(
            self.run.client, self.run.source(self.check), plan, plan["jobs"][0]["limit"] + last + EXEC_SLACK
        )

    def converge(self, send: Send) -> tuple[Verdict, list[Answer]]:
        """Until an attempt passes or the deadline ends: use up connections, count, pause."""
        pause = FIRST_PAUSE
        attempt = 0
        while True:
            first: Phases = []
            away: NotYet | None = None
            verdict, answers = None, list[Answer]()
            try:
                self.enter()  # each time: what is asked, or asked from, may have been replaced
                # Where a counter is looked at before the requests that count, the others are over by then.
                if self.inside and attempt == 0 and self.check.expect.metric is None:  # one exec carries both
                    first = self._discarded(WARM_ROUNDS)
                else:
                    verdict, answers = self.scout(send, attempt)
                if verdict is None:
                    attempt += 1
                    verdict, answers = self.count(send, sample_of(self.check, attempt), first)
            except ApiError as error:
                if error.status in PERMANENT:
                    raise
                # The API server may be restarting: that is one failed round, not the end.
                answers = [Answer(failed(self.sent, "probe_failed", error.sentence()))]
                verdict = judge(self.check, Sample(1, 1), answers)
            except NotYet as error:
                away = error
                self.wrong_until = time.monotonic() - self.started
            left = self._left()
            passed = verdict is not None and verdict.passed
            over = passed or self.run.once or left <= 0 or self._stands(verdict, answers, away)
            if over or self.run.stop.wait(min(pause, left)):
                if verdict is None or away is not None:
                    raise away or AssertionError("a round ends with a verdict")
                return verdict, answers
            pause = min(LAST_PAUSE, pause * GROWTH)

    def _stands(self, verdict: Verdict | None, answers: t.Sequence[Answer], away: NotYet | None) -> bool:
        """Whether a round that failed leaves nothing to wait for (see ``steady``); tells what is still wrong."""
        now = time.monotonic()
        failure = frozenset({str(away)}) if verdict is None else failure_of(self.check, verdict, answers)
        self.failures.add(failure, now)
        if not self.failures.lasts(2, TELL_AFTER, now):
            self.worlds.add(None, now)
            self.alike = [Round(answers, now)]
            return False
        if self.told != self.failures.since:
            self.told = self.failures.since
            observed = verdict.observed if verdict is not None else str(away).rstrip(".")
            self.run.tell({"name": self.check.name, "expected": expected_text(self.check), "observed": observed})
        world = None
        rest = self.run.rest if self._left() > SECONDS else None  # near the deadline a look would come too late
        if rest is not None and verdict is not None and not time_may_mend(self.check, answers):
            world = rest.look(self.check.namespace)
        self.worlds.add(world, now)
        self.alike = [*(self.alike if self.worlds.rounds > 1 else ()), Round(answers, now)]
        if self.worlds.rounds == 1:
            from .explain import prepare  # as above

            prepare(self.run, self.check, world)
        if not self.worlds.lasts(ROUNDS, SECONDS, now):
            return False
        self.gatherer.evidence += f"; ended early, since {self.failures.rounds} rounds failed alike in a mesh at rest"
        return True

    def _discarded(self, rounds: int) -> Phases:
        size = warm_up(self.check)
        return phases_of(self.check, [size] * rounds, discard=True) if size else []

    def scout(self, send: Send, attempt: int) -> tuple[Verdict | None, list[Answer]]:
        """Rounds that are not counted. A verdict only where they show that counting would be in vain: it fails."""
        size = warm_up(self.check)
        if size == 0:
            return None, []
        seen: list[Observation] = []
        for _round in range(WARM_ROUNDS if attempt == 0 else 1):
            seen = send(phases_of(self.check, [size]))
        # Where logs are the evidence, they are a second behind, and the rest of the answer shows enough.
        late = self.gatherer.logged or self.check.expect.told_later
        answers = [Answer(one, known=False) for one in seen] if late else self.gatherer.answers(seen)
        self.note(answers)
        if self.run.once or not any(self.faults(answers)):
            return None, answers
        return judge(self.check, Sample(len(seen), 1), answers), answers

    def count(self, send: Send, sample: Sample, first: Phases) -> tuple[Verdict, list[Answer]]:
        """One attempt: rounds over new connections, ended early where the verdict is clear."""
        self.gatherer.begin()
        dear = self.inside or self.gatherer.logged or self.check.expect.told_later
        seen: list[Observation] = []
        sizes = [] if sample.shares else sample.sizes()
        if sample.seconds:
            seen = send([timed_phase(self.check, sample.seconds, sample.rate)])
            self.rounds += 1
            answers = self.gatherer.answers(seen)
            self.note(answers)
            return judge(self.check, sample, answers), answers
        while True:
            if sample.shares:
                now = [next_chunk(sample, len(seen), dear)]
            elif dear:
                now, sizes = sizes, []
            else:
                now = [sizes.pop(0)]
            new = send([*first, *phases_of(self.check, now)])
            seen += new
            first = []
            self.rounds += len(now)
            answers = self.gatherer.answers(seen, sample)
            self.note(answers)
            verdict = judge(self.check, sample, answers)
            if len(new) < sum(now) and verdict.decision is not Decision.WRONG:
                verdict.decision = Decision.WRONG
                verdict.observed += f"; the time ended before {sample.total} requests were answered"
            if verdict.decision is not Decision.CONTINUE:
                return verdict, answers

    def faults(self, answers: t.Sequence[Answer]) -> list[list[str]]:
        return [faults_of(self.check.expect, one) for one in answers]

    def note(self, answers: t.Sequence[Answer]) -> None:
        """Remember when the last wrong answer came: convergence took until then."""
        if any(self.faults(answers)):
            self.wrong_until = time.monotonic() - self.started
