# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a service as a process: it starts, logs, answers without stalls, and ends when asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import typing as t

import pytest
from bookinfo import service

from .conftest import APP, Server


@pytest.fixture
def process() -> t.Iterator[subprocess.Popen[str]]:
    """Run details as its pod does, on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bookinfo.details", "0"],
        cwd=APP,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    yield process
    process.kill()
    process.wait(10)
    assert process.stdout
    process.stdout.close()


def server_of(process: subprocess.Popen[str]) -> Server:
    assert process.stdout
    line = json.loads(process.stdout.readline())
    assert line["service"] == "details"
    return Server(line["listening"], None, lambda: pytest.fail("not started here"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_in_good_order_when_asked(process: subprocess.Popen[str], number: signal.Signals) -> None:
    server = server_of(process)
    assert server.get("/details/0").status == 200
    process.send_signal(number)
    # It is still there for callers that have not heard, and asks them to let go of the connection.
    deadline = time.monotonic() + 5
    while server.get("/details/0").headers["Connection"] != "close":
        assert time.monotonic() < deadline
    assert process.wait(10) == 0


def test_what_is_under_way_at_the_end_is_answered(start_fake: t.Any, start: t.Any, start_reviews: t.Any) -> None:
    _fake, ratings = start_fake(silent=True)
    server = start_reviews("v2", ratings.port, ratings_timeout=service.LAME_DUCK_SECONDS + 0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /reviews/0 HTTP/1.1\r\nHost: reviews\r\n\r\n")
        deadline = time.monotonic() + 5
        while not server.application.in_flight:
            assert time.monotonic() < deadline
        server.stop().result(10)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert server.application.in_flight == 0


def test_each_request_is_one_line_of_json_and_probes_are_none(process: subprocess.Popen[str]) -> None:
    server = server_of(process)
    server.get("/health")
    server.get("/details/0", end_user='j"\\', x_request_id="abc", user_agent="probe/1")
    assert process.stdout
    line = json.loads(process.stdout.readline())
    assert line.pop("ms") < 5000
    assert line.pop("time").endswith("Z")
    assert line == {
        "method": "GET",
        "path": "/details/0",
        "status": 200,
        "user": 'j"\\',
        "request_id": "abc",
        "agent": "probe/1",
    }


def test_headers_and_body_arrive_together(start_details: t.Any) -> None:
    """Headers and body in two writes would cost 40 ms on a kept connection, by Nagle and delayed acknowledgements."""
    server = start_details()
    request = b"GET /details/0 HTTP/1.1\r\nHost: details\r\n\r\n"
    times = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for _number in range(20):
            before = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            times.append(time.perf_counter() - before)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] == 0
    assert statistics.median(times) < 0.03


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("http", "details: the port must be a number, not 'http'"),
        ("{taken}", "details: cannot listen on port {taken}: Address already in use"),
    ],
)
def test_a_service_that_cannot_start_says_why(start_details: t.Any, argument: str, sentence: str) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "bookinfo.details", argument.replace("{taken}", port)],
            cwd=APP,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.strip() == sentence.replace("{taken}", port)
