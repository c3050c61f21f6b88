# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one API server: urllib3 connects, pools and speaks to proxies; what is here knows when to ask again."""

from __future__ import annotations

import base64
import json
import math
import socket
import ssl
import threading
import time
import typing as t
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlencode, urlsplit

from .address import Address, proxy_address, server_address
from .errors import ApiError, ConfigError, from_status, not_the_api_server
from .settings import Settings
from .tls import proxy_context, tls_context
from .unreached import Blame, NoAnswer, may_pass

try:
    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError, InsecureRequestWarning, ProxyError
except ImportError:  # Transport says so
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

USER_AGENT = "mesh.workshop"

# How long a request is tried again while nothing answers. A server that has
# never answered is most likely the wrong address, so that ends soon; one that
# has answered is restarting (a static pod's back-off is 10 s and more).
PATIENCE_FIRST = 5.0
PATIENCE_RESTART = 60.0
# An overloaded server or a webhook whose pods are being replaced.
PATIENCE_REFUSED = 30.0
# A server that has just come up forbids everything until it has read the roles, for over 20 s on a busy machine.
PATIENCE_FORBIDDEN = 60.0

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 2.0
_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "PATCH"))
_TIMEOUT = 60.0  # seconds, for connecting and for each read
_KEPT = 64  # idle connections, more than there are threads
_PIECE = 65536


_Answer = t.TypeVar("_Answer")
Query: t.TypeAlias = t.Mapping[str, t.Any] | t.Sequence[tuple[str, t.Any]] | None


@dataclass
class Response:
    status: int
    headers: t.Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, t.Any]:
        """The object in the body. Raises ApiError if the body is not an object."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise not_the_api_server("no JSON object")
        return parsed


class Stream:
    """An answer that is read piece by piece (watches). Its connection is kept if it is read to its end."""

    def __init__(self, raw: urllib3.BaseHTTPResponse) -> None:
        self._raw = raw

    def lines(self) -> t.Iterator[bytes]:
        """Whole lines until the server ends the answer or the connection breaks."""
        rest = b""
        while True:
            try:
                piece = self._raw.read1(_PIECE)
            except (OSError, HTTPError, ValueError):
                return
            if not piece:
                return
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole

    def close(self) -> None:
        self._raw.close()


class Transport:
    """HTTP to one API server: kept-alive connections, TLS, proxies, credentials, retries. Thread safe."""

    def __init__(self, settings: Settings) -> None:
        if not HAS_URLLIB3:
            raise ConfigError("talking to the API server needs the Python package urllib3; install kubernetes.")
        self._settings = settings
        self._server = server_address(settings.server, settings.server_source)
        self._lock = threading.Lock()
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._tls: ssl.SSLContext | None = None
        self._answered = False
        self._lost_at = -math.inf
        self._refreshed_at = 0.0

    @property
    def server(self) -> Address:
        return self._server

    # -- connections -----------------------------------------------------

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is not None:
                return self._tls
        if not self._settings.verify:
            urllib3.disable_warnings(InsecureRequestWarning)  # it was asked for
        context = tls_context(self._settings)
        with self._lock:
            self._tls = context
        return context

    def _proxy_manager(self, address: Address, **arguments: t.Any) -> urllib3.ProxyManager:
        proxy = self._settings.proxy or ""
        headers = dict(self._settings.proxy_headers)
        parts = urlsplit(proxy)
        if parts.username:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        if address.secure:
            arguments["proxy_ssl_context"] = proxy_context()
        host = f"[{address.host}]" if ":" in address.host else address.host
        return urllib3.ProxyManager(f"{address.scheme}://{host}:{address.port}", proxy_headers=headers, **arguments)

    def _manager(self) -> urllib3.PoolManager:
        arguments: dict[str, t.Any] = {"maxsize": _KEPT, "block": False}
        if self._server.secure:
            arguments["ssl_context"] = self._tls_context()
            if self._settings.tls_server_name:
                arguments["server_hostname"] = self._settings.tls_server_name
        proxy = self._proxy()
        return self._proxy_manager(proxy, **arguments) if proxy else urllib3.PoolManager(**arguments)

    def _proxy(self) -> Address | None:
        settings = self._settings
        return proxy_address(settings.proxy, settings.proxy_source or "the proxy") if settings.proxy else None

    def _blame(self) -> Blame:
        return Blame(self._settings, self._server, self._proxy())

    def unreachable(self, failure: NoAnswer) -> ApiError:
        """What to say when there was no answer."""
        return self._blame().told(failure)

    def _connections(self) -> urllib3.HTTPConnectionPool:
        with self._lock:
            if self._pool is not None:
                return self._pool
        server = self._server
        pool = self._manager().connection_from_host(server.host, server.port, server.scheme)
        with self._lock:
            self._pool = self._pool or pool
            return self._pool

    def open(self, timeout: float) -> socket.socket:
        """A new connection for something other than HTTP requests, through the proxy and with TLS if need be.

        Raises NoAnswer if there is none, ConfigError for what cannot be mended by trying again.
        """
        server, proxy = self._server, self._proxy()
        arguments: dict[str, t.Any] = {"timeout": timeout}
        if server.secure:
            arguments["ssl_context"] = self._tls_context()
            arguments["server_hostname"] = self._settings.tls_server_name
        made: type[HTTPConnection] = HTTPSConnection if server.secure else HTTPConnection
        if proxy is None:
            connection = made(server.host, server.port, **arguments)
        else:
            manager = self._proxy_manager(proxy)
            connection = made(
                proxy.host, proxy.port, proxy=manager.proxy, proxy_config=manager.proxy_config, **arguments
            )
            connection.set_tunnel(server.host, server.port, headers=manager.proxy_headers, scheme=proxy.scheme)
        try:
            connection.connect()
        except (OSError, HTTPError) as exc:
            at_proxy = proxy is not None and not connection.has_connected_to_proxy
            connection.close()
            raise self._blame().meaning(ProxyError("", exc) if at_proxy else exc) from exc
        return t.cast(socket.socket, connection.sock)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    # -- requests --------------------------------------------------------

    def headers(self) -> list[tuple[str, str]]:
        """The headers of every request. Raises ConfigError where there are no credentials to be had."""
        settings = self._settings
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **settings.headers}
        group = headers.pop("Impersonate-Group", None)
        value = settings.credentials.authorization() if settings.credentials else None
        if value:
            headers["Authorization"] = value
        return [*headers.items(), *(("Impersonate-Group", item) for item in (group.split("\n") if group else ()))]

    def target(self, path: str, query: Query) -> str:
        text = urlencode(query, doseq=True, errors="surrogatepass") if query else ""
        return f"{self._server.path}{path}?{text}" if text else f"{self._server.path}{path}"

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
        raw = self._ask(method, path, query, body, headers, timeout, whole=True)
        return Response(raw.status, raw.headers, raw.data)

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
        return Stream(self._ask(method, path, query, None, headers, timeout, whole=False))

    def _ask(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        headers: t.Mapping[str, str] | None,
        timeout: float | None,
        *,
        whole: bool,
    ) -> urllib3.BaseHTTPResponse:
        target = self.target(path, query)

        def once() -> urllib3.BaseHTTPResponse:
            return self._once(method, target, body, headers or {}, timeout or _TIMEOUT, whole)

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
                limit = min(patience, PATIENCE_RESTART if self._answered else PATIENCE_FIRST)
                left = started + limit - time.monotonic()
                if not may_pass(exc.cause) or (exc.sent and not repeatable) or left <= 0:
                    raise self.unreachable(exc) from exc.cause
                self._lost_at = time.monotonic()
                time.sleep(min(delay, left))
            except ApiError as exc:
                if exc.status < 400:  # no answer of the API server: what is asked, or who, is wrong
                    raise
                self._answered = True
                if exc.status == 401 and not renewed and self._renew(asked_at):
                    renewed = True
                    continue
                now = time.monotonic()
                comes_up = exc.status == 403 and now < self._lost_at + PATIENCE_FORBIDDEN
                limit = self._lost_at + PATIENCE_FORBIDDEN if comes_up else started + PATIENCE_REFUSED
                left = min(limit, started + patience) - now
                wait = exc.retry_after if exc.retry_after is not None else delay
                if not (comes_up or _refused_for_now(exc, repeatable)) or wait > left:
                    raise
                time.sleep(wait)
            else:
                self._answered = True
                return answer
            delay = min(delay * 2, _LONGEST_DELAY)

    def _once(
        self, method: str, target: str, body: bytes | None, more: t.Mapping[str, str], timeout: float, whole: bool
    ) -> urllib3.BaseHTTPResponse:
        """One request and its answer, with the body too unless the answer is a stream that is going well."""
        headers = urllib3.HTTPHeaderDict()
        for name, value in self.headers():
            headers.add(name, _on_the_wire(value))
        headers.update(more)
        server = self._server
        forwarded = self._settings.proxy and not server.secure
        try:
            raw = self._connections().request(
                method,
                f"{server.scheme}://{server}{target}" if forwarded else target,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=timeout,
                preload_content=whole,
                decode_content=False,
            )
            content = raw.data if whole or raw.status >= 400 else b""
        except (HTTPError, OSError) as exc:
            raise self._blame().meaning(exc) from exc
        if forwarded and raw.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise ConfigError(self._blame().unlet(f"{raw.status} {raw.reason}", asks=True))
        if raw.status >= 400:
            raise from_status(raw.status, content, retry_after(raw.headers.get("Retry-After")))
        return raw

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


def _on_the_wire(value: str) -> str:
    """A header's value as http.client has to be given it, to send UTF-8 as other clients do."""
    return value.encode().decode("latin-1")


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
