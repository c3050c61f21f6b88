# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 over a plain socket or TLS, and the bytes of TCP without HTTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from .tls import peer_names, tls_error_kind
from .wire import Answer, Headers, ProbeError, whole

READ_SIZE = 65536
LONGEST_HEAD = 65536
TALK_PAUSE = 0.3


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
        status = whole(parts[1]) if len(parts) > 1 else None
        if status is None:
            raise ProbeError("not_http", repr(lines[0][:40]))
        answer = []
        for line in lines[1:]:
            name, _colon, value = line.partition(":")
            answer.append((name.strip().lower(), value.strip()))
        return status, answer, first

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
        wanted = whole(fields.get("content-length", ""))
        if wanted is not None:
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
                if length < 0:
                    raise ValueError("a size below 0")
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
