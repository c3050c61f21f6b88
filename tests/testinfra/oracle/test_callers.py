# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What asks from a workload's container, against a server that grants two requests in each second by the clock."""

from __future__ import annotations

import collections
import http.server
import json
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from . import callers


@pytest.fixture
def limited() -> t.Iterator[str]:
    counters: collections.Counter[int] = collections.Counter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not counters:
                # The very first request lasts into the next second.
                begin = int(time.time())
                while int(time.time()) == begin:
                    time.sleep(0.01)
            second = int(time.time())
            counters[second] += 1
            self.send_response(200 if counters[second] <= 2 else 429)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_within_a_second_have_that_second_to_themselves(limited: str) -> None:
    plan = {"urls": [limited] * 4, "seconds": 0, "within_a_second": True, "body": "", "headers": {}, "method": "GET"}
    run = subprocess.run(
        [sys.executable, "-c", callers.CLIENT, json.dumps(plan)], capture_output=True, text=True, check=True, timeout=60
    )
    assert [answer["status"] for answer in json.loads(run.stdout)] == [200, 200, 429, 429]
