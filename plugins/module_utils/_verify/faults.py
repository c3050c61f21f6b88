# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with one answer by itself: wrong status, wrong version, too slow."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._istio.patterns import is_found
from .._observe.access_log import Record
from .._observe.traces import Trace
from .plan import KEEP_BODY
from .probe.wire import whole
from .spec.types import GRPC_CODES, Expect, Metric, Text

Observation = t.Mapping[str, t.Any]

NO_VERSION = "no version"
NO_CLUSTER = "cluster is missing"
"""The caller's proxy has no record of the request."""
TOO_MANY = 429

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
class Measured:
    """What a metric was after a check's requests, None for nothing, and by how much it had grown with them."""

    value: float | None
    grown: float
    requests: int
    silent: bool = False
    """Whether no proxy of the mesh has counted a request meanwhile."""


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
    logged: bool | None = None
    """Whether the caller's proxy has a record of it; None where nobody has looked."""
    measured: Measured | None = None
    """What the metric was after all requests of the sample: the same for each of them."""


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
    faults += [f"{what} does not match {part!r}" for part in text.matches if not is_found(part, value)]
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
        faults.append(f"served by {answer.served or NO_VERSION}")
    if expect.attempts is not None and expect.attempts.each not in (None, answer.tries):
        faults.append(f"{times(answer.tries or 0)} at the callee")
    if expect.upstream_cluster is not None:
        clusters = [record.cluster for record in answer.records if not record.inbound]
        faults += text_faults(expect.upstream_cluster, clusters[-1] or "none", "cluster") if clusters else [NO_CLUSTER]
    if answer.logged is not None and answer.logged != (answer.seen["status"] in expect.logged):
        faults.append(f"status {answer.seen['status']} is {'logged' if answer.logged else 'not logged'}")
    faults += _faults_of_trace(expect, answer.trace)
    if expect.metric is not None and answer.measured is not None and not is_measured(expect.metric, answer.measured):
        faults.append(measured_text(expect.metric, answer.measured))
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
            callers = f"is called by {', '.join(sorted(found))}" if found else "has no caller"
            faults.append(f"in the trace {child} {callers}")
    return faults


def is_measured(metric: Metric, seen: Measured) -> bool:
    """Whether a metric is what it must be. How it is shared out over the requests is judged over the sample."""
    if metric.each is not None:
        return seen.grown == metric.each * seen.requests
    if metric.share is not None:
        # A counter grows by whole numbers, and by one for each request at most.
        certain = metric.share not in (0.0, 1.0) or seen.grown == metric.share * seen.requests
        return certain and 0 <= seen.grown <= seen.requests and seen.grown == int(seen.grown)
    if seen.value is None:
        return False
    return (metric.above is None or seen.value >= metric.above) and (metric.below is None or seen.value <= metric.below)


def measured_text(metric: Metric, seen: Measured) -> str:
    """What a metric was, as a phrase."""
    if metric.grows:
        return f"metric grew by {seen.grown:g}"
    return "metric has no value" if seen.value is None else f"metric is {seen.value:g}"


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
    return whole(dict(seen.get("headers") or ()).get("grpc-status", ""))


def times(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
