# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs checks: uses up idle connections, counts, retries until the deadline, explains what fails."""

from __future__ import annotations

import secrets
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from .._diagnose import Analysis, Diagnosis, Findings, Look, Proxies, diagnose
from .._istio.pods import SIDECAR, has_sidecar
from .._kube.errors import ApiError
from .._observe.access_log import Record, by_agent, records
from .._observe.errors import CheckError, NotYet
from .._observe.gateway import SELECTOR, GatewayError, find_gateway, split_address
from .._observe.traces import Backend, find_backend
from .evidence import LOGS_ON, NoEvidence, PodVersions, are_written, by_answers, by_logs, concerns
from .oracle import TOO_MANY, Answer, Verdict, expected_text, faults_of, judge, observed_shares
from .plan import (
    STREAM_RATE,
    STREAM_SECONDS,
    STREAM_START,
    WARM_ROUNDS,
    Sample,
    is_exclusive,
    is_slow,
    job_of,
    needs_proxies,
    next_chunk,
    phases_of,
    sample_of,
    timed_phase,
    warm_up,
)
from .probe import run_plan
from .report import message_of, table_of
from .spec.types import HOST, NO_SIDECAR, SECURE, Check, port_of
from .statistics import Decision
from .workload import Source, enter_outside, enter_workload, find_pod, selector_text, send_plan

if t.TYPE_CHECKING:
    from .._kube import Client

TOGETHER = 4
"""Checks that run at the same time, besides those that mostly wait."""
FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.05, 1.0, 1.6
LOG_PATIENCE = 3.0
"""Seconds to wait for a record: proxies write their logs out once a second."""
LOG_PAUSE = 0.15
LOG_FLUSH = 1.2
EXPLAINED = 5
"""Failing requests that a diagnosis follows through the proxies."""
MOST_PODS = 40
CLOCK_SKEW = timedelta(seconds=10)
LONGEST_PLAN = 600.0
"""Seconds for which a plan sends at most where there is no deadline."""
EXEC_SLACK = 30.0
"""Seconds that an exec may take besides its requests."""
START_PATIENCE = 10.0
PERMANENT = (401, 403, 422)
"""Statuses of the API server that asking again does not change."""
TRACE_PATIENCE, TRACE_PAUSE = 8.0, 0.5
"""Envoy sends spans to Zipkin every 5 seconds (tracing.zipkin.flush_interval_ms) at the latest."""

Observation = t.Mapping[str, t.Any]
Phases = list[dict[str, t.Any]]
Send = t.Callable[[Phases], list[Observation]]


@dataclass
class Outcome:
    """What the checks have shown."""

    passed: bool
    results: list[dict[str, t.Any]]
    table: str
    message: str
    side_effects: list[str] = field(default_factory=list)


@dataclass
class Run:
    """What all checks of a run share."""

    client: Client | None
    gateway: str | None
    gateway_tls: str | None
    once: bool
    probe_image: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(3))
    stop: threading.Event = field(default_factory=threading.Event)
    since: str = field(default_factory=lambda: (datetime.now(UTC) - CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%SZ"))
    lock: threading.Lock = field(default_factory=threading.Lock)
    addresses: dict[int, tuple[str, int]] = field(default_factory=dict)
    versions: dict[str | None, PodVersions] = field(default_factory=dict)
    sources: dict[tuple[str, str | None], Source] = field(default_factory=dict)
    side_effects: list[str] = field(default_factory=list)
    analysis: Analysis | None = None
    """What istioctl says about the mesh: begun when a first check has failed, the same for all that fail."""
    look: Look | None = None
    """The live objects as they are when a first check has failed, the same for all that fail."""
    proxies: Proxies | None = None
    """What istiod says about the proxies when a first check has failed, the same for all that fail."""
    _traces: Backend | None = None

    def __post_init__(self) -> None:
        if self.client is not None:
            self.analysis = Analysis(self.client)
            self.look = Look(self.client)
            self.proxies = Proxies(self.client)

    def address(self, url: str) -> tuple[str, int]:
        """Where requests from the host for this URL go: as given, else as discovered (once per port)."""
        port = port_of(url)
        tls = urlsplit(url).scheme in SECURE
        given = self.gateway_tls if tls else self.gateway
        if given:
            return split_address(given, port)
        if self.gateway:  # one name for both, the port is the URL's
            return split_address(self.gateway, port)[0], port
        with self.lock:
            if port not in self.addresses:
                if self.client is None:
                    raise GatewayError("There is no cluster to ask for the gateway: name it with the option gateway.")
                self.addresses[port] = find_gateway(self.client, port)
            return self.addresses[port]

    def source(self, check: Check) -> Source:
        """The container that the check's requests leave from; made where it is not there."""
        if self.client is None:
            raise CheckError(f"There is no cluster in which to ask from {check.source}.")
        key = (check.source, None if check.source == NO_SIDECAR else check.namespace)
        with self.lock:
            if key not in self.sources:
                if check.source == NO_SIDECAR:
                    found, made = enter_outside(self.client, self.probe_image)
                else:
                    found, made = enter_workload(self.client, check.source, check.namespace, self.probe_image)
                self.sources[key] = found
                if made:
                    self.side_effects.append(made)
            return self.sources[key]

    def traces(self) -> Backend:
        """What keeps the mesh's traces."""
        with self.lock:
            if self._traces is None:
                if self.client is None:
                    raise CheckError("There is no cluster whose traces could be looked up.")
                self._traces = find_backend(self.client)
            return self._traces

    def leave(self, check: Check) -> None:
        """Forget a container that could not be used: its pod may have been replaced."""
        with self.lock:
            self.sources.pop((check.source, None if check.source == NO_SIDECAR else check.namespace), None)

    def versions_in(self, namespace: str | None) -> PodVersions:
        """Pod versions of a namespace, looked up once for all checks."""
        with self.lock:
            if namespace not in self.versions:
                self.versions[namespace] = PodVersions(lambda: self._pods(namespace))
            return self.versions[namespace]

    def _pods(self, namespace: str | None) -> list[dict[str, t.Any]]:
        try:
            return [] if self.client is None else list(self.client.list("v1", "Pod", namespace))
        except ApiError as error:
            if error.status == 403:  # then the names of the pods have to tell their versions
                return []
            raise

    def logs(self, namespace: str, pods: t.Sequence[str]) -> list[Record]:
        """This run's records in the logs of these pods' proxies."""
        found: list[Record] = []
        for pod in pods if self.client is not None else ():
            if self.client is None:
                raise AssertionError("this check needs a cluster")
            try:
                text = self.client.logs(namespace, pod, SIDECAR, since_time=self.since)
            except ApiError as error:
                if error.status in (400, 403, 404):  # no such container, no right to its log, no such pod any more
                    continue
                raise
            found += records(text, pod, self.name)
        return found


def run_checks(
    client: Client | None,
    checks: t.Sequence[Check],
    gateway: str | None = None,
    gateway_tls: str | None = None,
    *,
    once: bool = False,
    probe_image: str | None = None,
    streams: Streams | None = None,
    on_result: t.Callable[[t.Mapping[str, t.Any]], None] | None = None,
) -> Outcome:
    """Run all checks; the results keep their order. ``once``: one counted round each, no retry, no deadline.

    ``on_result`` is told each verdict as it comes, from several threads.
    Checks with a stream begin with ``start_streams`` before something is applied; where they have not, they run beside
    the others.
    """
    streams = streams or start_streams(client, checks, gateway, gateway_tls, probe_image=probe_image)
    run = Run(client, gateway, gateway_tls, once, probe_image)
    run.analysis, run.look, run.proxies = streams.run.analysis, streams.run.look, streams.run.proxies
    results: dict[int, dict[str, t.Any]] = {}

    def ask(index: int) -> dict[str, t.Any]:
        result = _Runner(run, checks[index], index).result()
        if on_result is not None:
            on_result(result)
        return result

    asked = [index for index, check in enumerate(checks) if not check.request.stream]
    # The slow ones begin first, so that what they wait is the others' time.
    together = sorted((n for n in asked if not is_exclusive(checks[n])), key=lambda n: not is_slow(checks[n]))
    slow = sum(is_slow(checks[index]) for index in together)
    try:
        with ThreadPoolExecutor(max_workers=TOGETHER + slow) as pool:
            waiting = {index: pool.submit(ask, index) for index in together}
            try:
                for index, one in waiting.items():
                    results[index] = one.result()
            except BaseException:
                run.stop.set()
                raise
        for index in asked:
            if index not in results:
                results[index] = ask(index)
        streamed = streams.finish()
        for index in sorted(streamed):
            if on_result is not None:
                on_result(streamed[index])
        results.update(streamed)
    finally:
        run.stop.set()
        streams.stop()
    ordered = [results[index] for index in range(len(checks))]
    passed = all(one["passed"] for one in ordered)
    side_effects = list(dict.fromkeys([*streams.run.side_effects, *run.side_effects]))
    return Outcome(passed, ordered, table_of(ordered), message_of(ordered), side_effects)


class Streams:
    """Requests that keep going while something is applied, until they are judged."""

    def __init__(self, run: Run, checks: t.Sequence[Check]) -> None:
        self.run = run
        self.runners = {index: _Runner(run, check, index) for index, check in enumerate(checks) if check.request.stream}
        self.seen: dict[int, list[Observation]] = {index: [] for index in self.runners}
        self.troubles: dict[int, ApiError | CheckError] = {}
        self.begun = {index: threading.Event() for index in self.runners}
        self.threads = [threading.Thread(target=self._go, args=(index,), daemon=True) for index in self.runners]
        for thread in self.threads:
            thread.start()
        for event in self.begun.values():  # what is applied next shall meet requests under way
            event.wait(START_PATIENCE)

    def _go(self, index: int) -> None:
        runner = self.runners[index]
        seconds = STREAM_START
        try:
            runner.enter()
            while not self.run.stop.is_set():
                seen = self._send(runner, seconds)
                self.seen[index] += seen
                if any(not _not_sent(one) for one in seen):
                    self.begun[index].set()
                    seconds = STREAM_SECONDS
                else:
                    self.run.stop.wait(LAST_PAUSE)
        except (ApiError, CheckError) as error:
            self.troubles[index] = error
        finally:
            self.begun[index].set()

    @staticmethod
    def _send(runner: _Runner, seconds: float) -> list[Observation]:
        """The next requests. What hinders us from sending, and may pass, is no failure of the mesh."""
        try:
            return runner.send([timed_phase(runner.check, seconds, STREAM_RATE)])
        except NotYet as error:
            return [_failed(runner.sent, "probe_failed", str(error))]
        except ApiError as error:
            if error.status in PERMANENT:
                raise
            return [_failed(runner.sent, "probe_failed", error.sentence())]

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
            sent = [one for one in self.seen[index] if not _not_sent(one)]
            gaps = [one["error"]["detail"] for one in self.seen[index] if _not_sent(one)]
            if not sent:
                found[index] = runner.not_asked(CheckError(gaps[-1] if gaps else "There was no time for a request."))
                continue
            try:
                answers = runner.answers(sent)
            except (ApiError, CheckError) as error:
                found[index] = runner.not_asked(error)
                continue
            if gaps:
                runner.evidence += f"; gaps in which nothing could be sent: {len(gaps)} ({gaps[-1].rstrip('.')})"
            runner.note(answers)
            verdict = judge(runner.check, Sample(0, 1, seconds=STREAM_SECONDS), answers)
            found[index] = runner.report(verdict, answers)
        return found


def start_streams(
    client: Client | None,
    checks: t.Sequence[Check],
    gateway: str | None = None,
    gateway_tls: str | None = None,
    *,
    probe_image: str | None = None,
) -> Streams:
    """Begin the streams among the checks; give the result to ``run_checks``, or call its ``stop``."""
    return Streams(Run(client, gateway, gateway_tls, True, probe_image), checks)


class _Runner:
    """One check on its way to a verdict."""

    def __init__(self, run: Run, check: Check, number: int) -> None:
        self.run = run
        self.check = check
        self.number = number
        self.inside = check.source != HOST
        self.sent = 0
        self.rounds = 0
        self.wrong_until = 0.0
        self.evidence = "the answers"
        self.logged = needs_proxies(check)
        self.address: tuple[str, int] | None = None
        self.started = time.monotonic()

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
        if self.run.client is None:
            raise AssertionError("this check needs a cluster")
        pod = find_pod(self.run.client, request.connect_to, self.check.namespace)
        return str(pod["status"]["podIP"]), port_of(request.url)

    def not_asked(self, error: ApiError | CheckError) -> dict[str, t.Any]:
        """The result where no request could be sent."""
        where = "nothing, no request was sent" if not self.sent else "nothing more, no request could be sent"
        where = "no way in" if isinstance(error, GatewayError) else where
        where = "nothing that proves it" if isinstance(error, NoEvidence) else where
        verdict = Verdict(Decision.WRONG, expected_text(self.check), where, 0)
        return self.report(verdict, [], Diagnosis(str(error), LOGS_ON if isinstance(error, NoEvidence) else ""))

    def report(
        self, verdict: Verdict, answers: t.Sequence[Answer], diagnosis: Diagnosis | None = None
    ) -> dict[str, t.Any]:
        """A verdict with its explanation, as users read it."""
        if not verdict.passed and diagnosis is None:
            diagnosis = self.explain(verdict, answers)
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
            "seconds": round(time.monotonic() - self.started, 3),
            "evidence": self.evidence,
            "failing_samples": verdict.failing,
            "diagnosis": diagnosis.sentence if diagnosis else "",
            "remedy": diagnosis.remedy if diagnosis else "",
            "control": self.check.control,
            # A mutation's documents, a Secret among them perhaps, are nothing for a verdict.
            "fails_in": "mutation" if isinstance(self.check.fails_in, t.Mapping) else self.check.fails_in,
        }

    # -- sending ---------------------------------------------------------

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
            return [_failed(self.sent, "probe_failed", error.sentence())]
        except NotYet as error:
            self.run.leave(self.check)
            return [_failed(self.sent, "probe_failed", str(error))]
        answer = result["jobs"][str(self.number)]
        if answer["error"]:
            return [_failed(self.sent, answer["error"]["kind"], answer["error"]["detail"])]
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
        if self.run.client is None:
            raise AssertionError("this check needs a cluster")
        return send_plan(
            self.run.client, self.run.source(self.check), plan, plan["jobs"][0]["limit"] + last + EXEC_SLACK
        )

    # -- converging ------------------------------------------------------

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
                if self.inside and attempt == 0:  # one exec carries both
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
                answers = [Answer(_failed(self.sent, "probe_failed", error.sentence()))]
                verdict = judge(self.check, Sample(1, 1), answers)
            except NotYet as error:
                away = error
                self.wrong_until = time.monotonic() - self.started
            left = self._left()
            passed = verdict is not None and verdict.passed
            if passed or self.run.once or left <= 0 or self.run.stop.wait(min(pause, left)):
                if verdict is None or away is not None:
                    raise away or AssertionError("a round ends with a verdict")
                return verdict, answers
            pause = min(LAST_PAUSE, pause * GROWTH)

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
        late = self.logged or self.check.expect.traced
        answers = [Answer(one, known=False) for one in seen] if late else self.answers(seen)
        self.note(answers)
        if self.run.once or not any(self.faults(answers)):
            return None, answers
        return judge(self.check, Sample(len(seen), 1), answers), answers

    def count(self, send: Send, sample: Sample, first: Phases) -> tuple[Verdict, list[Answer]]:
        """One attempt: rounds over new connections, ended early where the verdict is clear."""
        seen: list[Observation] = []
        sizes = [] if sample.shares else sample.sizes()
        if sample.seconds:
            seen = send([timed_phase(self.check, sample.seconds, sample.rate)])
            self.rounds += 1
            answers = self.answers(seen)
            self.note(answers)
            return judge(self.check, sample, answers), answers
        while True:
            if sample.shares:
                now = [next_chunk(sample, len(seen), self.inside or self.logged or self.check.expect.traced)]
            elif self.inside or self.logged or self.check.expect.traced:
                now, sizes = sizes, []
            else:
                now = [sizes.pop(0)]
            new = send([*first, *phases_of(self.check, now)])
            seen += new
            first = []
            self.rounds += len(now)
            answers = self.answers(seen, sample)
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

    # -- evidence --------------------------------------------------------

    def answers(self, seen: t.Sequence[Observation], sample: Sample | None = None) -> list[Answer]:
        """Answers with what is known about who gave them; of a sequential ``sample`` as many as decide it."""
        expect = self.check.expect
        if expect.traced:
            return self._by_traces(seen)
        if self.logged:
            found = self._by_logs(seen, sample)
            if found is not None:
                return found
        if expect.served_by and not expect.callee:
            answers, self.evidence = by_answers(seen, self.run.versions_in(self.check.namespace))
            if self.logged:
                self.evidence += " (the proxies write no access log)"
            return answers
        return [Answer(one) for one in seen]

    def _by_logs(self, seen: t.Sequence[Observation], sample: Sample | None) -> list[Answer] | None:
        """Answers joined with the proxies' records; None where the proxies write none."""
        expect = self.check.expect
        service, namespace = self._callee()
        source = self.run.source(self.check) if self.inside else None
        at_callee = self._asks_callee() or not (source and source.meshed)
        wanted = {str(one["agent"]) for one in seen if one.get("agent") and not one.get("error")}
        places: list[tuple[str, t.Sequence[str]]] = []
        if at_callee:
            places.append((namespace, self._pods_of(service, namespace)))
        if source is not None and source.meshed:
            places.append((source.namespace, [source.pod]))
        elif source is None:
            places += self._gateways()
        # Whether a further try or copy was made is only known when every proxy has written its log out.
        pause = LOG_FLUSH if expect.attempts or expect.mirrored else 0.0
        until = time.monotonic() + LOG_PATIENCE
        found: dict[str, list[Record]] = {}
        while not self.run.stop.wait(pause):
            found = by_agent(record for home, pods in places for record in self.run.logs(home, pods))
            if time.monotonic() > until or self._complete(wanted, found, service, at_callee):
                break
            if sample is not None and sample.shares and not at_callee:
                decided = self._decided(seen, sample, found, service)
                if decided:
                    return decided
            pause = LOG_PAUSE
        if wanted and not self._proven(wanted, found, service):
            if expect.served_by and not self._asks_callee() and not expect.upstream_cluster:
                return None
            unknown = [Answer(one, known=False) for one in seen]
            if any(self.faults(unknown)):
                return unknown
            where = f"at {service}" if at_callee else "at the caller"
            raise NoEvidence(f"What proxies must tell is not in their logs: no record of these requests {where}.")
        whose = f"the proxies of {service}" if at_callee else "the caller's proxy"
        self.evidence = f"the access logs of {whose}"
        copies = [label for label, _share in expect.mirrored]
        return by_logs(seen, found, self.run.versions_in(namespace), service, at_callee, copies)

    def _asks_callee(self) -> bool:
        """Whether the check is about what the callee's proxies saw, and not only about who answered."""
        expect = self.check.expect
        return bool(expect.attempts or expect.mirrored or expect.callee)

    def _complete(
        self, wanted: set[str], found: t.Mapping[str, t.Sequence[Record]], service: str, at_callee: bool
    ) -> bool:
        """Whether every request has a record that tells about the service."""
        told = {
            agent for agent, group in found.items() if not at_callee or any(concerns(one, service) for one in group)
        }
        return not wanted or (wanted <= told and self._proven(wanted, found, service))

    def _proven(self, wanted: set[str], found: t.Mapping[str, t.Sequence[Record]], service: str) -> bool:
        """Whether the logs are written that the check rests on: where they are not, nothing in them proves nothing."""
        group = [one for agent in wanted for one in found.get(agent, ())]
        if self.check.expect.upstream_cluster and all(one.inbound for one in group):
            return False
        if self.check.expect.attempts or self.check.expect.mirrored:
            return are_written(group, service)
        # Who has answered, the caller's proxy knows as well as the callee's.
        return any(concerns(one, service) for one in group) if self._asks_callee() else bool(group)

    def _gateways(self) -> list[tuple[str, t.Sequence[str]]]:
        """The ingress gateways' pods, whose records show that logs are written; none where they may not be read."""
        if self.run.client is None:
            raise AssertionError("this check needs a cluster")
        try:
            pods = self.run.client.list("v1", "Pod", label_selector=SELECTOR)
        except ApiError as error:
            if error.status in (401, 403):
                return []
            raise
        return [(pod["metadata"]["namespace"], [pod["metadata"]["name"]]) for pod in pods]

    def _decided(
        self, seen: t.Sequence[Observation], sample: Sample, found: t.Mapping[str, t.Sequence[Record]], service: str
    ) -> list[Answer]:
        """The answers that the caller's log has already, if they prove the shares: its last second need not be waited
        for. A proxy writes its records in order, so which of them are late does not depend on who answered.
        """
        written = [one for one in seen if str(one.get("agent")) in found]
        late = [Answer(one, known=False) for one in seen if str(one.get("agent")) not in found]
        answers = by_logs(written, found, self.run.versions_in(self._callee()[1]), service, at_callee=False)
        if any(self.faults(late)) or judge(self.check, sample, answers).decision is not Decision.RIGHT:
            return []
        self.evidence = "the access logs of the caller's proxy"
        return answers

    def _by_traces(self, seen: t.Sequence[Observation]) -> list[Answer]:
        """Answers with their traces, waited for until all are complete: proxies report their spans with a delay."""
        expect = self.check.expect
        backend = self.run.traces()
        ids = [str(one["trace"]) for one in seen if one.get("trace")]
        self.evidence = f"the traces in {backend.name} ({backend.service})"
        until = time.monotonic() + TRACE_PATIENCE
        # A share cannot be known to be complete: it is looked at when every proxy must have reported.
        pause = 0.0 if expect.trace_share is None else TRACE_PATIENCE
        while True:
            waited = self.run.stop.wait(pause)
            found = backend.traces(ids)
            answers = [Answer(one, trace=found.get(str(one.get("trace")))) for one in seen]
            if waited or time.monotonic() > until or not any(self.faults(answers)):
                return answers
            pause = TRACE_PAUSE

    def _callee(self) -> tuple[str, str]:
        """Name and namespace of the service whose answers count."""
        host = self.check.expect.callee or urlsplit(self.check.request.url).hostname or ""
        parts = host.split(".")
        return parts[0], parts[1] if len(parts) > 1 else (self.check.namespace or "default")

    def _pods_of(self, service: str, namespace: str) -> list[str]:
        client = self.run.client
        if client is None:
            raise AssertionError("this check needs a cluster")
        found = client.get("v1", "Service", service, namespace)
        if found is None and self._asks_callee():
            raise CheckError(
                f"There is no Service {service} in namespace {namespace}, whose proxies are to tell this: name it as "
                "expect.callee, with its namespace where that is another (name.namespace)."
            )
        selector = (found or {}).get("spec", {}).get("selector")
        pods = client.list("v1", "Pod", namespace, label_selector=selector_text(selector)) if selector else []
        running = [str(pod["metadata"]["name"]) for pod in pods if pod.get("status", {}).get("phase") == "Running"]
        if not running and self._asks_callee():
            raise NotYet(f"Service {namespace}/{service} has no running pod whose proxy could tell this.")
        return running

    # -- explaining ------------------------------------------------------

    def explain(self, verdict: Verdict, answers: t.Sequence[Answer]) -> Diagnosis | None:
        """Why it failed, from the verdict, the answers, the proxies' records and the live objects."""
        failing = [one for one, faults in zip(answers, self.faults(answers), strict=True) if faults]
        expect = self.check.expect
        copies = {label for label, share in expect.mirrored if share > 0}
        findings = Findings(
            url=self.check.request.url,
            source=self.check.source,
            namespace=self.check.namespace,
            address=self.address,
            expects_refusal=expect.refused or expect.no_listener or expect.tls_error is not None,
            expected_status=expect.status,
            expected_versions=tuple(label for label, share in expect.served_by if share > 0),
            callee=expect.callee,
            seen=tuple(one.seen for one in failing),
            served=tuple(one.served for one in failing),
            answered_by=frozenset(
                str(pod) for one in answers if (pod := (one.seen.get("extracted") or {}).get("pod")) is not None
            ),
            expected_shares=expect.served_by,
            observed_shares=observed_shares("served_by", answers) if expect.served_by else (),
            shares_are_wrong="served_by" in verdict.wrong_shares,
            latency_min=expect.latency_min,
            expects_quota=expect.admitted is not None,
            expects_copies=bool(copies),
            expects_traces=bool(expect.trace_services or expect.trace_parents or expect.trace_share),
            answers=sum(1 for one in answers if one.known and one.seen.get("status")),
            limited=sum(1 for one in answers if one.seen.get("status") == TOO_MANY),
            copied=sum(1 for one in answers if one.copies & copies),
            traced=sum(1 for one in answers if one.trace is not None),
        )
        if self.run.analysis is not None and self.run.look is not None and self.run.proxies is not None:
            self.run.analysis.begin()
            self.run.proxies.begin()
            findings = self.run.look.into(findings)
            findings = replace(
                findings,
                records=self._records(failing),
                messages=self.run.analysis.messages(),
                proxies=self.run.proxies.found(),
            )
        return diagnose(findings)

    def _records(self, failing: t.Sequence[Answer]) -> tuple[Record, ...]:
        """What the proxies that may be on the way wrote about the failing requests."""
        client, home = self.run.client, self.check.namespace
        wanted = {str(one.seen["agent"]) for one in failing[:EXPLAINED] if one.seen.get("status")}
        if not wanted or client is None:
            return ()
        try:
            pods = client.list("v1", "Pod", home)[:MOST_PODS] if home else []
            if not self.inside:
                pods = [*client.list("v1", "Pod", label_selector=SELECTOR), *pods]
            places = [pod for pod in pods if has_sidecar(pod) and pod.get("status", {}).get("phase") == "Running"]
            if not places:
                return ()
            found: tuple[Record, ...] = ()
            until = time.monotonic() + LOG_PATIENCE
            # A busy proxy writes later than once a second; the last that has not written may be the one that knows.
            while not self.run.stop.wait(LOG_FLUSH):
                found = tuple(
                    record
                    for pod in places
                    for record in self.run.logs(pod["metadata"]["namespace"], [pod["metadata"]["name"]])
                    if record.agent in wanted
                )
                if wanted <= {record.agent for record in found} or time.monotonic() >= until:
                    break
            return found
        except (ApiError, CheckError):
            return ()


def _not_sent(seen: Observation) -> bool:
    """Whether an observation is of our own trouble: nothing was sent."""
    return bool(seen.get("error")) and seen["error"]["kind"] == "probe_failed"


def _failed(number: int, kind: str, detail: str) -> Observation:
    """An observation of a round in which no request could be sent."""
    return {"n": number, "status": None, "error": {"kind": kind, "detail": detail}, "discard": False, "seconds": 0.0}
