# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a check has failed: from its verdict, its answers, the proxies' records and the live objects."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from .._diagnose import Diagnosis, Findings, concerned, diagnose
from .._explain.request import request_of
from .._istio.pods import has_sidecar
from .._kube.errors import ApiError
from .._observe.access_log import Record
from .._observe.errors import CheckError
from .._observe.gateway import SELECTOR
from .faults import TOO_MANY, Answer, faults_of
from .gather import LOG_FLUSH, LOG_PATIENCE
from .oracle import Verdict
from .run import Run
from .spec import Check
from .spec.types import HOST
from .tally import observed_shares

EXPLAINED = 5
"""Failing requests that a diagnosis follows through the proxies."""
MOST_PODS = 40


def explain(
    run: Run, check: Check, address: tuple[str, int] | None, verdict: Verdict, answers: t.Sequence[Answer]
) -> Diagnosis | None:
    """The first diagnosis that fits. ``address`` is what requests were sent to, where it is not the URL's own host."""
    findings = replace(findings_of(check, address, verdict, answers), desired=run.desired)
    if run.analysis is not None and run.look is not None and run.proxies is not None:
        run.analysis.begin()
        run.proxies.begin()
        findings = run.look.into(findings)
        findings = replace(
            findings,
            records=_records(run, check, [one for one in answers if faults_of(check.expect, one)]),
            messages=run.analysis.messages(),
            proxies=run.proxies.found(),
        )
    if run.configs is not None:
        findings = replace(findings, configs=run.configs.of(concerned(findings)))
    return diagnose(findings)


def findings_of(
    check: Check, address: tuple[str, int] | None, verdict: Verdict, answers: t.Sequence[Answer]
) -> Findings:
    """What is known of a failed check by its answers alone."""
    failing = [one for one in answers if faults_of(check.expect, one)]
    expect = check.expect
    copies = {label for label, share in expect.mirrored if share > 0}
    return Findings(
        url=check.request.url,
        source=check.source,
        namespace=check.namespace,
        address=address,
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
        request=request_of(check.request.url, check.request.method, check.request.headers, check.request.protocol),
        session=check.request.session is not None,
        connect_to=check.request.connect_to or "",
        status_shares=tuple((int(status), share) for status, share in expect.status_shares),
        expects_headers=bool(expect.headers),
    )


def _records(run: Run, check: Check, failing: t.Sequence[Answer]) -> tuple[Record, ...]:
    """What the proxies that may be on the way wrote about the failing requests."""
    client, home = run.client, check.namespace
    wanted = {str(one.seen["agent"]) for one in failing[:EXPLAINED] if one.seen.get("status")}
    if not wanted or client is None:
        return ()
    try:
        pods = client.list("v1", "Pod", home)[:MOST_PODS] if home else []
        if check.source == HOST:
            pods = [*client.list("v1", "Pod", label_selector=SELECTOR), *pods]
        places = [pod for pod in pods if has_sidecar(pod) and pod.get("status", {}).get("phase") == "Running"]
        if not places:
            return ()
        found: tuple[Record, ...] = ()
        until = time.monotonic() + LOG_PATIENCE
        # A busy proxy writes later than once a second; the last that has not written may be the one that knows.
        while not run.stop.wait(LOG_FLUSH):
            found = tuple(
                record
                for pod in places
                for record in run.logs(pod["metadata"]["namespace"], [pod["metadata"]["name"]])
                if record.agent in wanted
            )
            if wanted <= {record.agent for record in found} or time.monotonic() >= until:
                break
        return found
    except (ApiError, CheckError):
        return ()
