# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of checks: from what a user wrote to typed values, or one sentence that says what is wrong.

Strict: a key that means nothing here is an error which names the check, the field and what is allowed. A misspelt
expectation must never turn into a check that expects nothing.
"""

from __future__ import annotations

import difflib
import json
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from .._observe.errors import CheckError

HOST = "host"
NO_SIDECAR = "no_sidecar"
WORKLOAD = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
TIMEOUT = 15.0
RAW = ("tcp", "tls")
GRPC = ("grpc", "grpcs")
SECURE = ("https", "tls", "grpcs")
SCHEMES = ("http", "https", *GRPC, *RAW)
PROTOCOLS = ("HTTP/1.1", "HTTP/2")
GRPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""Names of the gRPC status codes, in order (grpc/doc/statuscodes.md)."""
LARGEST_BODY_2 = 65_535
"""What may be sent over HTTP/2 before the peer has opened its window (RFC 9113, 6.9.2)."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHECK_KEYS = (
    "name",
    "from",
    "namespace",
    "request",
    "expect",
    "tolerance",
    "deadline",
    "consecutive",
    "control",
    "fails_in",
    "no_log",
)
REQUEST_KEYS = (
    "method",
    "url",
    "headers",
    "body",
    "form",
    "session",
    "follow_redirects",
    "timeout",
    "count",
    "concurrency",
    "tls",
    "stream",
    "protocol",
    "connect_to",
)
TLS_KEYS = ("ca", "cert", "key", "insecure", "name")
TLS_EXPECT_KEYS = ("error", "peer")
TLS_ERRORS = ("untrusted_ca", "certificate_required", "wrong_name", "expired", "handshake", "not_spoken")
SESSION_KEYS = ("login", "username", "password", "form")
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
)
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

T = t.TypeVar("T")


@dataclass(frozen=True)
class Text:
    """What a text must or must not say."""

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    equals: str | None = None
    matches: tuple[str, ...] = ()
    present: bool | None = None


@dataclass(frozen=True)
class Session:
    """A login before the requests, whose cookies they carry."""

    login: str
    form: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tls:
    """How TLS is spoken: whom to believe, and who we are (PEM)."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = field(default=None, repr=False)
    insecure: bool = False
    name: str | None = None


@dataclass(frozen=True)
class Request:
    """What is sent."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    session: Session | None = None
    follow_redirects: bool = False
    timeout: float = TIMEOUT
    count: int | None = None
    concurrency: int = 8
    tls: Tls | None = None
    stream: bool = False
    protocol: str = "HTTP/1.1"
    connect_to: str | None = None
    """Workload whose pod is connected to, whatever the URL's host is."""


@dataclass(frozen=True)
class Some:
    """At least so many of the answers are like this, the others not."""

    share: float
    status: int
    headers: tuple[tuple[str, Text], ...] = ()


@dataclass(frozen=True)
class Attempts:
    """How often the callee's proxies saw a request: each time so often, or on average within bounds."""

    each: int | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class Admitted:
    """How many requests a quota lets through per interval."""

    count: int
    seconds: float = 1.0


@dataclass(frozen=True)
class Expect:
    """What the answers must show."""

    status: tuple[int, ...] = ()
    status_shares: tuple[tuple[str, float], ...] = ()
    served_by: tuple[tuple[str, float], ...] = ()
    body: Text | None = None
    headers: tuple[tuple[str, Text], ...] = ()
    latency_min: float | None = None
    latency_max: float | None = None
    refused: bool = False
    no_listener: bool = False
    tls_error: str | None = None
    tls_peer: str | None = None
    callee: str | None = None
    attempts: Attempts | None = None
    mirrored: tuple[tuple[str, float], ...] = ()
    upstream_cluster: Text | None = None
    some: Some | None = None
    admitted: Admitted | None = None
    failures: int | None = None
    grpc_status: int | None = None
    trace_services: tuple[str, ...] = ()
    trace_parents: tuple[tuple[str, str], ...] = ()
    trace_share: float | None = None

    @property
    def traced(self) -> bool:
        """Whether traces are asked for."""
        return bool(self.trace_services or self.trace_parents or self.trace_share is not None)


@dataclass(frozen=True)
class Check:
    """One thing to be shown by traffic."""

    name: str
    source: str
    namespace: str | None
    request: Request
    expect: Expect
    tolerance: float | None = None
    deadline: float = 60.0
    consecutive: int = 3
    control: bool = False
    fails_in: t.Any = None
    no_log: bool = False


class _Reader:
    """One mapping of the input, read key by key; knows where it is, to say so."""

    def __init__(self, value: object, where: str, allowed: t.Sequence[str], title: str) -> None:
        self.where = where
        self.title = title
        if not isinstance(value, t.Mapping):
            raise self.error("", f"must be a mapping with any of {_names(allowed)}, not {_shown(value)}")
        self.value: t.Mapping[t.Any, t.Any] = value
        for key in value:
            if key not in allowed:
                close = difflib.get_close_matches(str(key), allowed, n=1)
                meant = f"did you mean {close[0]}? " if close else ""
                raise self.error(str(key), f"is not known: {meant}allowed here: {_names(allowed)}")

    def error(self, key: str, problem: str) -> CheckError:
        path = ".".join(part for part in (self.where, key) if part)
        return CheckError(f"{self.title}: {path} {problem}." if path else f"{self.title} {problem}.")

    def has(self, key: str) -> bool:
        return self.value.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.value.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or str(value) == "":
            raise self.error(key, f"must be a text, not {_shown(value)}")
        return str(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.value.get(key, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "yes", "false", "no"):  # a rendered Jinja2 template
            return value.lower() in ("true", "yes")
        raise self.error(key, f"must be true or false, not {_shown(value)}")

    def number(self, key: str, least: float, most: float) -> float | None:
        value = self.value.get(key)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool) else None
        except (TypeError, ValueError):
            number = None
        if number is None or not least <= number <= most:
            raise self.error(key, f"must be a number from {least:g} to {most:g}, not {_shown(value)}")
        return number

    def whole(self, key: str, least: int, most: int) -> int | None:
        number = self.number(key, least, most)
        if number is None:
            return None
        if number != int(number):
            raise self.error(key, f"must be a whole number, not {_shown(self.value[key])}")
        return int(number)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.value.get(key)
        if value is None:
            return ()
        values = value if isinstance(value, (list, tuple)) else [value]
        if not values or any(isinstance(v, (t.Mapping, list, bool)) or v is None or str(v) == "" for v in values):
            raise self.error(key, f"must be a text or a list of texts, not {_shown(value)}")
        return tuple(str(v) for v in values)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        value = self.value.get(key)
        if value is None:
            return ()
        if not isinstance(value, t.Mapping):
            raise self.error(key, f"must be a mapping of names to texts, not {_shown(value)}")
        for name, content in value.items():
            if content is None or isinstance(content, (t.Mapping, list)):
                raise self.error(f"{key}.{name}", f"must be a text, not {_shown(content)}")
            if re.search(r"[\r\n]", f"{name}{content}"):
                raise self.error(f"{key}.{name}", "must not contain a line break")
        return tuple((str(name), _plain(content)) for name, content in value.items())


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _names(allowed: t.Sequence[str]) -> str:
    return ", ".join(allowed)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def parse_checks(value: object, default_namespace: str | None = None) -> list[Check]:
    """Typed checks from a list of mappings; CheckError names what is wrong."""
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise CheckError(f"The checks must be a list of mappings, not {_shown(value)}.")
    checks = [_check(item, number, default_namespace) for number, item in enumerate(value, 1)]
    seen: dict[str, int] = {}
    for number, check in enumerate(checks, 1):
        if check.name in seen:
            raise CheckError(
                f"Check {number} has the name {check.name!r} of check {seen[check.name]}: give each check its own name."
            )
        seen[check.name] = number
    return checks


def secrets_of(value: object) -> set[str]:
    """Texts that no output may show: private keys, and for checks marked ``no_log`` all that their requests carry.

    Takes the checks as they were given, right or wrong: a mistake in a check must not show its secrets either.
    """
    found: set[str] = set()
    for item in value if isinstance(value, (list, tuple)) else ():
        request = item.get("request") if isinstance(item, t.Mapping) else None
        if not isinstance(request, t.Mapping):
            continue
        tls = request.get("tls")
        pems = [tls.get("key"), tls.get("cert")] if isinstance(tls, t.Mapping) else []
        found.update(text for text in _texts(pems) if "PRIVATE KEY" in text)
        if item.get("no_log") not in (None, False, "false", "no", "False"):
            session = request.get("session")
            query = urlsplit(str(request.get("url", ""))).query
            sent = [request.get("headers"), request.get("body"), request.get("form"), query]
            sent += [value for _name, value in parse_qsl(query)]
            found.update(_texts([*sent, session.get("form") if isinstance(session, t.Mapping) else session]))
            found.update(_texts(session.get("password") if isinstance(session, t.Mapping) else None))
    return found


def _texts(value: object) -> set[str]:
    """All texts inside a value that are long enough to be hidden without hiding everything."""
    if isinstance(value, t.Mapping):
        return {text for inner in value.values() for text in _texts(inner)}
    if isinstance(value, (list, tuple)):
        return {text for inner in value for text in _texts(inner)}
    # As text in any case: Ansible hides a number by its digits.
    text = "" if value is None or isinstance(value, bool) else str(value)
    return {text} if len(text) > 2 else set()


def _check(item: object, number: int, default_namespace: str | None) -> Check:
    given = item.get("name") if isinstance(item, t.Mapping) else None
    title = f"Check {given!r}" if isinstance(given, str) and given else f"Check {number}"
    reader = _Reader(item, "", CHECK_KEYS, title)
    if not reader.has("request"):
        raise reader.error("request", "is missing: it says what to send, at least its url")
    if not reader.has("expect"):
        raise reader.error("expect", f"is missing: it says what must come back, any of {_names(EXPECT_KEYS)}")
    source = reader.text("from", HOST) or HOST
    if source != NO_SIDECAR and not WORKLOAD.fullmatch(source):
        raise reader.error("from", f"must be host, no_sidecar or the name of a workload, not {_shown(source)}")
    expect = _expect(reader.value["expect"], title)
    request = _request(reader.value["request"], title, max(TIMEOUT, (expect.latency_max or 0.0) + TIMEOUT / 3))
    _combination(reader, request, expect)
    if expect.refused and source not in (HOST, NO_SIDECAR) and urlsplit(request.url).scheme not in ("http", "grpc"):
        raise reader.error(
            "expect.refused",
            "cannot be told from a workload for what is no plain HTTP: its own sidecar takes the connection, and "
            "closes it where nobody is there, too; ask from no_sidecar",
        )
    for key, given in (("attempts", expect.attempts is not None), ("mirrored", bool(expect.mirrored))):
        if given and source == HOST and expect.callee is None:
            raise reader.error(
                "expect.callee", f"is missing: from the host, {key} needs the name of the service that is meant"
            )
    for key, given in (
        ("request.connect_to", request.connect_to is not None),
        ("expect.upstream_cluster", expect.upstream_cluster is not None),
    ):
        if given and source == HOST:
            raise reader.error(key, "needs a check from a workload: the host reaches nothing but the gateway")
    return Check(
        name=reader.text("name") or f"{request.method} {request.url} from {source}",
        source=source,
        namespace=reader.text("namespace", default_namespace),
        request=request,
        expect=expect,
        tolerance=_percent(reader.number("tolerance", 0.1, 50)),
        deadline=_or(reader.number("deadline", 0, 3600), 60.0),
        consecutive=_or(reader.whole("consecutive", 1, 100), 3),
        control=reader.flag("control"),
        fails_in=reader.value.get("fails_in"),
        no_log=reader.flag("no_log"),
    )


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _percent(value: float | None) -> float | None:
    return None if value is None else value / 100.0


def _request(value: object, title: str, timeout: float) -> Request:
    reader = _Reader(value, "request", REQUEST_KEYS, title)
    url = reader.text("url")
    if url is None:
        raise reader.error("url", "is missing")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise reader.error("url", f"is not a URL: {_shown(url)}") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise reader.error("url", f"must look like http://host/path or https://host/path, not {_shown(url)}")
    if parts.scheme in RAW and (port is None or parts.path not in ("", "/")):
        raise reader.error("url", f"must look like {parts.scheme}://host:port, not {_shown(url)}")
    if re.search(r"[\s\x00-\x1f]", url):
        raise reader.error("url", "must not contain blanks or control characters")
    headers = reader.pairs("headers")
    body, kind = _body(reader)
    if kind and "content-type" not in {name.lower() for name, _content in headers}:
        headers = (*headers, ("content-type", kind))
    grpc = parts.scheme in GRPC
    protocol = _protocol(reader, parts.scheme, body)
    method = (reader.text("method") or ("POST" if body or grpc else "GET")).upper()
    if grpc:
        if method != "POST" or len(parts.path.split("/")) != 3:
            raise reader.error("url", f"must look like {parts.scheme}://host:port/package.Service/Method, by POST")
        # One message, not compressed, behind its length (grpc/doc/PROTOCOL-HTTP2.md).
        body = b"\0" + len(body).to_bytes(4, "big") + body
        headers = (*headers, ("content-type", "application/grpc"), ("te", "trailers"))
    if method not in METHODS:
        raise reader.error("method", f"is {_shown(method)}; allowed: {_names(METHODS)}")
    return Request(
        url=url,
        method=method,
        headers=headers,
        body=body,
        session=_session(reader),
        follow_redirects=reader.flag("follow_redirects"),
        timeout=_or(reader.number("timeout", 0.05, 600), timeout),
        count=reader.whole("count", 1, 50_000),
        concurrency=_or(reader.whole("concurrency", 1, 256), 8),
        tls=_tls(reader, parts.scheme),
        stream=reader.flag("stream"),
        connect_to=_workload(reader, "connect_to"),
        protocol=protocol,
    )


def _body(reader: _Reader) -> tuple[bytes, str | None]:
    if reader.has("body") and reader.has("form"):
        raise reader.error("form", "cannot stand beside request.body: give one of them")
    if reader.has("form"):
        return urlencode(reader.pairs("form")).encode(), "application/x-www-form-urlencoded"
    body = reader.value.get("body")
    if body is None:
        return b"", None
    if isinstance(body, (t.Mapping, list)):
        return json.dumps(body).encode(), "application/json"
    return _plain(body).encode(), None


def _protocol(reader: _Reader, scheme: str, body: bytes) -> str:
    protocol = reader.text("protocol") or ("HTTP/2" if scheme in GRPC else "HTTP/1.1")
    if protocol not in PROTOCOLS:
        raise reader.error(
            "protocol", f"is {_shown(protocol)}; allowed: {_names(PROTOCOLS)} (gRPC, TCP and TLS by the url's scheme)"
        )
    if reader.has("protocol") and scheme not in ("http", "https"):
        raise reader.error("protocol", f"cannot be chosen for a URL that begins with {scheme}")
    if protocol == "HTTP/2" and len(body) > LARGEST_BODY_2:
        raise reader.error("body", f"is longer than {LARGEST_BODY_2} bytes, the most that is sent over HTTP/2")
    return protocol


def _tls(reader: _Reader, scheme: str) -> Tls | None:
    if not reader.has("tls"):
        return None
    if scheme not in SECURE:
        raise reader.error("tls", f"needs a URL that begins with https or tls, not {scheme}")
    inner = _Reader(reader.value["tls"], "request.tls", TLS_KEYS, reader.title)
    cert, key = _pem(inner, "cert"), _pem(inner, "key")
    if cert is None and key is not None:
        raise inner.error("key", "is given without request.tls.cert")
    if cert is not None and key is None and "PRIVATE KEY" not in cert:
        raise inner.error("key", "is missing: the private key of request.tls.cert")
    ca, insecure = _pem(inner, "ca"), inner.flag("insecure")
    if ca and insecure:
        raise inner.error("insecure", "cannot stand beside request.tls.ca: a CA is believed or nobody is asked")
    return Tls(ca, cert, key, insecure, inner.text("name"))


def _pem(reader: _Reader, key: str) -> str | None:
    """PEM text as given, or that of the file that is named."""
    value = reader.text(key)
    if value is None or "-----BEGIN" in value:
        return value
    try:
        with open(value, encoding="ascii") as file:
            text = file.read(1 << 20)
    except (OSError, ValueError):
        raise reader.error(key, "must be PEM text or the name of a file that can be read") from None
    if "-----BEGIN" not in text:
        raise reader.error(key, "names a file that holds no PEM text")
    return text


def _workload(reader: _Reader, key: str) -> str | None:
    value = reader.text(key)
    if value is not None and not WORKLOAD.fullmatch(value):
        raise reader.error(key, f"must be the name of a workload, not {_shown(value)}")
    return value


def _session(reader: _Reader) -> Session | None:
    value = reader.value.get("session")
    if value is None:
        return None
    inner = _Reader(
        {"username": value} if isinstance(value, str) else value, "request.session", SESSION_KEYS, reader.title
    )
    form = inner.pairs("form")
    username = inner.text("username")
    if username is not None:
        # Bookinfo's form has these two fields and takes any password (productpage.py of Istio's samples).
        form = (("username", username), ("passwd", inner.text("password", username) or username), *form)
    if not form:
        raise inner.error("username", "is missing: give it, or the fields to log in with as form")
    return Session(inner.text("login", "/login") or "/login", form)


def _expect(value: object, title: str) -> Expect:
    reader = _Reader(value, "expect", EXPECT_KEYS, title)
    if not any(reader.has(key) for key in EXPECT_KEYS if key != "callee"):
        raise CheckError(f"{title}: expect is empty: give at least one of {_names(EXPECT_KEYS)}.")
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
        body=_text(reader.value["body"], "expect.body", TEXT_KEYS, title) if reader.has("body") else None,
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
        trace_share=_percent(reader.number("trace_share", 0, 100)),
    )


def _tls_expected(reader: _Reader) -> tuple[str | None, str | None]:
    value = reader.value.get("tls")
    if value is None:
        return None, None
    inner = _Reader({"error": value} if isinstance(value, str) else value, "expect.tls", TLS_EXPECT_KEYS, reader.title)
    error, peer = inner.text("error"), inner.text("peer")
    if error is not None and error not in TLS_ERRORS:
        raise reader.error("tls", f"is {_shown(error)}; allowed: {_names(TLS_ERRORS)}, or peer: spiffe://...")
    if (error is None) == (peer is None):
        raise inner.error("", "needs one of error and peer")
    return error, peer


def _bounds(reader: _Reader, key: str, most: float, unit: str) -> tuple[float | None, float | None]:
    inner = _Reader(reader.value[key], f"expect.{key}", BOUND_KEYS, reader.title)
    low, high = inner.number("above", 0, most), inner.number("below", 0, most)
    if low is None and high is None:
        raise inner.error("", f"is empty: give any of {_names(BOUND_KEYS)}, {unit}")
    if low is not None and high is not None and low > high:
        raise inner.error("above", f"is greater than expect.{key}.below")
    return low, high


def _attempts(reader: _Reader) -> Attempts | None:
    value = reader.value.get("attempts")
    if value is None:
        return None
    if isinstance(value, t.Mapping):
        low, high = _bounds(reader, "attempts", 1000, "tries per request on average")
        return Attempts(above=low, below=high)
    return Attempts(each=reader.whole("attempts", 0, 1000))


def _admitted(reader: _Reader) -> Admitted | None:
    value = reader.value.get("admitted")
    if value is None:
        return None
    inner = _Reader(
        value if isinstance(value, t.Mapping) else {"count": value}, "expect.admitted", ADMITTED_KEYS, reader.title
    )
    count, seconds = inner.whole("count", 1, 1500), _or(inner.number("seconds", 0.1, 6), 1.0)
    if count is None:
        raise inner.error("count", "is missing: the requests let through per interval")
    if count / seconds > MOST_ADMITTED:
        raise inner.error("count", f"is more than {MOST_ADMITTED:g} a second, which a probe cannot exceed enough")
    return Admitted(count, seconds)


def _true(reader: _Reader, key: str) -> bool:
    if not reader.has(key):
        return False
    if not reader.flag(key):
        raise reader.error(key, "can only be true: to expect an answer, give the status it has")
    return True


def _status(reader: _Reader) -> tuple[tuple[int, ...], tuple[tuple[str, float], ...]]:
    value = reader.value.get("status")
    if value is None:
        return (), ()
    if isinstance(value, t.Mapping):
        shares = _shares(reader, "status", lambda label: str(_code(reader, label)))
        always = [int(label) for label, share in shares if share == 1.0]
        return (tuple(always), ()) if always else ((), shares)
    values = value if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise reader.error("status", "is an empty list")
    return tuple(_code(reader, code) for code in values), ()


def _code(reader: _Reader, value: object) -> int:
    try:
        code = 0 if isinstance(value, bool) else int(str(value))
    except ValueError:
        code = 0
    if not 100 <= code <= 599:
        raise reader.error("status", f"must be made of HTTP codes from 100 to 599, not {_shown(value)}")
    return code


def _upstream_cluster(reader: _Reader) -> Text | None:
    value = reader.value.get("upstream_cluster")
    if value is None:
        return None
    if isinstance(value, t.Mapping):
        return _text(value, "expect.upstream_cluster", TEXT_KEYS, reader.title)
    return Text(equals=reader.text("upstream_cluster"))


def _some(reader: _Reader) -> Some | None:
    value = reader.value.get("some")
    if value is None:
        return None
    inner = _Reader(value, "expect.some", SOME_KEYS, reader.title)
    if not inner.has("status"):
        raise inner.error("status", "is missing: it tells these answers from the others")
    return Some(
        share=_or(inner.number("percent", 0.1, 100), SOME) / 100.0,
        status=_code(inner, inner.value["status"]),
        headers=_headers(inner),
    )


def _trace(reader: _Reader) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    value = reader.value.get("trace")
    if value is None:
        return (), ()
    inner = _Reader({"services": value} if isinstance(value, list) else value, "expect.trace", TRACE_KEYS, reader.title)
    services, parents = inner.texts("services"), inner.pairs("parents")
    if not services and not parents:
        raise inner.error("", f"is empty: give any of {_names(TRACE_KEYS)}")
    return services, parents


def _grpc_status(reader: _Reader) -> int | None:
    value = reader.value.get("grpc_status")
    if value is None:
        return None
    if isinstance(value, str) and value.upper() in GRPC_CODES:
        return GRPC_CODES.index(value.upper())
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(GRPC_CODES):
        return value
    raise reader.error("grpc_status", f"is {_shown(value)}; allowed: 0 to 16, or {_names(GRPC_CODES)}")


def _shares(
    reader: _Reader, key: str, label_of: t.Callable[[t.Any], str], *, total: bool = True
) -> tuple[tuple[str, float], ...]:
    value = reader.value.get(key)
    if value is None:
        return ()
    if not isinstance(value, t.Mapping) or not value:
        raise reader.error(
            key, f"must be a mapping of shares in percent such as {{v1: 95, v3: 5}}, not {_shown(value)}"
        )
    inner = _Reader(value, f"expect.{key}", list(value), reader.title)
    shares = [(label_of(label), (inner.number(label, 0, 100) or 0.0) / 100.0) for label in value]
    together = sum(share for _label, share in shares)
    if total and abs(together - 1.0) > 1e-9:
        raise reader.error(key, f"must total 100 percent, not {together * 100:g}")
    return tuple(shares)


def _text(value: object, where: str, allowed: t.Sequence[str], title: str) -> Text:
    reader = _Reader(value, where, allowed, title)
    if not reader.value:
        raise reader.error("", f"is empty: give any of {_names(allowed)}")
    for pattern in reader.texts("matches"):
        try:
            re.compile(pattern)
        except re.error as error:
            raise reader.error("matches", f"is not a regular expression: {error}") from None
    equals = reader.value.get("equals")
    if isinstance(equals, (t.Mapping, list)):
        raise reader.error("equals", f"must be a text, not {_shown(equals)}")
    return Text(
        contains=reader.texts("contains"),
        lacks=reader.texts("lacks"),
        equals=None if equals is None else _plain(equals),
        matches=reader.texts("matches"),
        present=reader.flag("present") if reader.has("present") else None,
    )


def _headers(reader: _Reader) -> tuple[tuple[str, Text], ...]:
    value = reader.value.get("headers")
    if value is None:
        return ()
    if not isinstance(value, t.Mapping) or not value:
        raise reader.error("headers", f"must be a mapping of header names, not {_shown(value)}")
    found: list[tuple[str, Text]] = []
    for name, content in value.items():
        if isinstance(content, t.Mapping):
            text = _text(content, f"expect.headers.{name}", HEADER_KEYS, reader.title)
        elif content is None or isinstance(content, list):
            raise reader.error(f"headers.{name}", f"must be a text or a mapping with any of {_names(HEADER_KEYS)}")
        else:
            text = Text(equals=_plain(content))
        found.append((str(name).lower(), text))
    return tuple(found)


def _combination(reader: _Reader, request: Request, expect: Expect) -> None:
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
        or expect.traced
    )
    if request.stream != (expect.failures is not None):
        raise reader.error("expect.failures", "and request.stream belong together: failures are counted over a stream")
    if request.stream and (expect.served_by or expect.status_shares or expect.admitted or expect.attempts):
        raise reader.error("request.stream", "is judged answer by answer: it cannot stand beside shares and counts")
    if expect.traced and (expect.served_by or expect.attempts or expect.mirrored or expect.upstream_cluster):
        raise reader.error(
            "expect", "asks for traces, and for what access logs tell: make two checks of it, one for each evidence"
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


def port_of(url: str) -> int:
    """The port that a URL names or means."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme in SECURE else 80)
