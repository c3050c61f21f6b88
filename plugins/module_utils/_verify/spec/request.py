# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check sends."""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import urlencode, urlsplit

from ..._explain.request import CONTENT, TOKEN
from ..probe.tls import tls_context
from ..probe.wire import SECURE
from .reader import Reader, default_to, names, plain, shown
from .types import GRPC, LARGEST_BODY_2, PROTOCOLS, RAW, SCHEMES, WORKLOAD, Request, Session, Tls

UNREADABLE = {
    "ca": "holds no certificate that can be read",
    "cert": "and its key cannot be read together",
}

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
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
SESSION_KEYS = ("login", "username", "password", "form")


def request_of(value: object, title: str, timeout: float) -> Request:
    reader = Reader(value, "request", REQUEST_KEYS, title)
    url = reader.text("url")
    if url is None:
        raise reader.error("url", "is missing")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise reader.error("url", f"is not a URL: {shown(url)}") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise reader.error("url", f"must look like http://host/path or https://host/path, not {shown(url)}")
    if parts.scheme in RAW and (port is None or parts.path not in ("", "/")):
        raise reader.error("url", f"must look like {parts.scheme}://host:port, not {shown(url)}")
    if re.search(r"[\s\x00-\x1f]", url):
        raise reader.error("url", "must not contain blanks or control characters")
    if not url.isascii():
        raise reader.error("url", "must be ASCII: write other characters percent-encoded, and a host by its IDNA name")
    headers = reader.pairs("headers")
    for name, content in headers:
        if not TOKEN.fullmatch(name):
            raise reader.error(f"headers.{name}", "is not a header name: it has letters, digits and !#$%&'*+.^_`|~-")
        if not CONTENT.fullmatch(content):
            raise reader.error(f"headers.{name}", "must not contain control characters, or characters beyond Latin-1")
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
        raise reader.error("method", f"is {shown(method)}; allowed: {names(METHODS)}")
    return Request(
        url=url,
        method=method,
        headers=headers,
        body=body,
        session=_session(reader),
        follow_redirects=reader.flag("follow_redirects"),
        timeout=default_to(reader.number("timeout", 0.05, 600), timeout),
        count=reader.whole("count", 1, 50_000),
        concurrency=default_to(reader.whole("concurrency", 1, 256), 8),
        tls=_tls(reader, parts.scheme),
        stream=reader.flag("stream"),
        connect_to=_workload(reader, "connect_to"),
        protocol=protocol,
    )


def _body(reader: Reader) -> tuple[bytes, str | None]:
    if reader.has("body") and reader.has("form"):
        raise reader.error("form", "cannot stand beside request.body: give one of them")
    if reader.has("form"):
        return urlencode(reader.pairs("form")).encode(), "application/x-www-form-urlencoded"
    body = reader.value.get("body")
    if body is None:
        return b"", None
    if isinstance(body, (t.Mapping, list)):
        return json.dumps(body).encode(), "application/json"
    return plain(body).encode(), None


def _protocol(reader: Reader, scheme: str, body: bytes) -> str:
    protocol = reader.text("protocol") or ("HTTP/2" if scheme in GRPC else "HTTP/1.1")
    if protocol not in PROTOCOLS:
        raise reader.error(
            "protocol", f"is {shown(protocol)}; allowed: {names(PROTOCOLS)} (gRPC, TCP and TLS by the url's scheme)"
        )
    if reader.has("protocol") and scheme not in ("http", "https"):
        raise reader.error("protocol", f"cannot be chosen for a URL that begins with {scheme}")
    if protocol == "HTTP/2" and len(body) > LARGEST_BODY_2:
        raise reader.error("body", f"is longer than {LARGEST_BODY_2} bytes, the most that is sent over HTTP/2")
    return protocol


def _tls(reader: Reader, scheme: str) -> Tls | None:
    if not reader.has("tls"):
        return None
    if scheme not in SECURE:
        raise reader.error("tls", f"needs a URL that begins with https or tls, not {scheme}")
    inner = Reader(reader.value["tls"], "request.tls", TLS_KEYS, reader.title)
    cert, key = pem_of(inner, "cert"), pem_of(inner, "key")
    if cert is None and key is not None:
        raise inner.error("key", "is given without request.tls.cert")
    if cert is not None and key is None and "PRIVATE KEY" not in cert:
        raise inner.error("key", "is missing: the private key of request.tls.cert")
    ca, insecure = pem_of(inner, "ca"), inner.flag("insecure")
    if ca and insecure:
        raise inner.error(
            "insecure", "cannot stand beside request.tls.ca: either a CA is trusted, or nothing is verified"
        )
    for field, given in (("ca", {"ca": ca}), ("cert", {"cert": cert, "key": key or ""})):
        try:
            if given[field]:
                tls_context(given)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise inner.error(field, f"{UNREADABLE[field]}: {_reason(error)}") from None
    return Tls(ca, cert, key, insecure, inner.text("name"))


def _reason(error: Exception) -> str:
    """Why OpenSSL refuses something, in its words and without the place in its sources."""
    words = re.sub(r"\(_ssl\.c:\d+\)", "", str(error)).replace("_", " ")
    return " ".join(words.split()).rstrip(".").lower()


def pem_of(reader: Reader, key: str) -> str | None:
    """PEM text as given, or that of the file that is named."""
    value = reader.text(key)
    if value is not None and not value.isascii():
        raise reader.error(key, "must be PEM text, which is ASCII, or the name of a file with it")
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


def _workload(reader: Reader, key: str) -> str | None:
    value = reader.text(key)
    if value is not None and not WORKLOAD.fullmatch(value):
        raise reader.error(key, f"must be the name of a workload, not {shown(value)}")
    return value


def _session(reader: Reader) -> Session | None:
    value = reader.value.get("session")
    if value is None:
        return None
    inner = Reader(
        {"username": value} if isinstance(value, str) else value, "request.session", SESSION_KEYS, reader.title
    )
    form = inner.pairs("form")
    username = inner.text("username")
    if username is not None:
        # Bookinfo's form has these two fields and takes any password (productpage.py of Istio's samples).
        form = (("username", username), ("passwd", inner.text("password", username) or username), *form)
    if not form:
        raise inner.error("username", "is missing: give it, or the fields to log in with as form")
    login = inner.text("login", "/login") or "/login"
    try:
        parts = urlsplit(login)
        readable = parts.port != 0 and parts.scheme in ("", "http", "https")
    except ValueError:
        readable = False
    if not readable or not login.isascii() or re.search(r"[\s\x00-\x1f]", login):
        raise inner.error("login", f"must be a path or a URL of HTTP, not {shown(login)}")
    return Session(login, form)
