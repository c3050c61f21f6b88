# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import contextlib
import http.client
import json
import math
import os
import socket
import ssl
import threading
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import unquote, urlencode, urlsplit

from .config import ClientPair, Settings
from .errors import ApiError, ConfigError, from_status

USER_AGENT = "mesh.workshop"

# How long a request is tried again while nothing answers. A server that has
# never answered is most likely the wrong address, so that ends soon; one that
# has answered is restarting (a static pod's back-off is 10 s and more).
PATIENCE_FIRST = 5.0
PATIENCE_RESTART = 60.0
# An overloaded server or a webhook whose pods are being replaced.
PATIENCE_REFUSED = 30.0
# A server that has just come up forbids everything until it has read the roles.
PATIENCE_FORBIDDEN = 15.0

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 2.0
_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "PATCH"))

_Answer = t.TypeVar("_Answer")
Query: t.TypeAlias = t.Mapping[str, t.Any] | t.Sequence[tuple[str, t.Any]] | None


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, t.Any]:
        parsed = json.loads(self.body)
        if not isinstance(parsed, dict):
            raise ApiError(self.status, "", "the API server answered with something other than an object")
        return parsed


class NoAnswer(Exception):
    """The connection failed. `sent` tells whether the server may have seen the request."""

    def __init__(self, cause: Exception, sent: bool, reused: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.sent = sent
        self.reused = reused


class Stream:
    """An answer that is read piece by piece (watch, logs). Its connection goes back to the pool if read to its end."""

    def __init__(self, transport: Transport, connection: http.client.HTTPConnection, raw: http.client.HTTPResponse):
        self._transport = transport
        self._connection = connection
        self._raw = raw

    def lines(self) -> t.Iterator[bytes]:
        """Whole lines until the server ends the answer or the connection breaks."""
        while True:
            try:
                line = self._raw.readline()
            except (OSError, http.client.HTTPException, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            yield line

    def read(self, limit: int) -> bytes:
        return self._raw.read(limit)

    def close(self) -> None:
        if self._raw.isclosed():
            self._transport.give_back(self._connection)
        else:
            self._raw.close()
            self._connection.close()


class Transport:
    """HTTP to one API server: kept-alive connections, TLS, proxies, credentials, retries. Thread safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        parts = urlsplit(settings.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{settings.source} names the server {settings.server!r}, which is no http(s) address.")
        try:
            port = parts.port
        except ValueError as exc:
            raise ConfigError(f"the server {settings.server!r} has a port that is no number; correct it.") from exc
        self.host = parts.hostname
        self.port = port or (443 if parts.scheme == "https" else 80)
        self.secure = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._answered = False
        self._lost_at = -math.inf
        self._refreshed_at = 0.0
        self._never = threading.Event()

    # -- connections -----------------------------------------------------

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is not None:
                return self._tls
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            if not settings.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif settings.ca:
                context.load_verify_locations(cadata=settings.ca.decode("ascii", "replace"))
            else:
                context.load_default_certs()
        except (ssl.SSLError, ValueError) as exc:
            raise ConfigError(f"the CA certificate of {settings.source} is not valid PEM; correct it.") from exc
        pair = settings.credentials.pair() if settings.credentials else None
        if pair is not None:
            try:
                _load_pair(context, pair)
            except (ssl.SSLError, ValueError) as exc:
                raise ConfigError(
                    f"the client certificate and key of {settings.source} do not fit together or are not PEM; "
                    "correct them."
                ) from exc
        with self._lock:
            self._tls = context
        return context

    def open(self, timeout: float | None = None) -> http.client.HTTPConnection:
        """A new connection, made and ready: through the proxy if there is one, with TLS if the server has it."""
        proxy = urlsplit(self._settings.proxy) if self._settings.proxy else None
        tls = self._tls_context() if self.secure else None
        if proxy is not None and proxy.scheme not in ("http", "https"):
            raise ConfigError(f"the proxy {proxy.scheme}://{proxy.hostname} is not an HTTP proxy; use one that is.")
        if proxy is not None:
            raw = socket.create_connection((proxy.hostname or "", proxy.port or 3128), timeout)
            try:
                if proxy.scheme == "https":
                    raw = ssl.create_default_context().wrap_socket(raw, server_hostname=proxy.hostname)
                self._tunnel(raw, proxy.username, proxy.password)
            except BaseException:
                raw.close()
                raise
        else:
            raw = socket.create_connection((self.host, self.port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock = tls.wrap_socket(raw, server_hostname=self._settings.tls_server_name or self.host) if tls else raw
        except BaseException:
            raw.close()
            raise
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.sock = sock
        return connection

    def _tunnel(self, sock: socket.socket, username: str | None, password: str | None) -> None:
        headers = dict(self._settings.proxy_headers)
        if username:
            pair = f"{unquote(username)}:{unquote(password or '')}".encode()
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < 65536:
            piece = sock.recv(1)  # byte by byte: what follows belongs to TLS
            if not piece:
                break
            answer += piece
        status = answer.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(status) < 2 or status[1] != b"200":
            said = answer.split(b"\r\n", 1)[0].decode("latin-1")
            raise ConfigError(f"the proxy does not open a tunnel to {self.host}:{self.port} ({said}); check its rules.")

    def _take(self, timeout: float | None) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(timeout)
            return connection, True
        return self.open(timeout), False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if connection.sock is not None:
                self._idle.append(connection)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # -- requests --------------------------------------------------------

    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        headers.update(self._settings.headers)
        value = self._settings.credentials.authorization() if self._settings.credentials else None
        if value:
            headers["Authorization"] = value
        return headers

    def target(self, path: str, query: Query) -> str:
        text = urlencode(query, doseq=True) if query else ""
        return f"{self._prefix}{path}?{text}" if text else f"{self._prefix}{path}"

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        body: bytes | None = None,
        headers: t.Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """One request, tried again while that is safe and useful. Raises ApiError for any status of 400 and above."""
        raw, connection, content = self._persist(method, path, query, body, headers, timeout, whole=True)
        self._finish(raw, connection)
        return Response(raw.status, raw.headers, content)

    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        headers: t.Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """As request(), but the body is left to be read by the caller."""
        raw, connection, _content = self._persist(method, path, query, None, headers, timeout, whole=False)
        return Stream(self, connection, raw)

    def _finish(self, raw: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
        if raw.will_close:
            connection.close()
        else:
            self.give_back(connection)

    def _persist(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        headers: t.Mapping[str, str] | None,
        timeout: float | None,
        *,
        whole: bool,
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection, bytes]:
        target = self.target(path, query)

        def once() -> tuple[http.client.HTTPResponse, http.client.HTTPConnection, bytes]:
            raw, connection, content = self._once(method, target, body, headers, timeout, whole)
            if raw.status < 400:
                return raw, connection, content
            self._finish(raw, connection)
            raise from_status(raw.status, content, retry_after(raw.headers.get("Retry-After")))

        return self.persist(once, repeatable=method in _IDEMPOTENT)

    def persist(self, once: t.Callable[[], _Answer], *, repeatable: bool, patience: float = math.inf) -> _Answer:
        """Ask until there is an answer, while asking again is safe and useful, and for no longer than `patience`.

        `once` raises NoAnswer where the connection failed, and ApiError for a status of 400 and above.
        """
        started = time.monotonic()
        delay = _FIRST_DELAY
        renewed = False
        while True:
            asked_at = time.monotonic()
            try:
                answer = once()
            except NoAnswer as exc:
                if exc.reused and (not exc.sent or repeatable):
                    self.close()  # the other idle ones are as old: start afresh, without waiting
                    continue
                limit = min(patience, PATIENCE_RESTART if self._answered else PATIENCE_FIRST)
                left = started + limit - time.monotonic()
                if not _may_pass(exc.cause) or (exc.sent and not repeatable) or left <= 0:
                    raise self.unreachable(exc.cause) from exc.cause
                self._lost_at = time.monotonic()
                self._never.wait(min(delay, left))
            except ApiError as exc:
                if exc.status < 400:  # no answer of the API server: what is asked, or who, is wrong
                    raise
                self._answered = True
                if exc.status == 401 and not renewed and self._renew(asked_at):
                    renewed = True
                    continue
                left = started + min(patience, PATIENCE_REFUSED) - time.monotonic()
                wait = exc.retry_after if exc.retry_after is not None else delay
                comes_up = exc.status == 403 and time.monotonic() - self._lost_at < PATIENCE_FORBIDDEN
                if not (comes_up or _refused_for_now(exc, repeatable)) or wait > left:
                    raise
                self._never.wait(wait)
            else:
                self._answered = True
                return answer
            delay = min(delay * 2, _LONGEST_DELAY)

    def _once(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: t.Mapping[str, str] | None,
        timeout: float | None,
        whole: bool,
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection, bytes]:
        """Status and headers, and the body too unless the answer is a stream that is going well."""
        all_headers = self.headers()
        if headers:
            all_headers.update(headers)
        group = all_headers.pop("Impersonate-Group", None)
        try:
            connection, reused = self._take(timeout or 60.0)
        except (OSError, ssl.SSLError) as exc:
            raise NoAnswer(exc, sent=False, reused=False) from exc
        sent = False
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in all_headers.items():
                connection.putheader(name, value)
            for item in group.split("\n") if group else ():
                connection.putheader("Impersonate-Group", item)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            sent = True
            raw = connection.getresponse()
            return raw, connection, raw.read() if whole or raw.status >= 400 else b""
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise NoAnswer(exc, sent=sent, reused=reused) from exc
        except BaseException:
            connection.close()
            raise

    def _renew(self, asked_at: float) -> bool:
        """Read exec or token file credentials anew, once for all threads that were refused at the same time."""
        credentials = self._settings.credentials
        if credentials is None:
            return False
        with self._lock:
            if self._refreshed_at > asked_at:
                return True
            if not credentials.refresh():
                return False
            self._refreshed_at = time.monotonic()
            self._tls = None
        self.close()
        return True

    def unreachable(self, cause: Exception) -> ApiError:
        """What to say when there was no answer."""
        where = f"{self.host}:{self.port}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = (
                f"the certificate of the API server at {where} cannot be verified ({cause.verify_message}); "
                "set ca_cert (or certificate-authority in the kubeconfig) to its CA."
            )
        elif isinstance(cause, ssl.SSLError):
            text = f"TLS with the API server at {where} failed ({cause.reason}); check address and certificates."
        elif isinstance(cause, socket.gaierror):
            source = self._settings.source
            text = f"the API server's name {self.host} cannot be resolved; correct the server in {source}."
        elif isinstance(cause, TimeoutError):
            text = f"the API server at {where} does not answer in time; check that the cluster runs and is reachable."
        else:
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
            text = f"the API server at {where} cannot be reached ({why.lower()}); check that the cluster runs."
        return ApiError(0, "Unreachable", text)


@contextlib.contextmanager
def _pem_file(pair: ClientPair) -> t.Iterator[str]:
    """A path that ssl can load the pair from; in memory where the system can, else a file that only we can read."""
    content = pair.cert.rstrip() + b"\n" + pair.key.rstrip() + b"\n"
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        handle = os.memfd_create("client-pair", os.MFD_CLOEXEC)
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    import tempfile

    handle, path = tempfile.mkstemp(prefix="mesh-workshop-")  # mkstemp makes it with mode 0600
    try:
        os.write(handle, content)
        os.close(handle)
        yield path
    finally:
        os.unlink(path)


def _load_pair(context: ssl.SSLContext, pair: ClientPair) -> None:
    with _pem_file(pair) as path:
        context.load_cert_chain(path)


def _may_pass(cause: Exception) -> bool:
    """Whether trying again can help: a refused or broken connection, not a wrong name or certificate."""
    if isinstance(cause, (ssl.SSLCertVerificationError, socket.gaierror)):
        return False
    if isinstance(cause, ssl.SSLError):
        # A server that goes down in the middle of a handshake.
        return isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    return isinstance(cause, (OSError, http.client.HTTPException))


def _refused_for_now(error: ApiError, repeatable: bool) -> bool:
    """Whether the server asked us to come again: too many requests, or it (or a webhook) is not ready yet."""
    if error.status == 429:
        return True
    if error.status in (502, 503, 504):
        return repeatable
    if error.status == 500:
        return repeatable and (
            error.retry_after is not None
            or "failed calling webhook" in error.message
            or error.message.startswith("etcdserver: ")
        )
    return False


def retry_after(value: str | None) -> float | None:
    """How many seconds the header Retry-After asks to wait; None for a date, which API servers do not send."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
