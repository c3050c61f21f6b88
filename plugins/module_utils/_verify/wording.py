# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check expects and what was observed, each as one phrase."""

from __future__ import annotations

import typing as t
from collections import Counter

from .faults import ERRORS, Answer, label_of, measured_text, times
from .plan import TRACED
from .spec import Check
from .spec.types import GRPC_CODES, Admitted, Attempts, Metric, Some, Text
from .tally import admitted_at, average, category, hits, is_offered, pace_of, seconds_taken


def expected_text(check: Check) -> str:
    """What is expected, as one phrase."""
    expect = check.expect
    parts: list[str] = []
    if expect.refused:
        parts.append("connection closed without an answer")
    if expect.no_listener:
        parts.append("connection refused (no listener)")
    if expect.tls_error is not None:
        parts.append(ERRORS[f"tls_{expect.tls_error}"])
    if expect.tls_peer is not None:
        parts.append(f"peer {expect.tls_peer}")
    if expect.grpc_status is not None:
        parts.append(f"gRPC status {GRPC_CODES[expect.grpc_status]}")
    if expect.status:
        parts.append("status " + " or ".join(str(code) for code in expect.status))
    if expect.status_shares:
        parts.append("status " + _share_text(expect.status_shares))
    if expect.some is not None:
        parts.append(_some_text(expect.some))
    if expect.served_by:
        parts.append("served by " + _share_text(expect.served_by))
    if expect.upstream_cluster is not None:
        parts.append("cluster " + _text_text(expect.upstream_cluster))
    if expect.attempts is not None:
        parts.append(_attempts_text(expect.attempts))
    if expect.mirrored:
        parts.append("copied to " + _share_text(expect.mirrored))
    if expect.admitted is not None:
        parts.append(_quota_text(expect.admitted))
    if expect.trace_services:
        parts.append(f"trace with {', '.join(expect.trace_services)}")
    if expect.trace_parents:
        parts.append("trace in which " + ", ".join(f"{child} is called by {by}" for child, by in expect.trace_parents))
    if expect.trace_share is not None:
        parts.append(f"{expect.trace_share * 100:g} % traced")
    if expect.metric is not None:
        parts.append(_metric_text(expect.metric))
    if expect.logged:
        parts.append(f"logged by the caller's proxy only with status {' or '.join(map(str, expect.logged))}")
    if expect.failures is not None:
        parts.append(f"at most {expect.failures} failures while requests went on")
    if expect.body is not None:
        parts.append("body " + _text_text(expect.body))
    parts += [f"header {name} {_text_text(text)}" for name, text in expect.headers]
    low, high = expect.latency_min, expect.latency_max
    if low is not None and high is not None:
        parts.append(f"{low:g} to {high:g} s")
    elif high is not None:
        parts.append(f"at most {high:g} s")
    elif low is not None:
        parts.append(f"at least {low:g} s")
    return ", ".join(parts)


def _metric_text(metric: Metric) -> str:
    if metric.each is not None:
        wanted = f"grows by {metric.each} with each request"
    elif metric.share is not None:
        wanted = f"grows with {metric.share * 100:g} % of the requests"
    elif metric.above is not None and metric.below is not None:
        wanted = f"is {metric.above:g} to {metric.below:g}"
    elif metric.above is not None:
        wanted = f"is at least {metric.above:g}"
    else:
        wanted = f"is at most {metric.below:g}"
    return f"metric {wanted}"


def _quota_text(admitted: Admitted) -> str:
    pace = pace_of(admitted)
    timed = f"{pace.count} in {pace.earliest:.3g} to {pace.latest:.3g} s"
    return f"{admitted.count} admitted per {admitted.seconds:g} s ({timed}), the rest 429"


def _admitted_text(admitted: Admitted, answers: t.Sequence[Answer]) -> str:
    taken = seconds_taken(admitted, answers)
    pace = "" if taken is None else f", {pace_of(admitted).count} of them in {taken:.3g} s"
    slow = "" if is_offered(admitted, answers) else ", but too few were offered at times to tell"
    return f"{len(admitted_at(answers))} admitted{pace}{slow}"


def _attempts_text(attempts: Attempts) -> str:
    if attempts.each is not None:
        return f"{times(attempts.each)} at the callee"
    bounds = [f"more than {attempts.above:g}"] if attempts.above is not None else []
    bounds += [f"at most {attempts.below:g}"] if attempts.below is not None else []
    return " and ".join(bounds) + " tries per request"


def _some_text(some: Some) -> str:
    headers = "".join(f" with header {name} {_text_text(text)}" for name, text in some.headers)
    return f"at least {some.share * 100:g} % status {some.status}{headers}"


def _share_text(shares: t.Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{label} {share * 100:g} %" for label, share in shares)


def _text_text(text: Text) -> str:
    parts = [f"with {part!r}" for part in text.contains] + [f"without {part!r}" for part in text.lacks]
    if text.equals is not None:
        parts.append(repr(text.equals))
    parts += [f"matching {part!r}" for part in text.matches]
    if text.present is not None:
        parts.append("present" if text.present else "absent")
    return ", ".join(parts)


def observed_text(check: Check, answers: t.Sequence[Answer], faults: t.Sequence[t.Sequence[str]]) -> str:
    n = len(answers)
    if n == 0:
        return "no answer was counted"
    expect = check.expect
    parts: list[str] = []
    wrong = Counter(fault for found in faults for fault in found)
    answered = any(one.seen.get("error") is None for one in answers)
    for wanted, kind, prefix in (
        (bool(expect.served_by) and all(one.known for one in answers), "served_by", "served by "),
        (bool(expect.status_shares or expect.some), "status", "status "),
    ):
        if wanted and answered:
            counts = Counter(category(kind, one) for one in answers)
            parts.append(prefix + ", ".join(f"{label} {_part(k, n)}" for label, k in counts.most_common(5)))
            wrong = Counter({fault: k for fault, k in wrong.items() if not fault.startswith(prefix)})
    if expect.mirrored and all(one.known for one in answers):
        shares = [f"{label} {_part(hits('mirrored', label, answers), n)}" for label, _share in expect.mirrored]
        parts.append("copied to " + ", ".join(shares))
        wrong = Counter({fault: k for fault, k in wrong.items() if "copy at " not in fault})
    if expect.trace_share is not None and all(one.known for one in answers):
        parts.append(f"{_part(hits('traced', TRACED, answers), n)} traced")
        wrong = Counter({fault: k for fault, k in wrong.items() if fault not in ("a trace", "no trace")})
    if expect.metric is not None and answers[-1].measured is not None:
        parts.append(measured_text(expect.metric, answers[-1].measured))
        wrong = Counter({fault: k for fault, k in wrong.items() if not fault.startswith("metric ")})
    if expect.attempts is not None and expect.attempts.each is None and all(one.known for one in answers):
        parts.append(f"{average(answers):.3g} tries per request")
    parts += [f"{fault} ({k} of {n})" if k < n else fault for fault, k in wrong.most_common(3)]
    if expect.admitted is not None:
        parts.insert(0, _admitted_text(expect.admitted, answers))
    if expect.failures is not None:
        parts.insert(0, f"{sum(1 for found in faults if found)} failures")
    if not parts:
        counts = Counter(label_of(one.seen) for one in answers)
        parts.append(", ".join(f"{label} ({k} of {n})" if k < n else label for label, k in counts.most_common(3)))
        if expect.attempts is not None:
            parts.append(_attempts_text(expect.attempts))
        if expect.latency_min is not None or expect.latency_max is not None:
            times = sorted(one.seen.get("seconds", 0.0) for one in answers)
            parts.append(f"{times[0]:.2f} to {times[-1]:.2f} s")
    return f"{'; '.join(parts)} in {n} {'request' if n == 1 else 'requests'}"


def _part(k: int, n: int) -> str:
    return f"{100.0 * k / n:.3g} %"
