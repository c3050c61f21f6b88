# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins what the probe saw with what the proxies and the tracing backend know about the same requests."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace
from urllib.parse import urlsplit

from .._istio.gateways import GATEWAY_SELECTOR
from .._kube.errors import ApiError
from .._kube.objects import selector_text
from .._observe.access_log import Record, by_agent
from .._observe.errors import CheckError, NotYet
from .._observe.metrics import Prometheus
from .evidence import NoEvidence, are_written, by_answers, by_logs, concerns
from .faults import Answer, Measured, faults_of, is_measured
from .oracle import judge
from .plan import Sample, needs_proxies
from .run import Observation, Run
from .spec import Check
from .spec.types import HOST, Metric
from .statistics import Decision

LOG_PATIENCE = 3.0
"""Seconds to wait for a record: unless told otherwise, proxies write their logs out once a second."""
LOG_PAUSE = 0.15
LOG_LATE = 0.2
"""Seconds that a record may come later than its proxy writes its log out."""
READ_PATIENCE, READ_PAUSE = 40.0, 0.25
"""Seconds to wait until Prometheus has read all proxies once more: operators read every 30 seconds by default."""
SETTLE = 6.0
"""What is not right is asked again for so long: Envoy adds to its histograms every 5 seconds (stats_flush_interval)."""
TRACE_LATE, TRACE_PAUSE = 3.0, 0.25
"""Seconds that a trace may come later than its proxies send their spans."""


def any_faults(check: Check, answers: t.Sequence[Answer]) -> bool:
    """Whether one of the answers is wrong by itself."""
    return any(faults_of(check.expect, one) for one in answers)


class Gatherer:
    """What one check's evidence rests on: the answers themselves, the proxies' logs, traces, or metrics."""

    def __init__(self, run: Run, check: Check) -> None:
        self.run = run
        self.check = check
        self.inside = check.source != HOST
        self.logged = needs_proxies(check)
        self.evidence = "the answers"
        self.before = 0.0
        """What the metric was before the requests that count,"""
        self.counted = 0.0
        """and how many requests all proxies had counted."""

    def begin(self) -> None:
        """Look at the metric before the requests that count: what came earlier is read by then."""
        metric = self.check.expect.metric
        if metric is None:
            return
        prometheus = self.run.metrics()
        self.evidence = f"the metrics in Prometheus ({prometheus.service})"
        prometheus.number(metric.query)  # one that cannot be asked is told at once
        if metric.grows:
            self._await_reading(prometheus)
            self.before = prometheus.number(metric.query) or 0.0
            self.counted = prometheus.counted()
        else:
            prometheus.read_until()

    def _await_reading(self, prometheus: Prometheus) -> None:
        """Wait until Prometheus has read every proxy after now. Raises NotYet where it does not."""
        now = prometheus.now()
        until = time.monotonic() + READ_PATIENCE
        while prometheus.read_until() <= now:
            if time.monotonic() > until or self.run.stop.wait(READ_PAUSE):
                raise NotYet(
                    f"Prometheus ({prometheus.service}) has not read all proxies for {READ_PATIENCE:g} s: look at its "
                    "targets, or let it read them more often."
                )

    def _by_metric(self, metric: Metric, seen: t.Sequence[Observation]) -> list[Answer]:
        """Answers with what the metric was when Prometheus had read what they have done."""
        prometheus = self.run.metrics()
        self._await_reading(prometheus)
        until = time.monotonic() + (0.0 if metric.share is not None else SETTLE)
        while True:
            value = prometheus.number(metric.query)
            measured = Measured(value, (value or 0.0) - self.before, len(seen))
            waited = is_measured(metric, measured) or time.monotonic() > until or self.run.stop.wait(READ_PAUSE)
            if waited or (metric.each is not None and measured.grown > metric.each * len(seen)):
                break
        if metric.grows and measured.grown == 0:
            measured = replace(measured, silent=prometheus.counted() <= self.counted)
        return [Answer(one, measured=measured) for one in seen]

    def answers(self, seen: t.Sequence[Observation], sample: Sample | None = None) -> list[Answer]:
        """Answers with what is known about who gave them; of a sequential ``sample`` as many as decide it."""
        expect = self.check.expect
        if expect.metric is not None:
            return self._by_metric(expect.metric, seen)
        if expect.traced:
            return self._by_traces(seen)
        if expect.logged:
            return self._by_own_log(seen)
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
        # Whether a further try or copy was made is only known when every proxy of the callee has written its log out.
        pause = self._flushed(places[:1]) if expect.attempts or expect.mirrored else 0.0
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
            if any_faults(self.check, unknown):
                return unknown
            where = f"at {service}" if at_callee else "at the caller"
            raise NoEvidence(f"The proxies' logs have no record of these requests {where}.")
        whose = f"the proxies of {service}" if at_callee else "the caller's proxy"
        self.evidence = f"the access logs of {whose}"
        copies = [label for label, _share in expect.mirrored]
        return by_logs(seen, found, self.run.versions_in(namespace), service, at_callee, copies)

    def _by_own_log(self, seen: t.Sequence[Observation]) -> list[Answer]:
        """Answers with whether the caller's proxy has written about them. It has written all that it will by then."""
        source = self.run.source(self.check)
        pod = f"{source.namespace}/{source.pod}"
        if not source.meshed:
            raise NoEvidence(f"Pod {pod} has no sidecar that could log these requests.")
        self.evidence = "the access log of the caller's proxy"
        until = time.monotonic() + LOG_PATIENCE
        pause = self._flushed([(source.namespace, [source.pod])])
        while True:
            waited = self.run.stop.wait(pause)
            found = by_agent(one for one in self.run.logs(source.namespace, [source.pod]) if not one.inbound)
            if pod in self.run.unread_logs:
                raise NoEvidence(f"The log of the proxy in pod {pod} may not be read.")
            answers = [Answer(one, logged=str(one.get("agent")) in found) for one in seen]
            if waited or time.monotonic() > until or not any_faults(self.check, answers):
                return answers
            pause = LOG_PAUSE

    def _flushed(self, places: t.Iterable[tuple[str, t.Sequence[str]]]) -> float:
        """Seconds until the proxies of these pods have written out what they know."""
        return max((self.run.log_flush(home, pods) for home, pods in places), default=0.0) + LOG_LATE

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
        try:
            pods = self.run.client.list("v1", "Pod", label_selector=GATEWAY_SELECTOR)
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
        if any_faults(self.check, late) or judge(self.check, sample, answers).decision is not Decision.RIGHT:
            return []
        self.evidence = "the access logs of the caller's proxy"
        return answers

    def _by_traces(self, seen: t.Sequence[Observation]) -> list[Answer]:
        """Answers with their traces, waited for until all are complete: proxies report their spans with a delay."""
        expect = self.check.expect
        backend = self.run.traces()
        ids = [str(one["trace"]) for one in seen if one.get("trace")]
        self.evidence = f"the traces in {backend.name} ({backend.service})"
        patience = self.run.span_flush(self.check.namespace) + TRACE_LATE
        until = time.monotonic() + patience
        # A share cannot be known to be complete: it is looked at when every proxy must have reported.
        pause = 0.0 if expect.trace_share is None else patience
        while True:
            waited = self.run.stop.wait(pause)
            found = backend.traces(ids)
            answers = [Answer(one, trace=found.get(str(one.get("trace")))) for one in seen]
            if waited or time.monotonic() > until or not any_faults(self.check, answers):
                return answers
            pause = TRACE_PAUSE

    def _callee(self) -> tuple[str, str]:
        """Name and namespace of the service whose answers count."""
        host = self.check.expect.callee or urlsplit(self.check.request.url).hostname or ""
        parts = host.split(".")
        return parts[0], parts[1] if len(parts) > 1 else (self.check.namespace or "default")

    def _pods_of(self, service: str, namespace: str) -> list[str]:
        client = self.run.client
        found = client.get("v1", "Service", service, namespace)
        if found is None and self._asks_callee():
            raise CheckError(
                f"There is no Service {service} in namespace {namespace}, whose proxies should have logged this: name "
                "it as expect.callee, with its namespace where that is another (name.namespace)."
            )
        selector = (found or {}).get("spec", {}).get("selector")
        pods = client.list("v1", "Pod", namespace, label_selector=selector_text(selector)) if selector else []
        running = [str(pod["metadata"]["name"]) for pod in pods if pod.get("status", {}).get("phase") == "Running"]
        if not running and self._asks_callee():
            raise NotYet(f"Service {namespace}/{service} has no running pod whose proxy could log this.")
        return running
