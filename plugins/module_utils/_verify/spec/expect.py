# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers to a check must show."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ..._istio.patterns import PatternError, check_pattern
from ..._observe.errors import CheckError
from ..probe.wire import SECURE
from .reader import Reader, default_to, names, percent, plain, shown
from .types import GRPC, GRPC_CODES, RAW, Admitted, Attempts, Expect, Metric, Request, Some, Text

TLS_EXPECT_KEYS = ("error", "peer")
TLS_ERRORS = ("untrusted_ca", "certificate_required", "wrong_name", "expired", "handshake", "not_spoken")
EXPECT_KEYS = (
    "status",
    "grpc_status",
    "served_by",
    "callee",
    "body",
    "headers",
    "latency",
    "refused",
    "no_listener",
    "tls",
    "attempts",
    "mirrored",
    "upstream_cluster",
    "some",
    "admitted",
    "failures",
    "trace",
    "trace_share",
    "metric",
    "logged",
)
METRIC_KEYS = ("query", "each", "share", "above", "below")
TRACE_KEYS = ("services", "parents")
ADMITTED_KEYS = ("count", "seconds")
SOME_KEYS = ("percent", "status", "headers")
SOME = 10.0
"""Percent of the answers that "some" are, unless said otherwise."""
MOST_ADMITTED = 250.0
"""Requests a second up to which a quota can be shown: the probe must offer clearly more."""
TEXT_KEYS = ("contains", "lacks", "equals", "matches")
HEADER_KEYS = (*TEXT_KEYS, "present")
BOUND_KEYS = ("above", "below")


def expect_of(value: object, title: str) -> Expect:
    reader = Reader(value, "expect", EXPECT_KEYS, title)
    if not any(reader.has(key) for key in EXPECT_KEYS if key != "callee"):
        raise CheckError(f"{title}: expect is empty: give at least one of {names(EXPECT_KEYS)}.")
    callee = reader.text("callee")
    if callee is not None and not any(reader.has(key) for key in ("served_by", "attempts", "mirrored")):
        raise reader.error("callee", "is the service that served_by, attempts and mirrored are about: give one of them")
    status, status_shares = _status(reader)
    tls_error, tls_peer = _tls_expected(reader)
    trace_services, trace_parents = _trace(reader)
    latency_min = latency_max = None
    if reader.has("latency"):
        latency_min, latency_max = _bounds(reader, "latency", 600, "in seconds")
    return Expect(
        status=status,
        status_shares=status_shares,
        served_by=_shares(reader, "served_by", str),
        callee=callee,
        body=text_of(reader.value["body"], "expect.body", TEXT_KEYS, title) if reader.has("body") else None,
        headers=_headers(reader),
        latency_min=latency_min,
        latency_max=latency_max,
        refused=_true(reader, "refused"),
        no_listener=_true(reader, "no_listener"),
        tls_error=tls_error,
        tls_peer=tls_peer,
        attempts=_attempts(reader),
        mirrored=_shares(reader, "mirrored", str, total=False),
        upstream_cluster=_upstream_cluster(reader),
        some=_some(reader),
        admitted=_admitted(reader),
        failures=reader.whole("failures", 0, 1_000_000),
        grpc_status=_grpc_status(reader),
        trace_services=trace_services,
        trace_parents=trace_parents,
        trace_share=percent(reader.number("trace_share", 0, 100)),
        metric=_metric(reader),
        logged=_logged(reader),
    )


def _tls_expected(reader: Reader) -> tuple[str | None, str | None]:
    value = reader.value.get("tls")
    if value is None:
        return None, None
    inner = Reader({"error": value} if isinstance(value, str) else value, "expect.tls", TLS_EXPECT_KEYS, reader.title)
    error, peer = inner.text("error"), inner.text("peer")
    if error is not None and error not in TLS_ERRORS:
        raise reader.error("tls", f"is {shown(error)}; allowed: {names(TLS_ERRORS)}, or peer: spiffe://...")
    if (error is None) == (peer is None):
        raise inner.error("", "needs one of error and peer")
    return error, peer


def _bounds(reader: Reader, key: str, most: float, unit: str) -> tuple[float | None, float | None]:
    inner = Reader(reader.value[key], f"expect.{key}", BOUND_KEYS, reader.title)
    low, high = inner.number("above", 0, most), inner.number("below", 0, most)
    if low is None and high is None:
        raise inner.error("", f"is empty: give any of {names(BOUND_KEYS)}, {unit}")
    if low is not None and high is not None and low > high:
        raise inner.error("above", f"is greater than expect.{key}.below")
    return low, high


def _attempts(reader: Reader) -> Attempts | None:
    value = reader.value.get("attempts")
    if value is None:
        return None
    if isinstance(value, t.Mapping):
        low, high = _bounds(reader, "attempts", 1000, "tries per request on average")
        return Attempts(above=low, below=high)
    return Attempts(each=reader.whole("attempts", 0, 1000))


def _admitted(reader: Reader) -> Admitted | None:
    value = reader.value.get("admitted")
    if value is None:
        return None
    inner = Reader(
        value if isinstance(value, t.Mapping) else {"count": value}, "expect.admitted", ADMITTED_KEYS, reader.title
    )
    count, seconds = inner.whole("count", 1, 1500), default_to(inner.number("seconds", 0.1, 6), 1.0)
    if count is None:
        raise inner.error("count", "is missing: the requests let through per interval")
    if count / seconds > MOST_ADMITTED:
        raise inner.error("count", f"is more than {MOST_ADMITTED:g} a second, which a probe cannot exceed enough")
    return Admitted(count, seconds)


def _true(reader: Reader, key: str) -> bool:
    if not reader.has(key):
        return False
    if not reader.flag(key):
        raise reader.error(key, "can only be true: to expect an answer, give the status it has")
    return True


def _status(reader: Reader) -> tuple[tuple[int, ...], tuple[tuple[str, float], ...]]:
    value = reader.value.get("status")
    if value is None:
        return (), ()
    if isinstance(value, t.Mapping):
        shares = _shares(reader, "status", lambda label: str(_code(reader, "status", label)))
        always = [int(label) for label, share in shares if share == 1.0]
        return (tuple(always), ()) if always else ((), shares)
    values = value if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise reader.error("status", "is an empty list")
    return tuple(_code(reader, "status", code) for code in values), ()


def _code(reader: Reader, key: str, value: object) -> int:
    try:
        code = 0 if isinstance(value, bool) else int(str(value))
    except ValueError:
        code = 0
    if not 100 <= code <= 599:
        raise reader.error(key, f"must be made of HTTP codes from 100 to 599, not {shown(value)}")
    return code


def _upstream_cluster(reader: Reader) -> Text | None:
    value = reader.value.get("upstream_cluster")
    if value is None:
        return None
    if isinstance(value, t.Mapping):
        return text_of(value, "expect.upstream_cluster", TEXT_KEYS, reader.title)
    return Text(equals=reader.text("upstream_cluster"))


def _some(reader: Reader) -> Some | None:
    value = reader.value.get("some")
    if value is None:
        return None
    inner = Reader(value, "expect.some", SOME_KEYS, reader.title)
    if not inner.has("status"):
        raise inner.error("status", "is missing: it tells these answers from the others")
    return Some(
        share=default_to(inner.number("percent", 0.1, 100), SOME) / 100.0,
        status=_code(inner, "status", inner.value["status"]),
        headers=_headers(inner),
    )


def _trace(reader: Reader) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    value = reader.value.get("trace")
    if value is None:
        return (), ()
    inner = Reader({"services": value} if isinstance(value, list) else value, "expect.trace", TRACE_KEYS, reader.title)
    services, parents = inner.texts("services"), inner.pairs("parents")
    if not services and not parents:
        raise inner.error("", f"is empty: give any of {names(TRACE_KEYS)}")
    return services, parents


def _metric(reader: Reader) -> Metric | None:
    value = reader.value.get("metric")
    if value is None:
        return None
    inner = Reader(value, "expect.metric", METRIC_KEYS, reader.title)
    query = inner.text("query")
    if query is None:
        raise inner.error("query", "is missing: the PromQL that gives one number")
    each, share = inner.whole("each", 0, 1000), percent(inner.number("share", 0, 100))
    low, high = inner.number("above", -1e15, 1e15), inner.number("below", -1e15, 1e15)
    if [each is not None, share is not None, low is not None or high is not None].count(True) != 1:
        raise inner.error(
            "",
            "needs one of: each (by how much it grows with a request), share (the percentage of requests with which it "
            "grows), or bounds of its value (above, below)",
        )
    if low is not None and high is not None and low > high:
        raise inner.error("above", "is greater than expect.metric.below")
    return Metric(query, each, share, low, high)


def _logged(reader: Reader) -> tuple[int, ...]:
    value = reader.value.get("logged")
    if value is None:
        return ()
    values = value if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise reader.error("logged", "is an empty list: name a status that the caller's proxy logs")
    return tuple(_code(reader, "logged", code) for code in values)


def _grpc_status(reader: Reader) -> int | None:
    value = reader.value.get("grpc_status")
    if value is None:
        return None
    if isinstance(value, str) and value.upper() in GRPC_CODES:
        return GRPC_CODES.index(value.upper())
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(GRPC_CODES):
        return value
    raise reader.error("grpc_status", f"is {shown(value)}; allowed: 0 to 16, or {names(GRPC_CODES)}")


def _shares(
    reader: Reader, key: str, label_of: t.Callable[[t.Any], str], *, total: bool = True
) -> tuple[tuple[str, float], ...]:
    value = reader.value.get(key)
    if value is None:
        return ()
    if not isinstance(value, t.Mapping) or not value:
        raise reader.error(key, f"must be a mapping of shares in percent such as {{v1: 95, v3: 5}}, not {shown(value)}")
    inner = Reader(value, f"expect.{key}", list(value), reader.title)
    shares = [(label_of(label), (inner.number(label, 0, 100) or 0.0) / 100.0) for label in value]
    together = sum(share for _label, share in shares)
    if total and abs(together - 1.0) > 1e-9:
        raise reader.error(key, f"must total 100 percent, not {together * 100:g}")
    return tuple(shares)


def text_of(value: object, where: str, allowed: t.Sequence[str], title: str) -> Text:
    reader = Reader(value, where, allowed, title)
    if not reader.value:
        raise reader.error("", f"is empty: give any of {names(allowed)}")
    for pattern in reader.texts("matches"):
        try:
            check_pattern(pattern)
        except PatternError as error:
            raise reader.error("matches", str(error)) from None
    equals = reader.value.get("equals")
    if isinstance(equals, (t.Mapping, list)):
        raise reader.error("equals", f"must be a string, not {shown(equals)}")
    return Text(
        contains=reader.texts("contains"),
        lacks=reader.texts("lacks"),
        equals=None if equals is None else plain(equals),
        matches=reader.texts("matches"),
        present=reader.flag("present") if reader.has("present") else None,
    )


def _headers(reader: Reader) -> tuple[tuple[str, Text], ...]:
    value = reader.value.get("headers")
    if value is None:
        return ()
    if not isinstance(value, t.Mapping) or not value:
        raise reader.error("headers", f"must be a mapping of header names, not {shown(value)}")
    found: list[tuple[str, Text]] = []
    for name, content in value.items():
        if isinstance(content, t.Mapping):
            text = text_of(content, f"expect.headers.{name}", HEADER_KEYS, reader.title)
        elif content is None or isinstance(content, list):
            raise reader.error(f"headers.{name}", f"must be a string or a mapping with any of {names(HEADER_KEYS)}")
        else:
            text = Text(equals=plain(content))
        found.append((str(name).lower(), text))
    return tuple(found)


def needs_logs(expect: Expect) -> bool:
    """Whether something is asked that access logs tell, such as who answered."""
    return bool(expect.served_by or expect.attempts or expect.mirrored or expect.upstream_cluster or expect.logged)


def refuse_contradictions(reader: Reader, request: Request, expect: Expect) -> None:
    answers = bool(
        expect.status
        or expect.status_shares
        or expect.served_by
        or expect.body
        or expect.headers
        or expect.latency_min is not None
        or expect.latency_max is not None
        or expect.attempts
        or expect.mirrored
        or expect.upstream_cluster
        or expect.some
        or expect.tls_peer
        or expect.admitted
        or expect.failures is not None
        or expect.grpc_status is not None
        or expect.told_later
    )
    if request.stream != (expect.failures is not None):
        raise reader.error("expect.failures", "and request.stream belong together: failures are counted over a stream")
    if request.stream and (expect.served_by or expect.status_shares or expect.admitted or expect.attempts):
        raise reader.error("request.stream", "is judged answer by answer: it cannot stand beside shares and counts")
    if expect.traced and needs_logs(expect):
        raise reader.error(
            "expect", "asks for traces and for evidence from access logs: make two checks of it, one for each"
        )
    if expect.metric and (
        expect.traced or expect.admitted or request.stream or needs_logs(expect) or expect.status_shares
    ):
        raise reader.error(
            "expect.metric",
            "cannot stand beside shares, quotas, streams, traces and evidence from access logs: make two checks of it",
        )
    if expect.logged and (
        expect.served_by or expect.attempts or expect.mirrored or expect.upstream_cluster or expect.admitted
    ):
        raise reader.error(
            "expect.logged", "cannot stand beside quotas and other evidence from access logs: make two checks of it"
        )
    if expect.logged and (not set(expect.logged) < set(expect.status) or request.stream):
        raise reader.error(
            "expect.status",
            "must list what expect.logged has and at least one more, without a stream: some of the answers have to be "
            "logged and some not",
        )
    if expect.admitted and (expect.status_shares or expect.served_by or request.count):
        raise reader.error("expect.admitted", "sets the requests by itself: it cannot stand beside shares or count")
    scheme = urlsplit(request.url).scheme
    if expect.grpc_status is not None and scheme not in GRPC:
        raise reader.error("expect.grpc_status", f"needs a URL that begins with grpc or grpcs, not {scheme}")
    if (expect.tls_error or expect.tls_peer) and scheme not in SECURE:
        raise reader.error("expect.tls", f"needs a URL that begins with https or tls, not {scheme}")
    if scheme in RAW and (
        expect.status or expect.status_shares or expect.headers or request.headers or request.session
    ):
        raise reader.error("request.url", f"begins with {scheme}, which has neither a status, headers nor sessions")
    for key, wanted in (
        ("refused", expect.refused),
        ("no_listener", expect.no_listener),
        ("tls", expect.tls_error is not None),
    ):
        if wanted and answers:
            raise reader.error(f"expect.{key}", "means that no answer comes: it cannot stand beside what answers show")
    if expect.refused and expect.no_listener:
        raise reader.error(
            "expect.no_listener", "cannot stand beside expect.refused: a connection is taken or it is not"
        )
    if expect.latency_max is not None and expect.latency_max >= request.timeout:
        raise reader.error("request.timeout", f"of {request.timeout:g} s ends before expect.latency.below")
