# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a check to the requests that prove it: how many, over which connections, what to keep of the answers."""

from __future__ import annotations

import base64
import math
import typing as t
from dataclasses import asdict, dataclass

from .spec.types import HOST, Admitted, Check
from .statistics import ERROR_RATE, LEAK, TOLERANCE, ShareTest, always_sample, share_test, spent

KEEP_BODY = 65536
"""Characters of a body that are looked at when a check says something about bodies."""
SNIPPET = 200
"""Characters of a body that are kept to explain a failing answer."""
LARGEST_BODY = 1 << 20
"""Bytes of a body that are read at most."""
SLOW = 1.0
"""Seconds from which on an expected latency makes a check slow: it sends few requests, all at the same time."""
SLOW_COUNT = 4
WARM_ROUNDS = 2
TRACED = "traced"
TRACE_COUNT = 5
"""Requests whose traces are looked at."""
QUOTA_SECONDS, QUOTA_LEAST, QUOTA_MOST = 4.0, 4, 10
"""Admitted requests are timed over about so many seconds, and over so many intervals at least and at most: a quota that
is 20 % off is then some tenths of a second early or late.
"""
QUOTA_OFFER = 2.5
QUOTA_ENOUGH = 1.5
"""How many times as much as a quota admits is sent, and must have been sent in every interval."""
QUOTA_DENSE = 25.0
"""Requests per interval at least: a bucket that holds one token gains nothing until the next request has come."""
STREAM_SECONDS, STREAM_RATE = 1.0, 40.0
"""A stream is sent in plans of this length; 40 requests a second over a few connections."""
STREAM_START = 0.1
"""Its first plan is short: what is applied next waits for its answers."""

POD_PATTERNS = (
    r'"podname"\s*:\s*"([^"]+)"',
    r'id="reviews-podname"[^>]*>\s*([^<\s]+)',
    # upstream's page: "Reviews served by:" and the pod's name underlined
    r"Reviews served by:\s*(?:<[^>]*>\s*)*([a-z0-9][-a-z0-9.]*)",
)
"""Where Bookinfo's answers name the pod that served the reviews: its JSON, our page, upstream's page."""


@dataclass(frozen=True)
class Sample:
    """Size of one attempt of a check."""

    total: int
    rounds: int
    shares: tuple[tuple[str, str, ShareTest], ...] = ()
    """Sequential tests: (what is shared out, category, test)."""
    seconds: float = 0.0
    """For quotas and streams: how long to send, instead of how often."""
    rate: float = 0.0
    error: float = ERROR_RATE
    """Rate of wrong worlds that this attempt may let pass."""

    def sizes(self) -> list[int]:
        """Requests per round; together ``total``."""
        size, rest = divmod(self.total, self.rounds)
        return [size + (1 if index < rest else 0) for index in range(self.rounds)]


def share_tests(check: Check, attempt: int = 1) -> tuple[tuple[str, str, ShareTest], ...]:
    """A test for every category whose share is neither all nor nothing.

    The rate of false alarms is divided among the categories (Bonferroni); the rate of wrong worlds let through is
    spent over the attempts.
    """
    metric = check.expect.metric
    wanted = [
        (kind, label, share)
        for kind, shares in (
            ("status", check.expect.status_shares),
            ("served_by", check.expect.served_by),
            ("mirrored", check.expect.mirrored),
            ("metric", () if metric is None or metric.share is None else ((metric.query, metric.share),)),
            ("traced", () if check.expect.trace_share is None else ((TRACED, check.expect.trace_share),)),
        )
        for label, share in shares
        if 0.0 < share < 1.0
    ]
    if len(wanted) == 2 and wanted[0][0] == wanted[1][0] != "mirrored" and wanted[0][2] + wanted[1][2] == 1.0:
        wanted = wanted[-1:]  # of two categories that share everything one tells all
    tolerance = check.tolerance or TOLERANCE
    return tuple(
        (kind, label, share_test(share, tolerance, ERROR_RATE / len(wanted), spent(attempt)))
        for kind, label, share in wanted
    )


def is_slow(check: Check) -> bool:
    """Whether right answers take seconds."""
    return (check.expect.latency_min or 0.0) >= SLOW


def needs_proxies(check: Check) -> bool:
    """Whether only the proxies' logs can tell what the check asks."""
    expect = check.expect
    asked = expect.served_by and (check.source != HOST or expect.callee)
    return bool(asked or expect.attempts or expect.mirrored or expect.upstream_cluster or expect.logged)


def is_exclusive(check: Check) -> bool:
    """Whether other checks at the same time would disturb this one: a quota, a counter, or a bound that queueing could
    break.

    Where the bounds are whole seconds, what other checks add is far within them, and the slow ones need not wait for
    each other.
    """
    expect = check.expect
    counts = expect.admitted is not None or (expect.metric is not None and expect.metric.grows)
    return counts or (expect.latency_max is not None and expect.latency_max <= SLOW)


def timed_intervals(admitted: Admitted) -> int:
    """Over how many intervals of a quota its admitted requests are timed."""
    return min(QUOTA_MOST, max(QUOTA_LEAST, math.ceil(QUOTA_SECONDS / admitted.seconds)))


def sample_of(check: Check, attempt: int = 1) -> Sample:
    """How many answers the given attempt needs, in how many rounds."""
    admitted = check.expect.admitted
    if admitted is not None:
        # The first interval does not count, the first request that counts comes within the second, and a right quota
        # may be a little late.
        seconds = admitted.seconds * (timed_intervals(admitted) + 2.5)
        return Sample(0, 1, seconds=seconds, rate=max(QUOTA_DENSE, QUOTA_OFFER * admitted.count) / admitted.seconds)
    tests = share_tests(check, attempt)
    count = check.request.count
    if tests:
        total = count or max(test.limit for _kind, _label, test in tests)
        return Sample(total, 1, tests, error=spent(attempt))
    if is_slow(check):
        return Sample(count or SLOW_COUNT, 1, error=spent(attempt))
    if count is None and (check.expect.trace_services or check.expect.trace_parents):
        count = TRACE_COUNT
    if count is None:
        count = always_sample(check.tolerance or LEAK, spent(attempt))
    return Sample(count, min(check.consecutive, count), error=spent(attempt))


def warm_up(check: Check) -> int:
    """Requests of one discarded round; 0 for a check of a few chosen requests.

    Connections that wait idle in the proxies' pools answer once more under the old rules after a change
    (Envoy drains a replaced listener's connections at their next request), so they are used up first.
    """
    if (
        is_slow(check)
        or check.expect.admitted
        or check.request.stream
        or (check.request.count is not None and check.request.count < 10)
    ):
        return 0
    return check.request.concurrency


def next_chunk(sample: Sample, have: int, dear: bool = False) -> int:
    """How many answers to ask for next in a sequential test: to its first look, then a fifth of that at a time.

    Where each look is ``dear`` (an exec, and logs that are written once a second), there are two: the first a good
    deal later, when most right worlds have shown themselves, and one at the end.
    """
    first = max(test.first_look() for _kind, _label, test in sample.shares)
    if dear:
        step = math.ceil(first * 1.6) if have == 0 and sample.total > 2 * first else sample.total
    else:
        step = first if have == 0 else max(20, math.ceil(first / 5))
    return max(1, min(step, sample.total - have))


def job_of(
    check: Check, number: int, phases: list[dict[str, t.Any]], first: int, address: tuple[str, int] | None
) -> dict[str, t.Any]:
    """The probe's job for these phases; ``first`` numbers its requests on over all attempts."""
    request, expect = check.request, check.expect
    job: dict[str, t.Any] = {
        "id": str(number),
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers],
        "body": base64.b64encode(request.body).decode("ascii"),
        "timeout": request.timeout,
        "max_body": LARGEST_BODY,
        "keep_body": KEEP_BODY if expect.body else SNIPPET,
        "follow_redirects": 5 if request.follow_redirects else 0,
        "first": first,
        "phases": phases,
    }
    if address is not None:
        job["address"] = list(address)
    if request.protocol != "HTTP/1.1":
        job["protocol"] = request.protocol
    if request.tls is not None:
        job["tls"] = {key: value for key, value in asdict(request.tls).items() if value}
    if request.session is not None:
        job["session"] = {"login": request.session.login, "form": dict(request.session.form)}
    if expect.served_by:
        job["extract"] = {"pod": list(POD_PATTERNS)}
    if expect.latency_max is not None and expect.latency_max < 1.0 and not is_slow(check):
        for phase in phases:  # a queue of our own requests must not count as the answer's latency
            phase["concurrency"] = min(int(phase["concurrency"]), 2)
    return job


def timed_phase(check: Check, seconds: float, rate: float) -> dict[str, t.Any]:
    """A phase that lasts for a time."""
    return {"seconds": seconds, "rate": rate, "concurrency": check.request.concurrency}


def phases_of(check: Check, sizes: list[int], *, discard: bool = False) -> list[dict[str, t.Any]]:
    """Rounds for the probe, each over new connections."""
    return [
        {"count": size, "concurrency": min(check.request.concurrency, size), "discard": discard}
        for size in sizes
        if size > 0
    ]
