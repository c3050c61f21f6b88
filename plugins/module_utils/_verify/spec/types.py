# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks as typed values."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..probe.wire import SECURE

HOST = "host"
NO_SIDECAR = "no_sidecar"
WORKLOAD = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
TIMEOUT = 15.0
DEADLINE = 60.0
"""Seconds after which a check that has not passed fails, unless it says otherwise."""
RAW = ("tcp", "tls")
GRPC = ("grpc", "grpcs")
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
class Metric:
    """What a query of Prometheus' must give: a value within bounds, or how it grows with the check's requests."""

    query: str
    each: int | None = None
    """By how much it grows with each request."""
    share: float | None = None
    """The part of the requests with which it grows by one."""
    above: float | None = None
    below: float | None = None

    @property
    def grows(self) -> bool:
        """Whether what is asked is how it grows, so that requests of others count as well."""
        return self.each is not None or self.share is not None


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
    metric: Metric | None = None
    logged: tuple[int, ...] = ()
    """Statuses of which the caller's proxy writes a record; of any other it writes none."""

    @property
    def traced(self) -> bool:
        """Whether traces are asked for."""
        return bool(self.trace_services or self.trace_parents or self.trace_share is not None)

    @property
    def told_later(self) -> bool:
        """Whether what is asked is known only some time after the answers."""
        return self.traced or self.metric is not None


@dataclass(frozen=True)
class Check:
    """One thing to be shown by traffic."""

    name: str
    source: str
    namespace: str | None
    request: Request
    expect: Expect
    tolerance: float | None = None
    deadline: float = DEADLINE
    consecutive: int = 3
    control: bool = False
    fails_in: t.Any = None
    no_log: bool = False


def port_of(url: str) -> int:
    """The port that a URL names or means."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme in SECURE else 80)
