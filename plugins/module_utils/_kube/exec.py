# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import select
import socket
import ssl
import struct
import time
import typing as t
from dataclasses import dataclass

from .errors import ApiError, from_status
from .transport import NoAnswer, Query, Transport, retry_after

# WebSocket (RFC 6455) as the API server speaks it for exec: one byte of channel
# before each payload. v5 (Kubernetes 1.30 and later) can also close stdin.
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CHUNK = 32 * 1024
_CONTINUATION, _TEXT, _BINARY, _CLOSED, _PING, _PONG = 0, 1, 2, 8, 9, 10


@dataclass
class ExecResult:
    exit_code: int
    stdout: bytes
    stderr: bytes


def frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One final frame of a client, which must mask what it sends."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
    # XOR as one big integer: a loop over bytes would dominate the time of an exec.
    pad = (mask * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")
    return head + mask + masked


def exit_code(status: bytes) -> tuple[int, str]:
    """The exit code that the status channel reports; a command that could not start has none, so -1 and why."""
    try:
        parsed = json.loads(status)
    except ValueError:
        return -1, status[:200].decode("utf-8", "replace")
    if parsed.get("status") == "Success":
        return 0, ""
    for cause in (parsed.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    return -1, str(parsed.get("message") or "the command could not be run")


class WebSocket:
    """The client's end of one connection that was upgraded.

    What is sent is queued and goes out while answers are read: a command that writes before it has read
    all of its stdin would block us both otherwise.
    """

    def __init__(self, sock: socket.socket, buffered: bytes, protocol: str) -> None:
        self._sock = sock
        self._in = bytearray(buffered)
        self._out = bytearray()
        self.protocol = protocol

    def send(self, channel: int, data: bytes) -> None:
        self._out += frame(_BINARY, bytes([channel]) + data, os.urandom(4))

    def messages(self, deadline: float) -> t.Iterator[tuple[int, bytes]]:
        """Channel and payload of each message until the server closes. Raises TimeoutError at the deadline."""
        parts = bytearray()
        while True:
            head = self._exactly(2, deadline)
            final, opcode, length = head[0] & 0x80, head[0] & 0x0F, head[1] & 0x7F
            if length == 126:
                length = struct.unpack("!H", self._exactly(2, deadline))[0]
            elif length == 127:
                length = struct.unpack("!Q", self._exactly(8, deadline))[0]
            payload = self._exactly(length, deadline)
            if opcode == _CLOSED:
                return
            if opcode == _PING:
                self._out += frame(_PONG, payload, os.urandom(4))
            elif opcode in (_CONTINUATION, _TEXT, _BINARY):
                parts += payload
                if final:
                    if parts:
                        yield parts[0], bytes(parts[1:])
                    parts = bytearray()

    def _exactly(self, count: int, deadline: float) -> bytes:
        while len(self._in) < count or self._out:
            moved = self._flush()
            moved = self._fill() or moved
            if len(self._in) >= count and not moved:
                break
            if not moved:
                self._await(deadline)
        taken = bytes(self._in[:count])
        del self._in[:count]
        return taken

    def _flush(self) -> bool:
        if not self._out:
            return False
        self._sock.setblocking(False)
        try:
            sent = self._sock.send(self._out[:_CHUNK])
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:  # the other end wants no more; what it has said before that is still to be read
            self._out.clear()
            return False
        del self._out[:sent]
        return sent > 0

    def _fill(self) -> bool:
        self._sock.setblocking(False)
        try:
            piece = self._sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if not piece:
            raise ConnectionResetError("the connection was closed")
        self._in += piece
        return True

    def _await(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        select.select([self._sock], [self._sock] if self._out else [], [], left)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.settimeout(1.0)
            self._sock.sendall(frame(_CLOSED, struct.pack("!H", 1000), os.urandom(4)))
        self._sock.close()


def upgrade(
    transport: Transport, path: str, query: Query, timeout: float, protocols: t.Sequence[str] = PROTOCOLS
) -> WebSocket:
    """Open a WebSocket, as patiently as any request is made. Raises ApiError if the server refuses.

    Asking again is safe, since what is run gets its input only after the upgrade.
    """
    once = functools.partial(_upgrade, transport, transport.target(path, query), timeout, protocols)
    return transport.persist(once, repeatable=True, patience=timeout)


def _upgrade(transport: Transport, target: str, timeout: float, protocols: t.Sequence[str]) -> WebSocket:
    key = base64.b64encode(os.urandom(16)).decode()
    headers = transport.headers()
    headers["Accept"] = "*/*"  # what comes is no representation of an object: asking for JSON gets 406
    group = headers.pop("Impersonate-Group", None)
    lines = [f"GET {target} HTTP/1.1", f"Host: {transport.host}:{transport.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Impersonate-Group: {item}" for item in (group.split("\n") if group else ())]
    lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    lines += [f"Sec-WebSocket-Protocol: {', '.join(protocols)}"]
    try:
        sock = transport.open(min(timeout, 30.0)).sock
    except OSError as exc:
        raise NoAnswer(exc, sent=False, reused=False) from exc
    try:
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        status, answered, rest = _read_head(sock)
        if status != 101:
            raise from_status(status, _read_rest(sock, rest, answered), retry_after(answered.get("retry-after")))
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
        if answered.get("sec-websocket-accept") != accept:
            raise ApiError(101, "Upgrade", "what answers is no WebSocket server; check what is between here and it")
    except OSError as exc:
        sock.close()
        raise NoAnswer(exc, sent=True, reused=False) from exc
    except ApiError:
        sock.close()
        raise
    return WebSocket(sock, rest, answered.get("sec-websocket-protocol", protocols[-1]))


def _read_head(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the first bytes of what follows. By hand: http.client would read ahead into the frames."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece or len(data) > 1 << 20:
            raise ConnectionResetError("the connection was closed")
        data += piece
    head, _blank, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ApiError(0, "Upgrade", "what answers in the API server's place does not speak HTTP; check its address")
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _colon, value in pairs}, rest


def _read_rest(sock: socket.socket, rest: bytes, headers: dict[str, str]) -> bytes:
    length = int(headers.get("content-length", "0"))
    while len(rest) < min(length, 1 << 20):
        piece = sock.recv(65536)
        if not piece:
            break
        rest += piece
    return rest


def run(
    transport: Transport, path: str, query: dict[str, str], command: list[str], stdin: bytes, timeout: float
) -> ExecResult:
    """Run a command in a container: all of stdin in, all of stdout and stderr and the exit code out."""
    deadline = time.monotonic() + timeout

    def opened(words: list[str]) -> WebSocket:
        return upgrade(transport, path, [*query.items(), *(("command", word) for word in words)], timeout)

    socket_ = opened(command)
    if stdin and socket_.protocol != PROTOCOLS[0]:
        # v4 cannot say that stdin ends, so the length is told to something that stops reading by itself.
        socket_.close()
        socket_ = opened(["sh", "-c", 'size=$1; shift; head -c "$size" | "$@"', "sh", str(len(stdin)), *command])
    out, err, status = bytearray(), bytearray(), bytearray()
    try:
        for start in range(0, len(stdin), _CHUNK):
            socket_.send(STDIN, stdin[start : start + _CHUNK])
        if stdin and socket_.protocol == PROTOCOLS[0]:
            socket_.send(CLOSE, bytes([STDIN]))
        for channel, payload in socket_.messages(deadline):
            if channel == STDOUT:
                out += payload
            elif channel == STDERR:
                err += payload
            elif channel == STATUS:
                status += payload
    except TimeoutError as exc:
        text = f"the command {command[0]} did not end within {timeout:g} s; raise the timeout or see why it hangs"
        raise ApiError(0, "Timeout", text) from exc
    except OSError as exc:
        if not status:
            text = f"the connection broke while the command {command[0]} ran ({exc}); run this again"
            raise ApiError(0, "Unreachable", text) from exc
    finally:
        socket_.close()
    code, why = exit_code(bytes(status)) if status else (-1, "the command's exit code is not known")
    if code < 0:
        raise ApiError(0, "ExecFailed", why)
    return ExecResult(code, bytes(out), bytes(err))


class PodHttp:
    """HTTP GET to a port of a pod as from inside the pod, over one forwarded connection that is kept."""

    _DATA, _ERROR = 0, 1

    def __init__(self, transport: Transport, path: str, port: int, timeout: float) -> None:
        self._socket = upgrade(transport, path, [("ports", str(port))], timeout, PROTOCOLS[-1:])
        self._port = port
        self._timeout = timeout
        self._greeted: set[int] = set()

    def get(self, path: str) -> bytes:
        """The body of the answer. Raises ApiError for any status but 200."""
        deadline = time.monotonic() + self._timeout
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nAccept: */*\r\n\r\n"
        data = bytearray()
        length: int | None = None
        try:
            self._socket.send(self._DATA, request.encode("latin-1"))
            for channel, payload in self._socket.messages(deadline):
                if channel not in self._greeted:  # the first message of each channel only repeats the port
                    self._greeted.add(channel)
                    continue
                if channel == self._ERROR:
                    raise ApiError(0, "Forward", " ".join(payload.decode("utf-8", "replace").split()))
                data += payload
                # Big answers come in many pieces: they are only looked at where one may be the last.
                if length is None:
                    length = expected_length(data)
                if length is not None and len(data) < length:
                    continue
                if length == 0 and not data.endswith(b"0\r\n\r\n"):
                    continue
                answer = parse_answer(bytes(data))
                if answer is not None:
                    status, body = answer
                    if status != 200:
                        raise from_status(status, body)
                    return body
        except OSError as exc:
            raise ApiError(0, "Forward", f"port {self._port} gives no answer to {path} ({exc or 'timeout'})") from exc
        raise ApiError(0, "Forward", f"port {self._port} closed the connection at {path}")

    def close(self) -> None:
        self._socket.close()


def expected_length(data: bytes | bytearray) -> int | None:
    """How long an HTTP/1.1 answer is with its head; 0 if only its end tells, None while its head is not there."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    for line in bytes(data[:end]).decode("latin-1").split("\r\n")[1:]:
        name, _colon, value = line.partition(":")
        if name.lower() == "content-length":
            return end + 4 + int(value)
    return 0


def parse_answer(data: bytes) -> tuple[int, bytes] | None:
    """Status and body of an HTTP/1.1 answer; None while it is not complete."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
    status = int(first.split(" ")[1])
    if headers.get("transfer-encoding", "").lower() != "chunked":
        length = int(headers.get("content-length", "0"))
        return (status, rest[:length]) if len(rest) >= length else None
    if not rest.endswith(b"0\r\n\r\n"):
        return None
    body = bytearray()
    at = 0
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(rest[at:end].split(b";")[0], 16)
        if size == 0:
            return status, bytes(body)
        if len(rest) < end + 2 + size:
            return None
        body += rest[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
