# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One concrete request, and who sends it, as the proxies on its way see it."""

from __future__ import annotations

import base64
import json
import re
import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A method, or the name of a header (RFC 9110, 5.6.2)."""
CONTENT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""What a header's value may hold (RFC 9110, 5.5)."""
DEFAULT_PORTS = {"http": 80, "https": 443, "grpc": 80, "tcp": 0, "tls": 443}


@dataclass(frozen=True)
class Request:
    """What is asked. Header names are in lower case."""

    method: str
    scheme: str
    host: str
    """Without a port."""
    port: int
    path: str
    """Without the query."""
    query: tuple[tuple[str, str], ...] = ()
    """As it is written, which is what routes are compared with."""
    headers: t.Mapping[str, str] = field(default_factory=dict)
    http2: bool = False
    """Whether the client itself speaks HTTP/2, as gRPC does."""

    @property
    def authority(self) -> str:
        return self.host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{self.host}:{self.port}"

    def header(self, name: str) -> str | None:
        """The value of a header, or of what Envoy treats as one (``:method``, ``:path`` …); None where it has none."""
        name = name.lower()
        if name == ":method":
            return self.method
        if name in (":authority", "host"):
            return self.headers.get("host", self.authority)
        if name == ":scheme":
            return "https" if self.scheme in ("https", "tls") else "http"
        if name == ":path":
            query = "&".join(f"{key}={value}" if value else key for key, value in self.query)
            return f"{self.path}?{query}" if query else self.path
        return self.headers.get(name)

    @property
    def parameters(self) -> dict[str, str]:
        """The query as filters read it: the first of each name, without escapes."""
        return {unquote(name): unquote(value) for name, value in reversed(self.query)}

    def at(self, path: str) -> Request:
        """The same request for another path."""
        return replace(self, path=path)


def request_of(
    url: str, method: str = "GET", headers: t.Iterable[tuple[str, str]] = (), protocol: str = "HTTP/1.1"
) -> Request:
    """The request for a URL. A Host header replaces the host that is routed by, not the address that is asked."""
    parts = urlsplit(url)
    scheme = parts.scheme or "http"
    named = {name.lower(): value for name, value in headers}
    if scheme == "grpc":
        method = "POST"
        named.setdefault("content-type", "application/grpc")
    return Request(
        method=method,
        scheme=scheme,
        host=parts.hostname or "",
        port=parts.port or DEFAULT_PORTS.get(scheme, 80),
        path=parts.path or "/",
        query=tuple(_pair(one) for one in parts.query.split("&") if one),
        headers=named,
        http2=scheme == "grpc" or protocol == "HTTP/2",
    )


def _pair(text: str) -> tuple[str, str]:
    name, _equals, value = text.partition("=")
    return name, value


def request_fault(url: str, method: str, headers: t.Mapping[str, t.Any]) -> str:
    """What of this no HTTP request can have, with the remedy; empty where it can be sent."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https", "grpc") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address, or a port that is not a number or too large
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        return f"url: {url!r} is not an HTTP URL: write it like http://reviews:9080/reviews/0."
    if not TOKEN.fullmatch(method):
        return f"method: {method!r} is not an HTTP method: write it like GET."
    for name, value in headers.items():
        if not TOKEN.fullmatch(name):
            return f"headers: {name!r} is not a header name: it has letters, digits and !#$%&'*+.^_`|~-."
        if value is None or isinstance(value, (dict, list)) or not CONTENT.fullmatch(str(value)):
            return f"headers: {name} must be one line of text: quote it, and percent-encode what is not Latin-1."
    return ""


@dataclass(frozen=True)
class Peer:
    """The one at the other end of a connection, as far as the callee's proxy can tell."""

    principal: str = ""
    """The SPIFFE id of its certificate, such as ``spiffe://cluster.local/ns/a/sa/b``; empty for plain text."""
    address: str = ""
    client: str = ""
    """The address of the client behind it, as the proxy takes it; empty where it is its own."""


@dataclass(frozen=True)
class Token:
    """A bearer token as far as it can be read without its key: the claims are what it says, not proven."""

    claims: t.Mapping[str, t.Any]

    @property
    def issuer(self) -> str:
        return str(self.claims.get("iss") or "")

    @property
    def subject(self) -> str:
        return str(self.claims.get("sub") or "")


def token_of(request: Request) -> Token | None:
    """The bearer token of a request; None where there is none, or it is not a JSON web token (RFC 7519)."""
    kind, _blank, text = (request.header("authorization") or "").partition(" ")
    parts = text.strip().split(".")
    if kind.lower() != "bearer" or len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return None
    return Token(claims) if isinstance(claims, dict) else None
