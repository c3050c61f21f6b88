# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe: sends the requests of a plan and writes down what came back.

One self-contained script on the standard library (Python 3.9 or later). It is imported for checks from the host, and
its source is piped to a bare ``python3`` inside a pod for checks from a workload; so it must import nothing of ours.
A plan is JSON (``read_plan`` names its fields), and so is the result: one observation per request, in plan order.

HTTP is spoken over plain sockets, not ``http.client``: a verdict needs to tell apart a connection that is refused, one
that is closed without one byte, and an answer that breaks off, and when the first byte came.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import ssl
import sys
import tempfile
import threading
import time
import typing as t
import uuid
from urllib.parse import urlencode, urljoin, urlsplit

READ_SIZE = 65536
LONGEST_HEAD = 65536
TALK_PAUSE = 0.3
SECURE = ("https", "tls", "grpcs")
MOST_REQUESTS = 100_000
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
REDIRECTS = (301, 302, 303, 307, 308)

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes, bool, float, float]
"""Status, headers, body, whether the body was cut, when its first byte came and when it ended."""


class ProbeError(Exception):
    """A request without a complete answer; ``kind`` is one of a closed set of words."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail


def tls_error_kind(error: Exception) -> str:
    """The kind of a failed TLS handshake, in words that a check can expect."""
    code = getattr(error, "verify_code", None)
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        if code in (10, 9):  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
            return "tls_expired"
        if code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return "tls_wrong_name"
        return "tls_untrusted_ca"
    if "CERTIFICATE_REQUIRED" in reason:
        return "tls_certificate_required"
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason or "HTTP_REQUEST" in reason:
        return "tls_not_spoken"
    return "tls_handshake"


def tls_context(options: dict[str, t.Any]) -> ssl.SSLContext:
    """A client context from a plan's ``tls``: ``ca``, ``cert`` and ``key`` as PEM, ``insecure``."""
    context = ssl.create_default_context(cadata=options.get("ca") or None)
    if options.get("insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.get("cert"):
        # The standard library loads certificates from files only; this one is gone before anything is sent.
        handle, name = tempfile.mkstemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(options["cert"] + "\n" + options.get("key", ""))
            context.load_cert_chain(name)
        finally:
            os.unlink(name)
    return context


def peer_names(certificate: bytes) -> list[str]:
    """URIs among the names of a DER certificate: [6] IA5String of a GeneralName (RFC 5280, 4.2.1.6).

    Read by hand, since the standard library shows a certificate only where it has been verified.
    """
    names = []
    for match in re.finditer(rb"\x86(.)(?=[a-z]+://)", certificate, re.S):
        names.append(certificate[match.end() : match.end() + match.group(1)[0]].decode("ascii", "replace"))
    return names


class Connection:
    """One kept-alive HTTP/1.1 connection. Not shared between threads."""

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int,
        address: tuple[str, int] | None,
        timeout: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        self.address = address or (host, port)
        self.timeout = timeout
        self.tls = tls
        self.sock: socket.socket | None = None
        self.connect_seconds = 0.0
        self.served = 0
        self.local: int | None = None
        self.name: str | None = None
        self.peer: list[str] = []
        self.buffer = b""

    def open(self) -> None:
        """Connect, and shake hands where the scheme asks for it."""
        started = time.perf_counter()
        try:
            addresses = socket.getaddrinfo(self.address[0], self.address[1], type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise ProbeError("dns_failure", f"{self.address[0]}: {error.strerror}") from error
        failure: ProbeError | None = None
        for family, kind, protocol, _name, address in addresses:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(self.timeout)
            try:
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = sock
                break
            except ConnectionRefusedError as error:
                failure = ProbeError("connection_refused", str(error))
            except socket.timeout:
                failure = ProbeError("timeout_connect", f"no answer to the TCP connection in {self.timeout:g}s")
            except OSError as error:
                failure = ProbeError("unreachable", str(error))
            sock.close()
        if self.sock is None:
            raise failure or ProbeError("unreachable", "no address")
        if self.tls is not None:
            self._handshake(self.sock, self.tls)
        self.connect_seconds = time.perf_counter() - started
        self.local = self.sock.getsockname()[1]

    def _handshake(self, plain: socket.socket, tls: ssl.SSLContext) -> None:
        try:
            self.sock = tls.wrap_socket(plain, server_hostname=self.name or self.host)
            certificate = self.sock.getpeercert(binary_form=True)
            self.peer = peer_names(certificate) if certificate else []
        except ssl.SSLError as error:
            plain.close()
            self.sock = None
            raise ProbeError(tls_error_kind(error), str(error)) from error
        except socket.timeout as error:
            plain.close()
            self.sock = None
            raise ProbeError("timeout_connect", f"the TLS handshake did not end in {self.timeout:g}s") from error
        except OSError as error:
            plain.close()
            self.sock = None
            raise ProbeError("reset_before_response", f"closed during the TLS handshake: {error}") from error

    def close(self) -> None:
        """End the connection; it can be opened again."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.close()
        self.sock = None
        self.buffer = b""

    def exchange(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes, timeout: float, max_body: int
    ) -> Answer:
        """Send one request and read its answer, or raise ProbeError."""
        if self.sock is None:
            raise AssertionError("a request before the connection")
        deadline = time.perf_counter() + timeout
        lines = [f"{method} {target} HTTP/1.1"]
        lines += ["{}: {}".format(*pair) for pair in headers]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.sock.settimeout(timeout)
        broken = None
        try:
            self.sock.sendall(head + body)
        except socket.timeout as error:
            raise ProbeError("timeout_response", f"the request could not be sent in {timeout:g}s") from error
        except OSError as error:  # the peer may have answered before it closed: look before judging
            broken = error
        status, answer, first = self._head(deadline, timeout, broken)
        while 100 <= status < 200 and status != 101:
            status, answer, first = self._head(deadline, timeout, broken)
        content, truncated, keep = self._body(method, status, answer, deadline, max_body)
        ended = time.perf_counter()
        self.served += 1
        if not keep or truncated:
            self.close()
        return status, answer, content, truncated, first, ended

    def talk(self, body: bytes, timeout: float, max_body: int) -> Answer:
        """Plain TCP or TLS: send the bytes, read until the peer is silent or closes. Status 0: there is none."""
        if self.sock is None:
            raise AssertionError("there is no connection")
        started = time.perf_counter()
        deadline = started + timeout
        pieces: list[bytes] = []
        first = size = 0.0
        try:
            if body:
                self.sock.settimeout(timeout)
                self.sock.sendall(body)
            while size < max_body:
                # A peer that has begun to speak is given a short pause, one that has not the whole time;
                # with nothing said by us it need not speak at all.
                silence = min(deadline, time.perf_counter() + (TALK_PAUSE if pieces or not body else timeout))
                data = self._receive(silence)
                if not data:
                    if not pieces:
                        raise ProbeError("reset_before_response", "closed without one byte")
                    break
                first = first or time.perf_counter()
                pieces.append(data)
                size += len(data)
        except socket.timeout as error:
            if body and not pieces:
                raise ProbeError("timeout_response", f"no answer in {timeout:g}s") from error
        except ssl.SSLError as error:
            raise ProbeError(tls_error_kind(error), str(error)) from error
        except OSError as error:
            if not pieces:
                raise ProbeError("reset_before_response", str(error)) from error
        self.close()
        content = b"".join(pieces)
        ended = time.perf_counter()
        return 0, [], content[:max_body], size > max_body, first or ended, ended

    def _receive(self, deadline: float) -> bytes:
        if self.sock is None:
            raise AssertionError("an answer before the connection")
        left = deadline - time.perf_counter()
        if left <= 0:
            raise socket.timeout()
        self.sock.settimeout(left)
        return self.sock.recv(READ_SIZE)

    def _head(self, deadline: float, timeout: float, broken: OSError | None) -> tuple[int, Headers, float]:
        first = time.perf_counter()
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self.buffer) > LONGEST_HEAD:
                raise ProbeError("not_http", f"more than {LONGEST_HEAD} bytes and no end of the headers")
            try:
                data = self._receive(deadline)
            except socket.timeout as error:
                kind = "partial_response" if self.buffer else "timeout_response"
                raise ProbeError(kind, f"no answer in {timeout:g}s") from error
            except ssl.SSLError as error:  # under TLS 1.3 a missing client certificate shows only here
                raise ProbeError(tls_error_kind(error), str(error)) from error
            except OSError as error:
                if self.buffer:
                    raise ProbeError("partial_response", str(error)) from error
                raise ProbeError("reset_before_response", str(broken or error)) from error
            if not data:
                if self.buffer:
                    raise ProbeError("partial_response", "closed within the headers")
                raise ProbeError("reset_before_response", "closed without one byte")
            if not self.buffer:
                first = time.perf_counter()
            self.buffer += data
            if not self.buffer.startswith(b"HTTP/"[: len(self.buffer)]):
                raise ProbeError("not_http", repr(self.buffer[:40]))
        head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        if len(parts) < 2 or not parts[1].isdigit():
            raise ProbeError("not_http", repr(lines[0][:40]))
        answer = []
        for line in lines[1:]:
            name, _colon, value = line.partition(":")
            answer.append((name.strip().lower(), value.strip()))
        return int(parts[1]), answer, first

    def _body(
        self, method: str, status: int, headers: Headers, deadline: float, max_body: int
    ) -> tuple[bytes, bool, bool]:
        """(body, truncated, keep the connection). Never reads more than ``max_body`` bytes and a read."""
        fields = dict(headers)
        keep = fields.get("connection", "").lower() != "close"
        if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
            return b"", False, keep
        if "chunked" in fields.get("transfer-encoding", "").lower():
            content, truncated = self._chunks(deadline, max_body)
            return content, truncated, keep
        length = fields.get("content-length")
        if length is not None and length.isdigit():
            wanted = int(length)
            content = self._exactly(min(wanted, max_body), deadline)
            return content, wanted > max_body, keep
        pieces, size = [self.buffer], len(self.buffer)
        self.buffer = b""
        while size <= max_body:
            data = self._more(deadline, eof_allowed=True)
            if not data:
                return b"".join(pieces), False, False
            pieces.append(data)
            size += len(data)
        return b"".join(pieces)[:max_body], True, False

    def _more(self, deadline: float, eof_allowed: bool = False) -> bytes:
        try:
            data = self._receive(deadline)
        except socket.timeout as error:
            raise ProbeError("partial_response", "the body did not end in time") from error
        except OSError as error:
            raise ProbeError("partial_response", str(error)) from error
        if not data and not eof_allowed:
            raise ProbeError("partial_response", "closed within the body")
        return data

    def _exactly(self, size: int, deadline: float) -> bytes:
        pieces, have = [self.buffer], len(self.buffer)
        while have < size:
            data = self._more(deadline)
            pieces.append(data)
            have += len(data)
        content = b"".join(pieces)
        self.buffer = content[size:]
        return content[:size]

    def _line(self, deadline: float) -> bytes:
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > LONGEST_HEAD:
                raise ProbeError("partial_response", "a chunk without a size")
            self.buffer += self._more(deadline)
        line, _end, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _chunks(self, deadline: float, max_body: int) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        size = 0
        while True:
            try:
                length = int(self._line(deadline).split(b";")[0], 16)
            except ValueError as error:
                raise ProbeError("partial_response", "a chunk without a size") from error
            if length == 0:
                while self._line(deadline):
                    pass
                return b"".join(pieces), False
            if size + length > max_body:
                pieces.append(self._exactly(max_body - size, deadline))
                return b"".join(pieces), True
            pieces.append(self._exactly(length, deadline))
            self._exactly(2, deadline)
            size += length


Pool = dict[tuple[str, str, int], Connection]


# HPACK (RFC 7541). Appendix B: the bits of each symbol's Huffman code, A for 5 to Z for 30. The code is canonical,
# so that lengths tell all: codes of one length follow each other in the order of their symbols.
HUFFMAN = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBB"
    "ABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWW"
    "WPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ"
)
# Appendix A, without the requests' pseudo headers, whose names are all that a client may be told.
STATIC = [
    "",
    ":authority",
    ":method=GET",
    ":method=POST",
    ":path=/",
    ":path=/index.html",
    ":scheme=http",
    ":scheme=https",
    ":status=200",
    ":status=204",
    ":status=206",
    ":status=304",
    ":status=400",
    ":status=404",
    ":status=500",
    "accept-charset",
    "accept-encoding=gzip, deflate",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
]


def huffman_codes() -> dict[tuple[int, int], int]:
    """Symbols by (length, code)."""
    codes = {}
    code = length = 0
    for bits, symbol in sorted((ord(letter) - 60, symbol) for symbol, letter in enumerate(HUFFMAN)):
        code <<= bits - length
        length = bits
        codes[length, code] = symbol
        code += 1
    return codes


CODES = huffman_codes()


def unhuffman(data: bytes) -> bytes:
    """The text of a Huffman coded string; what is left at its end is padding."""
    text = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = CODES.get((length, code))
            if symbol is not None:
                text.append(symbol & 0xFF)
                code = length = 0
    return bytes(text)


class HeaderReader:
    """Decodes header blocks of a peer that was told to keep no table (SETTINGS_HEADER_TABLE_SIZE 0)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, bits: int) -> int:
        """An integer with a prefix of so many bits (RFC 7541, 5.1)."""
        most = (1 << bits) - 1
        value = self.data[self.at] & most
        self.at += 1
        shift = 0
        while value >= most:
            byte = self.data[self.at]
            self.at += 1
            value += (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        return value

    def text(self) -> str:
        """A string literal (5.2)."""
        coded = self.data[self.at] & 128
        size = self.number(7)
        content = self.data[self.at : self.at + size]
        self.at += size
        return (unhuffman(content) if coded else content).decode("latin-1")

    def all(self) -> Headers:
        """All fields of the block."""
        found: Headers = []
        while self.at < len(self.data):
            first = self.data[self.at]
            if first & 128:  # an indexed field
                name, _equals, value = STATIC[self.number(7)].partition("=")
                found.append((name, value))
            elif first & 64 or not first & 32:  # a literal, to be indexed or not
                index = self.number(6 if first & 64 else 4)
                name = STATIC[index].partition("=")[0] if index else self.text()
                found.append((name, self.text()))
            else:  # the table's new size
                self.number(5)
        return found


def literal(name: str, value: str) -> bytes:
    """A field that is not indexed, not Huffman coded: valid anywhere."""
    coded = b"\0"
    for part in (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")):
        size = len(part)
        if size < 127:
            coded += bytes([size])
        else:
            coded += b"\x7f"
            size -= 127
            while size >= 128:
                coded += bytes([size & 127 | 128])
                size >>= 7
            coded += bytes([size])
        coded += part
    return coded


class Connection2(Connection):
    """One HTTP/2 connection (RFC 9113), with prior knowledge or by ALPN; one request at a time."""

    DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
    # No table for headers, no pushes, windows as large as may be: then nothing of that has to be kept.
    PREFACE = (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        b"\0\0\x12\x04\0\0\0\0\0" + b"\0\x01\0\0\0\0" + b"\0\x02\0\0\0\0" + b"\0\x04\x7f\xff\xff\xff"
        b"\0\0\x04\x08\0\0\0\0\0\x7f\x00\x00\x00"
    )

    def open(self) -> None:
        super().open()
        self.stream = -1
        self.heard = False

    @staticmethod
    def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
        """A frame (RFC 9113, 4.1)."""
        return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content

    def exchange(
        self, method: str, target: str, headers: Headers, body: bytes, timeout: float, max_body: int
    ) -> Answer:
        if self.sock is None:
            raise AssertionError("there is no connection")
        deadline = time.perf_counter() + timeout
        start = b"" if self.stream > 0 else self.PREFACE
        self.stream += 2
        fields = {name.lower(): value for name, value in headers}
        block = b"".join(
            literal(name, value)
            for name, value in (
                (":method", method),
                (":scheme", "https" if self.tls is not None else "http"),
                (":path", target),
                (":authority", fields.get("host", self.host)),
            )
        )
        block += b"".join(
            literal(name, value) for name, value in headers if name.lower() not in ("host", "connection", "keep-alive")
        )
        sent = start + self.frame(self.HEADERS, 4 if body else 5, self.stream, block)
        for at in range(0, len(body), 16384):
            last = at + 16384 >= len(body)
            sent += self.frame(self.DATA, 1 if last else 0, self.stream, body[at : at + 16384])
        self.sock.settimeout(timeout)
        try:
            self.sock.sendall(sent)
        except socket.timeout as error:
            raise ProbeError("timeout_response", f"the request could not be sent in {timeout:g}s") from error
        except (BrokenPipeError, ConnectionResetError):
            pass  # the peer may have said why before it closed: what it sent is read next
        answer, content, truncated, first = self._stream(deadline, timeout, max_body)
        self.served += 1
        status = dict(answer).get(":status", "")
        if not status.isdigit():
            raise ProbeError("not_http", "an answer without a status")
        if truncated:
            self.close()
        shown = [pair for pair in answer if pair[0] != ":status"]
        return int(status), shown, content, truncated, first, time.perf_counter()

    def _stream(self, deadline: float, timeout: float, max_body: int) -> tuple[Headers, bytes, bool, float]:
        """The frames of one answer: headers, body, trailers among the headers."""
        answer: Headers = []
        pieces: list[bytes] = []
        size = 0
        block = b""
        first = 0.0
        while True:
            kind, flags, stream, content = self._frame(deadline, timeout, bool(answer))
            if kind == self.SETTINGS and not flags & 1:
                self._tell(self.frame(self.SETTINGS, 1, 0, b""))
            elif kind == self.PING and not flags & 1:
                self._tell(self.frame(self.PING, 1, 0, content))
            elif kind == self.GOAWAY and int.from_bytes(content[:4], "big") < self.stream:
                raise ProbeError("reset_before_response", "the peer goes away and has not looked at the request")
            if stream != self.stream:
                continue
            if kind == self.RESET:
                raise ProbeError("stream_reset", f"error code {int.from_bytes(content, 'big')}")
            if kind in (self.HEADERS, self.CONTINUATION):
                first = first or time.perf_counter()
                if kind == self.HEADERS:
                    pad = content[0] if flags & 8 else 0
                    content = content[(1 if flags & 8 else 0) + (5 if flags & 32 else 0) : len(content) - pad]
                    ends = flags & 1
                block += content
                if flags & 4:
                    fields = HeaderReader(block).all()
                    block = b""
                    if not (fields and fields[0][0] == ":status" and fields[0][1].startswith("1")):
                        answer += fields
                    if ends:
                        return answer, b"".join(pieces), False, first
            elif kind == self.DATA:
                pad = content[0] if flags & 8 else 0
                content = content[1 if flags & 8 else 0 : len(content) - pad]
                pieces.append(content)
                size += len(content)
                if size > max_body or flags & 1:
                    return answer, b"".join(pieces)[:max_body], size > max_body, first

    def _frame(self, deadline: float, timeout: float, begun: bool) -> tuple[int, int, int, bytes]:
        head = self._bytes(9, deadline, timeout, begun)
        if head.startswith(b"HTTP/1"):
            raise ProbeError("not_http", "HTTP/1.1 is spoken where HTTP/2 is asked for")
        content = self._bytes(int.from_bytes(head[:3], "big"), deadline, timeout, begun)
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, content

    def _bytes(self, size: int, deadline: float, timeout: float, begun: bool) -> bytes:
        while len(self.buffer) < size:
            try:
                data = self._receive(deadline)
            except socket.timeout as error:
                raise ProbeError(
                    "partial_response" if begun else "timeout_response", f"no answer in {timeout:g}s"
                ) from error
            except ssl.SSLError as error:
                raise ProbeError(tls_error_kind(error), str(error)) from error
            except OSError as error:
                raise ProbeError("partial_response" if self.heard else "reset_before_response", str(error)) from error
            if not data:
                raise ProbeError("partial_response" if self.heard else "reset_before_response", "closed")
            self.heard = True
            self.buffer += data
        content, self.buffer = self.buffer[:size], self.buffer[size:]
        return content

    def _tell(self, content: bytes) -> None:
        if self.sock is None:
            raise AssertionError("there is no connection")
        try:
            self.sock.sendall(content)
        except OSError as error:
            raise ProbeError("partial_response", str(error)) from error


class Jar:
    """The cookies of one session, shared by its workers. Names and values only: one host, one check."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lock = threading.Lock()

    def take(self, headers: Headers) -> None:
        """Keep what an answer sets, forget what it takes back."""
        with self.lock:
            for name, value in headers:
                if name != "set-cookie":
                    continue
                pair, _semicolon, attributes = value.partition(";")
                key, _equals, content = pair.strip().partition("=")
                if re.search(r"max-age\s*=\s*(0|-)", attributes, re.I) or not content:
                    self.values.pop(key, None)
                else:
                    self.values[key] = content

    def header(self) -> str:
        """The value of the Cookie header."""
        with self.lock:
            return "; ".join("{}={}".format(*pair) for pair in self.values.items())


class Job:
    """One check's requests: ``phases`` one after the other, each over new connections."""

    def __init__(self, spec: dict[str, t.Any], run: str) -> None:
        self.spec = spec
        self.run = run
        self.id = spec["id"]
        self.method = spec.get("method", "GET")
        self.url = spec["url"]
        self.headers = [(str(name), str(value)) for name, value in spec.get("headers", [])]
        self.body = base64.b64decode(spec.get("body", ""))
        self.timeout = float(spec.get("timeout", 15))
        self.max_body = int(spec.get("max_body", 1 << 20))
        self.keep_body = int(spec.get("keep_body", 0))
        self.follow = int(spec.get("follow_redirects", 0))
        self.extract = {name: [re.compile(p, re.S) for p in found] for name, found in spec.get("extract", {}).items()}
        address = spec.get("address")
        self.address = (address[0], int(address[1])) if address else None
        self.jar = Jar() if spec.get("session") else None
        self.tls = self.context() if urlsplit(self.url).scheme in SECURE else None
        self.observations: list[dict[str, t.Any]] = []
        self.lock = threading.Lock()
        self.clock = threading.Event()
        self.begun = 0.0
        self.limit = float(spec.get("limit", "inf"))
        self.until = 0.0
        self.first = 0
        self.next = 0
        self.end = 0

    def execute(self) -> dict[str, t.Any]:
        """Log in if asked to, send all phases, return what was seen."""
        started = time.perf_counter()
        self.until = started + self.limit
        number = int(self.spec.get("first", 0))
        error: dict[str, str] | None = None
        try:
            if self.spec.get("session"):
                self.login(self.spec["session"])
        except ProbeError as failure:
            error = {"kind": "login_failed", "detail": (f"{failure.kind} {failure.detail}").strip()}
        if error is None:
            for index, phase in enumerate(self.spec["phases"]):
                # A phase has a number of requests, or a number of seconds and a rate.
                count = int(phase.get("count", MOST_REQUESTS))
                self.first = self.next = number
                self.end = number + count
                self.begun = time.perf_counter()
                workers = max(1, min(int(phase.get("concurrency", 1)), count))
                threads = [threading.Thread(target=self.work, args=(index, phase)) for _worker in range(workers)]
                for thread in threads:
                    thread.daemon = True
                    thread.start()
                for thread in threads:
                    thread.join()
                number = self.next
        self.observations.sort(key=lambda seen: seen["n"])
        return {"observations": self.observations, "error": error, "seconds": time.perf_counter() - started}

    def login(self, session: dict[str, t.Any]) -> None:
        """Log in like a browser: POST the form, keep the cookies. A redirect is the usual answer to it."""
        body = urlencode(session["form"]).encode()
        headers = [("content-type", "application/x-www-form-urlencoded")]
        seen = self.request({}, "POST", urljoin(self.url, session["login"]), headers, body, "login", keep=200)
        if seen["error"]:
            raise ProbeError(seen["error"]["kind"], seen["error"]["detail"])
        if seen["status"] >= 400:
            raise ProbeError(f"status {seen['status']}", "to the login at " + session["login"])
        if self.jar is None or not self.jar.values:
            raise ProbeError("no cookie", "in the answer to the login at " + session["login"])

    def work(self, index: int, phase: dict[str, t.Any]) -> None:
        """One worker of a phase: take the next number, send, write down."""
        pool: Pool = {}
        discard = bool(phase.get("discard"))
        first, rate = self.first, float(phase.get("rate", 0))
        seconds = float(phase.get("seconds", "inf"))
        while True:
            with self.lock:
                n = self.next
                due = (n - first) / rate if rate else 0.0
                now = time.perf_counter()
                if n >= self.end or due > seconds or now - self.begun > seconds or now > self.until:
                    break
                self.next += 1
            wait = self.begun + due - time.perf_counter()
            if wait > 0:
                self.clock.wait(wait)
            seen = self.request(pool, self.method, self.url, self.headers, self.body, n, self.keep_body)
            seen["n"] = n
            seen["phase"] = index
            seen["discard"] = discard
            with self.lock:
                self.observations.append(seen)
            if phase.get("fresh"):
                self.drop(pool)
        self.drop(pool)

    @staticmethod
    def drop(pool: Pool) -> None:
        """Close all connections of a worker."""
        for connection in pool.values():
            connection.close()
        pool.clear()

    def request(
        self, pool: Pool, method: str, url: str, headers: Headers, body: bytes, n: int | str, keep: int
    ) -> dict[str, t.Any]:
        """One request, with its redirects when asked for; the observation of its last answer."""
        seen: dict[str, t.Any] = {"started": time.time(), "status": None, "error": None, "agent": f"{self.run}-{n}"}
        trace = uuid.uuid4().hex
        begun = time.perf_counter()
        for _hop in range(self.follow + 1):
            answer = self.hop(pool, method, url, headers, body, trace, seen, keep)
            if answer is None or self.follow == 0 or answer[0] not in REDIRECTS or "location" not in answer[1]:
                break
            url = urljoin(url, answer[1]["location"])
            if answer[0] != 307 and answer[0] != 308 and method != "HEAD":
                method, body = "GET", b""
        seen["trace"] = trace
        seen["seconds"] = time.perf_counter() - begun
        return seen

    def hop(
        self,
        pool: Pool,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        trace: str,
        seen: dict[str, t.Any],
        keep: int,
    ) -> tuple[int, dict[str, str]] | None:
        """One request and its answer, written into the observation; None where there was none."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in SECURE else 80)
        key = (parts.scheme, parts.hostname or "", port)
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        fields = self.fields(parts.netloc.rpartition("@")[2], headers, body, method, str(seen["agent"]), trace)
        for attempt in (1, 2):
            connection = pool.get(key) or self.connection(*key)
            pool[key] = connection
            reused = connection.sock is not None
            try:
                if not reused:
                    connection.open()
                sent = time.perf_counter()
                if parts.scheme in ("tcp", "tls"):
                    exchanged = connection.talk(body, self.timeout, self.max_body)
                else:
                    exchanged = connection.exchange(method, target, fields, body, self.timeout, self.max_body)
                status, answer, content, truncated, first, ended = exchanged
            except ProbeError as error:
                connection.close()
                if attempt == 1 and reused and error.kind == "reset_before_response" and method in IDEMPOTENT:
                    continue  # the peer closed an idle connection: every HTTP client asks again on a new one
                seen["error"] = {"kind": error.kind, "detail": error.detail}
                seen["reused"] = reused
                seen["connect"] = connection.connect_seconds
                return None
            break
        if self.jar is not None:
            self.jar.take(answer)
        text = content.decode("utf-8", "replace") if keep or self.extract else ""
        seen["status"] = status or None
        seen["headers"] = answer
        if connection.peer:
            seen["peer"] = connection.peer
        seen["reused"] = reused
        seen["connection"] = connection.local
        seen["connect"] = 0.0 if reused else connection.connect_seconds
        seen["first_byte"] = first - sent
        seen["total"] = ended - sent
        seen["size"] = len(content)
        seen["truncated"] = truncated or len(text) > keep
        seen["body"] = text[:keep]
        seen["extracted"] = {name: self.find(found, text) for name, found in self.extract.items()}
        return status, dict(answer)

    def context(self) -> ssl.SSLContext:
        """How TLS is spoken in this job."""
        context = tls_context(self.spec.get("tls") or {})
        if self.spec.get("protocol") == "HTTP/2":
            context.set_alpn_protocols(["h2"])
        return context

    def connection(self, scheme: str, host: str, port: int) -> Connection:
        """A connection to where the job says, in the name of the URL's host."""
        tls = (self.tls or self.context()) if scheme in SECURE else None
        kind = Connection2 if self.spec.get("protocol") == "HTTP/2" else Connection
        made = kind(scheme, host, port, self.address, self.timeout, tls)
        made.name = (self.spec.get("tls") or {}).get("name")
        return made

    def fields(self, host: str, headers: Headers, body: bytes, method: str, agent: str, trace: str) -> Headers:
        """The request's headers: the user's own, and what makes it recognisable in the proxies' logs."""
        given = {name.lower() for name, _value in headers}
        fields = [] if "host" in given else [("host", host)]
        own = {name.lower(): value for name, value in headers}.get("user-agent")
        fields.append(("user-agent", (own + " " if own else "") + agent))
        if "accept" not in given:
            fields.append(("accept", "*/*"))
        for name, value in (
            ("x-request-id", str(uuid.UUID(trace))),
            ("x-b3-traceid", trace),
            ("x-b3-spanid", trace[16:]),
        ):
            if name not in given:
                fields.append((name, value))
        fields += [(name, value) for name, value in headers if name.lower() != "user-agent"]
        if self.jar is not None:
            cookies = self.jar.header()
            if cookies:
                fields.append(("cookie", cookies))
        if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in given:
            fields.append(("content-length", str(len(body))))
        return fields

    @staticmethod
    def find(patterns: list[re.Pattern[str]], text: str) -> str | None:
        """What the first pattern that is found has in its group."""
        for pattern in patterns:
            match = pattern.search(text)
            if match:
                return match.group(1).strip()
        return None


def run_plan(plan: dict[str, t.Any]) -> dict[str, t.Any]:
    """Send a plan's requests; its jobs run together."""
    jobs = [Job(spec, spec.get("agent") or plan["agent"]) for spec in plan["jobs"]]
    results: dict[str, t.Any] = {}

    def execute(job: Job) -> None:
        results[job.id] = job.execute()

    threads = [threading.Thread(target=execute, args=(job,)) for job in jobs]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join()
    return {"jobs": results}


def main() -> None:
    """Read a plan from standard input, up to its end or its newline; write the result as one line."""
    plan = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(run_plan(plan)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
