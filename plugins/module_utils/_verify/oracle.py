# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oracle: pure functions from observations to a verdict.

Each answer is first judged by itself (``faults_of``): wrong status, wrong version, too slow. Then the sample is judged
as a whole: no wrong answer where everything must be right, and the exact test where answers are shared out.
"""

from __future__ import annotations

import math
import re
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._observe.access_log import Record
from .._observe.traces import Trace
from .plan import KEEP_BODY, QUOTA_ENOUGH, QUOTA_INTERVALS, TRACED, Sample
from .spec.types import GRPC_CODES, Admitted, Attempts, Check, Expect, Some, Text
from .statistics import Decision, acceptance, interval, mean_is_above, mean_is_below, share_is_above, tolerated

Observation = t.Mapping[str, t.Any]

NOBODY = "nobody"
NO_CLUSTER = "cluster is missing"
"""The caller's proxy has no record of the request."""
TOO_MANY = 429
SHOWN_SAMPLES = 3
MORE_TRIES = 2
"""A request is tried at most so many times more often than ``attempts.below`` says, or that is not shown."""
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")
HIDDEN = "********"

ERRORS = {
    "connection_refused": "connection refused",
    "reset_before_response": "connection closed without an answer",
    "timeout_connect": "no connection in time",
    "timeout_response": "no answer in time",
    "dns_failure": "name not found",
    "unreachable": "address unreachable",
    "partial_response": "answer broke off",
    "not_http": "answer is not HTTP",
    "stream_reset": "HTTP/2 stream reset",
    "login_failed": "login failed",
    "probe_failed": "the probe could not ask",
    "tls_untrusted_ca": "certificate of an unknown CA",
    "tls_wrong_name": "certificate for another name",
    "tls_expired": "certificate expired",
    "tls_certificate_required": "client certificate required",
    "tls_not_spoken": "no TLS spoken there",
    "tls_handshake": "TLS handshake failed",
}


@dataclass(frozen=True)
class Answer:
    """What came back to one request, and what the proxies know about it."""

    seen: Observation
    served: str | None = None
    """Version of the workload that answered, None where nobody did."""
    known: bool = True
    """Whether ``served``, ``tries`` and ``copies`` rest on evidence; without it they are not judged."""
    tries: int | None = None
    """How often the callee's proxies saw the request."""
    copies: frozenset[str] = frozenset()
    """Versions whose proxies saw a mirrored copy of it."""
    records: tuple[Record, ...] = ()
    trace: Trace | None = None
    """The request's trace, None where there is none."""


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


def text_faults(text: Text, value: str | None, what: str) -> list[str]:
    """What is wrong with a text (None: it is not there)."""
    if text.present is False:
        return [] if value is None else [f"{what} is there"]
    if value is None:
        wanted = text.present or text.contains or text.equals is not None or text.matches
        return [f"{what} is missing"] if wanted else []
    faults = [f"{what} lacks {part!r}" for part in text.contains if part not in value]
    faults += [f"{what} contains {part!r}" for part in text.lacks if part in value]
    if text.equals is not None and value != text.equals:
        faults.append(f"{what} is {_short(value)!r}")
    faults += [f"{what} does not match {part!r}" for part in text.matches if not re.search(part, value)]
    return faults


def _body_faults(text: Text, seen: Observation) -> list[str]:
    """What is wrong with a body. Of one that was cut, what stands in the rest is not known."""
    faults = text_faults(text, seen.get("body", ""), "body")
    if not seen.get("truncated"):
        return faults
    certain = [fault for fault in faults if fault.startswith("body contains ")]
    if certain or not (faults or text.lacks or text.equals is not None):
        return certain
    return [f"the body is longer than the {KEEP_BODY // 1024} KB that are kept"]


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "..."


def faults_of(expect: Expect, answer: Answer) -> list[str]:
    """What is wrong with one answer, apart from shares. Empty: it is as expected."""
    seen = answer.seen
    error = seen.get("error")
    for wanted, kind in (
        (expect.refused, "reset_before_response"),
        (expect.no_listener, "connection_refused"),
        (expect.tls_error, f"tls_{expect.tls_error}"),
    ):
        if wanted:
            return [] if error and error["kind"] == kind else [label_of(seen)]
    if error:
        return [label_of(seen)]
    faults: list[str] = []
    status = seen["status"]
    counts_answers = expect.failures is not None or expect.admitted is not None
    if counts_answers and not expect.status and (status or 0) >= 500:
        faults.append(f"status {status}")
    if expect.admitted is not None and status == TOO_MANY:
        return []
    if expect.status and status not in expect.status:
        faults.append(f"status {status}")
    if expect.status_shares and str(status) not in [label for label, share in expect.status_shares if share > 0]:
        faults.append(f"status {status}")
    if expect.tls_peer is not None and expect.tls_peer not in seen.get("peer", ()):
        faults.append(f"peer {', '.join(seen.get('peer', ())) or 'without a URI'}")
    if expect.grpc_status is not None and grpc_code(seen) != expect.grpc_status:
        faults.append(label_of(seen))
    if answer.known:
        faults += _faults_by_proxies(expect, answer)
    if expect.body is not None:
        faults += _body_faults(expect.body, seen)
    faults += _header_faults(expect.headers, seen)
    if expect.some is not None and status == expect.some.status:
        faults += _header_faults(expect.some.headers, seen)
    seconds = seen.get("seconds", 0.0)
    if expect.latency_max is not None and seconds > expect.latency_max:
        faults.append(f"took {seconds:.2f} s")
    if expect.latency_min is not None and seconds < expect.latency_min:
        faults.append(f"took {seconds:.2f} s")
    return faults


def _header_faults(wanted: t.Sequence[tuple[str, Text]], seen: Observation) -> list[str]:
    fields: dict[str, str] = {}
    for name, value in seen.get("headers", []) if wanted else ():
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return [fault for name, text in wanted for fault in text_faults(text, fields.get(name), f"header {name}")]


def _faults_by_proxies(expect: Expect, answer: Answer) -> list[str]:
    faults = []
    if expect.served_by and answer.served not in [label for label, share in expect.served_by if share > 0]:
        faults.append(f"served by {answer.served or NOBODY}")
    if expect.attempts is not None and expect.attempts.each not in (None, answer.tries):
        faults.append(f"{_times(answer.tries or 0)} at the callee")
    if expect.upstream_cluster is not None:
        clusters = [record.cluster for record in answer.records if not record.inbound]
        faults += text_faults(expect.upstream_cluster, clusters[-1] or "none", "cluster") if clusters else [NO_CLUSTER]
    faults += _faults_of_trace(expect, answer.trace)
    for label, share in expect.mirrored:
        if share == 1.0 and label not in answer.copies:
            faults.append(f"no copy at {label}")
        if share == 0.0 and label in answer.copies:
            faults.append(f"a copy at {label}")
    return faults


def _faults_of_trace(expect: Expect, trace: Trace | None) -> list[str]:
    if expect.trace_share == 0.0 and trace is not None:
        return ["a trace"]
    if not (expect.trace_services or expect.trace_parents or expect.trace_share == 1.0):
        return []
    if trace is None:
        return ["no trace"]
    faults = [f"trace without {name}" for name in expect.trace_services if name not in trace.services]
    for child, parent in expect.trace_parents:
        found = trace.parents_of(child)
        if parent not in found:
            faults.append(f"in the trace {child} is called by {', '.join(sorted(found)) or NOBODY}")
    return faults


def label_of(seen: Observation) -> str:
    """What came back, in a word or two."""
    error = seen.get("error")
    if error:
        return ERRORS.get(error["kind"], str(error["kind"]))
    code = grpc_code(seen)
    if code is not None:
        return f"gRPC status {GRPC_CODES[code] if code < len(GRPC_CODES) else code}"
    return f"status {seen['status']}" if seen["status"] else "connected"


def grpc_code(seen: Observation) -> int | None:
    """The gRPC status of an answer, from its trailers or headers."""
    text = dict(seen.get("headers") or ()).get("grpc-status", "")
    return int(text) if text.isdigit() else None


def _times(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


def _attempts_text(attempts: Attempts) -> str:
    if attempts.each is not None:
        return f"{_times(attempts.each)} at the callee"
    bounds = [f"more than {attempts.above:g}"] if attempts.above is not None else []
    bounds += [f"at most {attempts.below:g}"] if attempts.below is not None else []
    return " and ".join(bounds) + " tries per request"


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
        least, most = admitted_range(expect.admitted)
        parts.append(
            f"{expect.admitted.count} admitted per {expect.admitted.seconds:g} s ({math.ceil(least)} to {most:g} in "
            f"{expect.admitted.seconds * QUOTA_INTERVALS:g} s), the rest 429"
        )
    if expect.trace_services:
        parts.append(f"trace with {', '.join(expect.trace_services)}")
    if expect.trace_parents:
        parts.append("trace in which " + ", ".join(f"{child} is called by {by}" for child, by in expect.trace_parents))
    if expect.trace_share is not None:
        parts.append(f"{expect.trace_share * 100:g} % traced")
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
    elif not _average_is_right(check.expect.attempts, sample.error, answers) or not _enough(
        check.expect.some, sample.error, answers
    ):
        decision = Decision.WRONG
        if _average_is_right(check.expect.attempts, 0.5, answers) and _enough(check.expect.some, 0.5, answers):
            unproven = "; so few requests do not prove it"
    ranges = _tolerated(sample)
    return Verdict(
        decision=decision,
        expected=expected_text(check) + (_weaker(sample, ranges) if sample.shares else ""),
        observed=_observed(check, answers, faults) + unproven,
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


def admitted_range(admitted: Admitted) -> tuple[float, float]:
    """How many requests a right quota admits over QUOTA_INTERVALS, if more are offered all the time.

    Intervals that begin on their own (a token bucket, or the unit of the clock) touch one more than they fill, so
    there is one interval of play upwards. Downwards half of one is left for a load that starts late.
    """
    return admitted.count * (QUOTA_INTERVALS - 0.5), admitted.count * (QUOTA_INTERVALS + 1.0)


def _admitted_count(answers: t.Sequence[Answer]) -> int:
    return sum(1 for one in answers if one.seen.get("status") not in (None, TOO_MANY))


def _offered(admitted: Admitted, answers: t.Sequence[Answer]) -> bool:
    """Whether clearly more than the quota was offered all the time: a sender that stalls proves nothing."""
    times = sorted(one.seen["started"] for one in answers if one.seen.get("started") is not None)
    if not times:
        return False
    counts = Counter(int((time - times[0]) / admitted.seconds) for time in times)
    return all(counts[number] >= QUOTA_ENOUGH * admitted.count for number in range(QUOTA_INTERVALS))


def _quota(admitted: Admitted, answers: t.Sequence[Answer]) -> Decision:
    if not _offered(admitted, answers):
        return Decision.WRONG
    low, high = admitted_range(admitted)
    return Decision.RIGHT if low <= _admitted_count(answers) <= high else Decision.WRONG


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


def _average(answers: t.Sequence[Answer]) -> float:
    return sum(one.tries or 0 for one in answers) / max(1, len(answers))


def hits(kind: str, label: str, answers: t.Sequence[Answer]) -> int:
    """How many answers fall into a category of what is shared out."""
    if kind == "traced":
        return sum(1 for one in answers if one.trace is not None)
    if kind == "mirrored":
        return sum(1 for one in answers if label in one.copies)
    return sum(1 for one in answers if category(kind, one) == label)


def category(kind: str, answer: Answer) -> str:
    """The category of an answer."""
    if kind == "served_by":
        return answer.served or NOBODY
    error = answer.seen.get("error")
    return str(error["kind"]) if error else str(answer.seen["status"])


def observed_shares(kind: str, answers: t.Sequence[Answer]) -> tuple[tuple[str, float], ...]:
    """What part of the answers each category has, the largest first."""
    counts = Counter(category(kind, one) for one in answers)
    return tuple((label, count / len(answers)) for label, count in counts.most_common())


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


def _observed(check: Check, answers: t.Sequence[Answer], faults: t.Sequence[t.Sequence[str]]) -> str:
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
    if expect.attempts is not None and expect.attempts.each is None and all(one.known for one in answers):
        parts.append(f"{_average(answers):.3g} tries per request")
    parts += [f"{fault} ({k} of {n})" if k < n else fault for fault, k in wrong.most_common(3)]
    if expect.admitted is not None:
        slow = "" if _offered(expect.admitted, answers) else ", but too few were offered at times to tell"
        parts.insert(0, f"{_admitted_count(answers)} admitted{slow}")
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


def _intervals(check: Check, answers: t.Sequence[Answer], wrong: int) -> dict[str, list[float]]:
    """Exact 99 % intervals, in percent: of each share that is judged, and of wrong answers."""
    n = len(answers)
    if n == 0:
        return {}
    expect = check.expect
    found: dict[str, list[float]] = {}
    for kind, shares in (
        ("served_by", expect.served_by),
        ("status", expect.status_shares),
        ("mirrored", expect.mirrored),
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
