# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in containers and forwarded ports of pods, over the WebSocket of websocket-client."""

from __future__ import annotations

import collections
import contextlib
import functools
import http.client
import io
import json
import select
import socket
import ssl
import time
import typing as t
from dataclasses import dataclass

from .errors import ApiError, ConfigError, from_status
from .transport import Query, Transport, retry_after
from .unreached import NoAnswer

try:
    import websocket
    from urllib3.util.ssltransport import SSLTransport  # TLS to a server inside of TLS to a proxy
except ImportError:  # upgrade() says so
    HAS_WEBSOCKET = False
else:
    HAS_WEBSOCKET = True

# One byte of channel before each payload. v5 (Kubernetes 1.30 and later) can also close stdin.
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255

# Small enough to go out at once whenever the socket can be written to, so that sending never blocks.
_CHUNK = 4 * 1024
_CONNECT = 30.0  # seconds


@dataclass
class ExecResult:
    exit_code: int
    stdout: bytes
    stderr: bytes


def exit_code(status: bytes) -> tuple[int, str]:
    """The exit code that the status channel reports; a command that could not start has none, so -1 and why."""
    try:
        parsed = json.loads(status)
        if parsed.get("status") == "Success":
            return 0, ""
        for cause in (parsed.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                return int(cause["message"]), ""
        return -1, str(parsed.get("message") or "the command could not be run")
    except (ValueError, KeyError, TypeError, AttributeError):
        return -1, status[:200].decode("utf-8", "replace")


class Channels:
    """The channels of one upgraded connection.

    What is sent is queued and goes out while answers are read: a command that writes before it has read
    all of its stdin would block both ends otherwise.
    """

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection
        self._out: collections.deque[bytes] = collections.deque()
        self.protocol = str(connection.getsubprotocol())

    def send(self, channel: int, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK):
            self._out.append(bytes([channel]) + data[start : start + _CHUNK])

    def messages(self, deadline: float) -> t.Iterator[tuple[int, bytes]]:
        """Channel and payload of each message until the server closes.

        Raises TimeoutError at the deadline, ConnectionError where the connection breaks.
        """
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            try:
                if not self._readable(left):
                    self._send_one()
                    continue
                opcode, frame = self._connection.recv_data_frame()
            except (TimeoutError, websocket.WebSocketTimeoutException) as exc:
                raise TimeoutError from exc
            except (websocket.WebSocketException, OSError) as exc:
                raise ConnectionResetError(str(exc)) from exc
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return
            if frame.data:
                yield frame.data[0], bytes(frame.data[1:])

    def _readable(self, left: float) -> bool:
        """Wait until there is something to read, or to send and room for it; False in the second case."""
        sock = self._connection.sock
        if _buffered(sock):
            return True
        readable, writable, _failed = select.select([sock], [sock] if self._out else [], [], left)
        if not readable and not writable:
            raise TimeoutError
        return bool(readable)

    def _send_one(self) -> None:
        try:
            self._connection.send_bytes(self._out.popleft())
        except (websocket.WebSocketException, OSError):
            # The other end wants no more; what it has said before that is still to be read.
            self._out.clear()

    def close(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError, AttributeError):
            self._connection.settimeout(1.0)
            self._connection.send_close()
        self._connection.shutdown()


def _buffered(sock: object) -> bool:
    """Whether something has been read already of which the system knows nothing any more."""
    if isinstance(sock, ssl.SSLSocket):
        return sock.pending() > 0
    return isinstance(sock, SSLTransport) and (sock.sslobj.pending() > 0 or sock.incoming.pending > 0)


def upgrade(
    transport: Transport, path: str, query: Query, timeout: float, protocols: t.Sequence[str] = PROTOCOLS
) -> Channels:
    """Open a WebSocket, as patiently as any request is made. Raises ApiError if the server refuses.

    Asking again is safe, since what is run gets its input only after the upgrade.
    """
    if not HAS_WEBSOCKET:
        text = "commands in pods and forwarded ports need the Python package websocket-client; install kubernetes."
        raise ConfigError(text)
    once = functools.partial(_upgrade, transport, transport.target(path, query), timeout, protocols)
    return transport.persist(once, repeatable=True, patience=timeout)


def _upgrade(transport: Transport, target: str, timeout: float, protocols: t.Sequence[str]) -> Channels:
    # What comes is not the representation of an object: asking for JSON gets 406.
    headers = [f"{name}: {'*/*' if name == 'Accept' else value}" for name, value in transport.headers()]
    sock = transport.open(min(timeout, _CONNECT))
    connection = websocket.WebSocket()
    try:
        connection.connect(
            f"{'wss' if transport.server.secure else 'ws'}://{transport.server}{target}",
            socket=sock,
            header=headers,
            subprotocols=list(protocols),
            suppress_origin=True,
            redirect_limit=0,  # credentials are for this server only
        )
    except websocket.WebSocketBadStatusException as exc:
        sock.close()
        again = retry_after((exc.resp_headers or {}).get("retry-after"))
        raise from_status(exc.status_code, exc.resp_body or b"", again) from exc
    except (websocket.WebSocketConnectionClosedException, websocket.WebSocketTimeoutException, OSError) as exc:
        sock.close()
        cause = TimeoutError() if isinstance(exc, websocket.WebSocketTimeoutException) else exc
        raise NoAnswer(cause, sent=True, at_proxy=False) from exc
    except (websocket.WebSocketException, ValueError, IndexError) as exc:
        sock.close()
        text = (
            "what answers in the API server's place is not a WebSocket server; check its address and what is in between"
        )
        raise ApiError(0, "Upgrade", text) from exc
    except BaseException:
        sock.close()
        raise
    return Channels(connection)


def run(
    transport: Transport, path: str, query: dict[str, str], command: list[str], stdin: bytes, timeout: float
) -> ExecResult:
    """Run a command in a container: all of stdin in, all of stdout and stderr and the exit code out."""
    deadline = time.monotonic() + timeout

    def opened(words: list[str]) -> Channels:
        return upgrade(transport, path, [*query.items(), *(("command", word) for word in words)], timeout)

    channels = opened(command)
    if stdin and channels.protocol != PROTOCOLS[0]:
        # v4 cannot say that stdin ends, so the length is told to something that stops reading by itself.
        channels.close()
        channels = opened(["sh", "-c", 'size=$1; shift; head -c "$size" | "$@"', "sh", str(len(stdin)), *command])
    out, err, status = bytearray(), bytearray(), bytearray()
    try:
        channels.send(STDIN, stdin)
        if stdin and channels.protocol == PROTOCOLS[0]:
            channels.send(CLOSE, bytes([STDIN]))
        for channel, payload in channels.messages(deadline):
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
        channels.close()
    code, why = exit_code(bytes(status)) if status else (-1, "the command's exit code is not known")
    if code < 0:
        raise ApiError(0, "ExecFailed", why)
    return ExecResult(code, bytes(out), bytes(err))


class PodHttp:
    """HTTP GET to a port of a pod as from inside the pod, over one forwarded connection that is kept."""

    def __init__(self, transport: Transport, path: str, port: int, timeout: float) -> None:
        """`timeout` is for connecting and for each answer, in seconds. Raises ApiError."""
        self._channels = upgrade(transport, path, [("ports", str(port))], timeout, PROTOCOLS[-1:])
        self._forwarded = _Forwarded(self._channels)
        self._port = port
        self._timeout = timeout

    def get(self, path: str) -> bytes:
        """The body of the answer. Raises ApiError for any status but 200."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nAccept: */*\r\n\r\n"
        self._channels.send(_Forwarded.DATA, request.encode("latin-1"))
        self._forwarded.deadline = time.monotonic() + self._timeout
        # It reads from whatever has makefile().
        answer = http.client.HTTPResponse(t.cast(socket.socket, self._forwarded), method="GET")
        try:
            answer.begin()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            why = "timeout" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
            raise ApiError(0, "Forward", f"port {self._port} gives no answer to {path} ({why})") from exc
        if answer.status != 200:
            raise from_status(answer.status, body)
        return body

    def close(self) -> None:
        self._channels.close()


class _Forwarded(io.RawIOBase):
    """What a forwarded port sends, as a file. Raises ApiError for what the kubelet says went wrong."""

    DATA, ERROR = 0, 1

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._greeted: set[int] = set()
        self._rest = b""
        self.deadline = 0.0

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        if not self._rest:
            self._rest = self._next()
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _next(self) -> bytes:
        for channel, payload in self._channels.messages(self.deadline):
            if channel not in self._greeted:  # the first message of each channel only repeats the port
                self._greeted.add(channel)
            elif channel == self.ERROR:
                raise ApiError(0, "Forward", " ".join(payload.decode("utf-8", "replace").split()))
            elif payload:
                return payload
        return b""

    def close(self) -> None:
        """The connection outlives the answer that has been read from it."""
