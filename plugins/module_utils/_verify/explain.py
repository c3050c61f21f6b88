# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a check has failed: from its verdict, its answers, the proxies' records and the live objects."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .._diagnose import Diagnosis, Findings, concerned, diagnose
from .._explain.request import request_of
from .faults import TOO_MANY, Answer, faults_of
from .oracle import Verdict
from .records import FLUSH, read_records
from .run import Run
from .spec import Check
from .steady import Round
from .tally import observed_shares


def explain(
    run: Run,
    check: Check,
    address: tuple[str, int] | None,
    verdict: Verdict,
    rounds: t.Sequence[Round],
    world: t.Hashable = None,
) -> Diagnosis | None:
    """The first diagnosis that fits. ``address`` is what requests were sent to, where it is not the URL's own host.

    ``rounds`` are those that have failed alike in the same ``world``, the state of a mesh that rests. The last is
    explained; of an earlier one the proxies' records are written already, and say the same.
    """
    findings = findings_of(check, address, verdict, rounds[-1].answers)
    findings = replace(findings, desired=run.desired, attendee=run.attendee)
    written = next((one for one in reversed(rounds) if one.age() >= FLUSH), rounds[-1])
    evidence = run.evidence(world)
    evidence.begin()
    findings = evidence.look.into(findings)
    with ThreadPoolExecutor(1) as pool:
        configs = pool.submit(evidence.configs.of, concerned(findings))
        failing = [one for one in written.answers if faults_of(check.expect, one)]
        records = read_records(run, check, failing, findings.of("Pod"), written.age())
        findings = replace(
            findings,
            records=records,
            messages=evidence.analysis.messages(),
            proxies=evidence.proxies.found(),
            configs=configs.result(),
            unseen=(*evidence.configs.refused(), *unread_logs(run)),
        )
    return diagnose(findings)


def prepare(run: Run, check: Check, world: t.Hashable) -> None:
    """Look at a mesh that rests while a check keeps failing in it: it will be explained by what is seen now."""
    request = check.request
    asked = Findings(
        url=request.url,
        source=check.source,
        namespace=check.namespace,
        desired=run.desired,
        request=request_of(request.url, request.method, request.headers, request.protocol),
    )
    run.evidence(world).ahead(asked)


def unread_logs(run: Run) -> t.Iterator[str]:
    """Whose logs may not be read, as a sentence."""
    if run.unread_logs:
        pods = sorted(run.unread_logs)
        whose = f"pod {pods[0]}" if len(pods) == 1 else f"pods {', '.join(pods)}"
        yield f"What the proxies of {whose} wrote about the request cannot be read (no right to get pods/log)."


def _is_uncounted(check: Check, answers: t.Sequence[Answer]) -> bool:
    """Whether all that is wrong is that the proxies count nothing."""
    silent = bool(answers) and all(one.measured is not None and one.measured.silent for one in answers)
    return silent and all(fault.startswith("metric ") for one in answers for fault in faults_of(check.expect, one))


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
        latency_max=expect.latency_max,
        expects_quota=expect.admitted is not None,
        expects_copies=bool(copies),
        copy_shares=expect.mirrored,
        expects_traces=bool(expect.trace_services or expect.trace_parents or expect.trace_share),
        answers=sum(1 for one in answers if one.known and one.seen.get("status")),
        limited=sum(1 for one in answers if one.seen.get("status") == TOO_MANY),
        copied=sum(1 for one in answers if one.copies & copies),
        expects_logging=bool(expect.logged),
        uncounted=_is_uncounted(check, answers),
        traced=sum(1 for one in answers if one.trace is not None),
        request=request_of(check.request.url, check.request.method, check.request.headers, check.request.protocol),
        session=check.request.session is not None,
        connect_to=check.request.connect_to or "",
        status_shares=tuple((int(status), share) for status, share in expect.status_shares),
        expected_headers=tuple(name for name, _text in expect.headers),
    )
