# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the four services share: settings from the environment, calls to other services, the server's life."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import responses
from urllib.parse import quote

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.netutil import bind_sockets
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import Application, RequestHandler

PORT = 9080

# A service hands these on to the services it calls, so that the proxies can join a request's spans and log lines
# (x-request-id, B3, W3C), route by user, and recognise the caller.
PROPAGATED = (
    "x-request-id",
    "b3",
    "traceparent",
    "tracestate",
    "end-user",
    "user-agent",
    "cookie",
    "authorization",
)
PROPAGATED_PREFIX = "x-b3-"

# After SIGTERM a pod still gets requests until every proxy has learnt that it is gone: it goes on serving for this
# long, and tells callers to let go of their connections.
LAME_DUCK_SECONDS = 1.0
# What is still being answered then may finish within this time. The sum stays below the pod's grace period.
DRAIN_SECONDS = 3.0

# Envoy gives up an idle connection after an hour. The callee must be the one that waits longer: if both closed it
# at the same moment, a request sent just then would be lost.
IDLE_CONNECTION_SECONDS = 7200.0

# A backend's status is passed on, and with these HTTP allows no body.
BODILESS = (204, 304)

MAX_REQUEST_BODY = 64 * 1024
MAX_PARALLEL_CALLS = 1024


class BackendError(Exception):
    """A call that gave no usable answer: no connection, a timeout, another status than 200, or no JSON object."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Backend:
    """Where another service is."""

    name: str
    host: str
    port: str

    @classmethod
    def from_environment(cls, name: str, environ: Mapping[str, str]) -> Backend:
        """Read upstream's variables: <NAME>_HOSTNAME, <NAME>_SERVICE_PORT and the common SERVICES_DOMAIN."""
        prefix = name.upper()
        host = environ.get(f"{prefix}_HOSTNAME") or name
        domain = environ.get("SERVICES_DOMAIN")
        if domain:
            host = f"{host}.{domain}"
        return cls(name, host, environ.get(f"{prefix}_SERVICE_PORT") or str(PORT))

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def url(self, product_id: str) -> str:
        return f"{self.address}/{self.name}/{quote(product_id, safe='')}"


class Caller:
    """Calls other services."""

    def __init__(self) -> None:
        # Every call opens a connection of its own, as upstream does: without sidecars it is kube-proxy that spreads
        # the load, by connection, and a pool would pin this pod to one version of reviews. With a sidecar the
        # connection ends in the same pod, and the sidecar keeps the real ones.
        self._client = SimpleAsyncHTTPClient(force_instance=True, max_clients=MAX_PARALLEL_CALLS)

    async def get(self, backend: Backend, product_id: str, headers: HTTPHeaders, timeout: float) -> dict[str, t.Any]:
        """Return the JSON object that the backend answers within `timeout` seconds, or raise BackendError."""
        url = backend.url(product_id)
        try:
            response = await self._client.fetch(
                HTTPRequest(
                    url,
                    headers=headers,
                    connect_timeout=timeout,
                    request_timeout=timeout,
                    follow_redirects=False,
                    decompress_response=False,
                ),
                raise_error=False,
            )
        except (HTTPClientError, OSError, ValueError) as error:
            # Upstream reports a call without any answer as 500.
            raise BackendError(500, f"{url} gave no answer: {error}") from error
        if response.code != 200:
            raise BackendError(response.code, f"{url} answered {response.code}")
        try:
            document = json.loads(response.body)
        except ValueError as error:
            raise BackendError(500, f"{url} answered 200 without JSON") from error
        if not isinstance(document, dict):
            raise BackendError(500, f"{url} answered 200 without a JSON object")
        return document


class ServiceApplication(Application):
    """An application that knows how many requests it is answering, and whether it is about to stop."""

    def __init__(self, handlers: list[t.Any], **settings: t.Any) -> None:
        settings.setdefault("default_handler_class", NotFoundHandler)
        settings.setdefault("log_function", write_access_line)
        super().__init__(handlers, **settings)
        self.in_flight = 0
        self.stopping = False


class ServiceHandler(RequestHandler):
    """Base of all handlers: JSON out, errors as JSON, HEAD as GET without the body."""

    application: ServiceApplication

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def prepare(self) -> None:
        self.application.in_flight += 1
        if self.application.stopping:
            self.set_header("Connection", "close")

    def compute_etag(self) -> str | None:
        """Send no ETag: an answer made for this request alone must never be a 304."""
        return None

    def on_finish(self) -> None:
        self.application.in_flight -= 1

    def write_json(self, document: t.Any, status: int = 200) -> None:
        # Headers and body leave in one write: split writes meet Nagle's algorithm and delayed acknowledgements,
        # which together cost 40 ms.
        self.set_status(status, responses.get(status, "Unknown"))
        if status in BODILESS:
            self.finish()
            return
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document))

    def write_error(self, status_code: int, **kwargs: t.Any) -> None:
        self.write_json({"error": responses.get(status_code, "Unknown")}, status_code)

    async def head(self, *args: str) -> None:
        answer = self.get(*args)
        if answer is not None:
            await answer

    def forwarded_headers(self) -> HTTPHeaders:
        """Return the headers of this request that the calls made for it carry on."""
        incoming = self.request.headers
        headers = HTTPHeaders()
        for name in {key.lower() for key in incoming}:
            if name in PROPAGATED or name.startswith(PROPAGATED_PREFIX):
                # RFC 6265 wants the parts of a divided Cookie header joined by a semicolon.
                headers[name] = ("; " if name == "cookie" else ",").join(incoming.get_list(name))
        return headers


class NotFoundHandler(ServiceHandler):
    """Any path that is not served, whatever the method."""

    def prepare(self) -> None:
        super().prepare()
        self.send_error(404)


class HealthHandler(ServiceHandler):
    """The target of the startup probe."""

    def initialize(self, status: str) -> None:
        self.status = status

    async def get(self, *args: str) -> None:
        self.write_json({"status": self.status})


def write_access_line(handler: RequestHandler) -> None:
    """Write one terse JSON line per request to standard output; probes would drown the rest and are left out."""
    request = handler.request
    if request.path == "/health":
        return
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "method": request.method,
        "path": request.path,
        "status": handler.get_status(),
        "ms": round(1000 * request.request_time(), 1),
    }
    for key, header in (("user", "end-user"), ("request_id", "x-request-id"), ("agent", "user-agent")):
        value = request.headers.get(header)
        if value:
            line[key] = value
    print(json.dumps(line), flush=True)


def start_server(application: ServiceApplication, port: int, address: str | None = None) -> tuple[HTTPServer, int]:
    """Listen and return the server and its port; port 0 takes a free one. To be called in a running event loop."""
    server = HTTPServer(application, idle_connection_timeout=IDLE_CONNECTION_SECONDS, max_body_size=MAX_REQUEST_BODY)
    sockets = bind_sockets(port, address)
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


async def stop_server(application: ServiceApplication, server: HTTPServer) -> None:
    """Serve on for a moment, then listen no more, let what is under way finish, and close every connection."""
    application.stopping = True
    await asyncio.sleep(LAME_DUCK_SECONDS)
    server.stop()
    deadline = time.monotonic() + DRAIN_SECONDS
    while application.in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    await server.close_all_connections()


async def _serve(name: str, build: Callable[[Mapping[str, str]], ServiceApplication], port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    application = build(os.environ)
    server, bound = start_server(application, port)
    print(json.dumps({"service": name, "listening": bound}), flush=True)
    await stop.wait()
    await stop_server(application, server)


def run(name: str, build: Callable[[Mapping[str, str]], ServiceApplication]) -> None:
    """Run one service until SIGTERM. Its one argument, the port, may be left out."""
    try:
        port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    except ValueError:
        sys.exit(f"{name}: the port must be a number, not {sys.argv[1]!r}")
    try:
        asyncio.run(_serve(name, build, port))
    except OSError as error:
        sys.exit(f"{name}: cannot listen on port {port}: {error.strerror or error}")
