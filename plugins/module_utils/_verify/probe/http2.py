# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 (RFC 9113) as far as one request at a time needs it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from .hpack import HeaderReader, literal
from .http1 import Connection
from .tls import tls_error_kind
from .wire import Answer, Headers, ProbeError, whole


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
        self.heard = False
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
        except OSError:
            pass  # the peer may have said why before it closed: what it sent is read next
        try:
            answer, content, truncated, first = self._stream(deadline, timeout, max_body)
        except IndexError as error:  # a field or a frame that says it is longer than it is
            raise ProbeError("not_http", "a frame or a header block that ends too early") from error
        self.served += 1
        status = whole(dict(answer).get(":status", ""))
        if status is None:
            raise ProbeError("not_http", "an answer without a status")
        if truncated:
            self.close()
        shown = [pair for pair in answer if pair[0] != ":status"]
        return status, shown, content, truncated, first, time.perf_counter()

    def _stream(self, deadline: float, timeout: float, max_body: int) -> tuple[Headers, bytes, bool, float]:
        """The frames of one answer: headers, body, trailers among the headers."""
        answer: Headers = []
        pieces: list[bytes] = []
        size = 0
        block = b""
        first = 0.0
        ends = 0
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
        stream = int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
        # Only frames of this stream are an answer: every server begins with its settings.
        self.heard = self.heard or stream == self.stream
        return head[3], head[4], stream, self._bytes(int.from_bytes(head[:3], "big"), deadline, timeout, begun)

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
            self.buffer += data
        content, self.buffer = self.buffer[:size], self.buffer[size:]
        return content

    def _tell(self, content: bytes) -> None:
        if self.sock is None:
            raise AssertionError("there is no connection")
        with contextlib.suppress(OSError):  # the peer has closed: what it sent before is read next
            self.sock.sendall(content)
