# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the services in this process, on free ports of 127.0.0.1, and speaks real HTTP to them."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
import typing as t
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[4] / "roles" / "bookinfo" / "files" / "app"
sys.path.insert(0, str(APP))

from bookinfo import details, productpage, ratings, reviews, service  # noqa: E402 (the path above leads to it)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> t.Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A service that runs, and a client for it."""

    port: int
    application: t.Any
    stop: t.Callable[[], Future[None]]

    def request(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, body: str, **headers: str) -> Answer:
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.request("POST", path, body, fields)


class FakeHandler(service.ServiceHandler):
    """A backend whose answer a test chooses, and which remembers the requests."""

    def initialize(self, fake: Fake) -> None:
        self.fake = fake

    async def get(self, *args: str) -> None:
        self.fake.requests.append((self.request.uri, dict(self.request.headers.get_all())))
        if self.fake.silent:
            # Answers only when the test is over: the caller's patience is what ends the call.
            await self.fake.over.wait()
        self.set_status(self.fake.status)
        self.set_header("Content-Type", "application/json")
        self.finish(self.fake.body if self.fake.status not in service.BODILESS else None)


class Fake:
    def __init__(self, status: int = 200, body: t.Any = None, silent: bool = False) -> None:
        self.status = status
        self.body = body if isinstance(body, str) else json.dumps(body if body is not None else {})
        self.silent = silent
        self.over = asyncio.Event()
        self.requests: list[tuple[str, dict[str, str]]] = []

    def build(self) -> service.ServiceApplication:
        return service.ServiceApplication([(r"/.*", FakeHandler, {"fake": self})])


def backend(name: str, port: int) -> dict[str, str]:
    """Return the environment that leads to a backend."""
    return {f"{name.upper()}_HOSTNAME": "127.0.0.1", f"{name.upper()}_SERVICE_PORT": str(port)}


@pytest.fixture(scope="session")
def loop() -> t.Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def start(loop: asyncio.AbstractEventLoop) -> t.Iterator[t.Callable[[t.Callable[[], t.Any]], Server]]:
    """Start what the given function builds; everything ends with the test."""
    running = []

    def start(build: t.Callable[[], t.Any]) -> Server:
        async def run() -> tuple[t.Any, t.Any, int]:
            application = build()
            # Its lines come after the answer, so they would run into the next test's output.
            application.settings["log_function"] = lambda handler: None
            server, port = service.start_server(application, 0, "127.0.0.1")
            return application, server, port

        application, server, port = asyncio.run_coroutine_threadsafe(run(), loop).result(10)
        running.append(server)
        return Server(
            port,
            application,
            lambda: asyncio.run_coroutine_threadsafe(service.stop_server(application, server), loop),
        )

    yield start

    async def end() -> None:
        for server in running:
            server.stop()
            await server.close_all_connections()

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)


@pytest.fixture
def start_fake(start: t.Any, loop: asyncio.AbstractEventLoop) -> t.Iterator[t.Callable[..., tuple[Fake, Server]]]:
    fakes = []

    def start_fake(**settings: t.Any) -> tuple[Fake, Server]:
        fake = Fake(**settings)
        fakes.append(fake)
        return fake, start(fake.build)

    yield start_fake
    for fake in fakes:
        loop.call_soon_threadsafe(fake.over.set)


@pytest.fixture
def start_ratings(start: t.Any) -> t.Callable[..., Server]:
    return lambda environ=None, **settings: start(lambda: ratings.build(environ or {}, **settings))


@pytest.fixture
def start_details(start: t.Any) -> t.Callable[..., Server]:
    return lambda environ=None: start(lambda: details.build(environ or {}))


VERSIONS = {
    "v1": {"ENABLE_RATINGS": "false"},
    "v2": {"ENABLE_RATINGS": "true", "STAR_COLOR": "black"},
    "v3": {"ENABLE_RATINGS": "true", "STAR_COLOR": "red"},
}


@pytest.fixture
def start_reviews(start: t.Any) -> t.Callable[..., Server]:
    """Start a version of reviews as its Deployment configures it."""

    def start_reviews(version: str, ratings_port: int, **settings: t.Any) -> Server:
        environ = {**VERSIONS[version], "HOSTNAME": f"reviews-{version}-abc", **backend("ratings", ratings_port)}
        return start(lambda: reviews.build(environ, **settings))

    return start_reviews


@pytest.fixture
def start_page(start: t.Any) -> t.Callable[..., Server]:
    def start_page(
        details_port: int = 1, reviews_port: int = 1, ratings_port: int = 1, environ: t.Any = None, **settings: t.Any
    ) -> Server:
        # Nothing listens on port 1: a backend that a test leaves out refuses the connection.
        environ = {
            "HOSTNAME": "productpage-v1-abc",
            **backend("details", details_port),
            **backend("reviews", reviews_port),
            **backend("ratings", ratings_port),
            **(environ or {}),
        }
        return start(lambda: productpage.build(environ, **settings))

    return start_page


@pytest.fixture
def start_bookinfo(
    start_page: t.Any, start_details: t.Any, start_reviews: t.Any, start_ratings: t.Any
) -> t.Callable[[str], Server]:
    """Start all four services with one version of reviews, and return the page."""

    def start_bookinfo(version: str) -> Server:
        ratings_port = start_ratings().port
        return start_page(start_details().port, start_reviews(version, ratings_port).port, ratings_port)

    return start_bookinfo
