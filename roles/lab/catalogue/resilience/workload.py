# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with a way to fail behind each path.

/        answers at once; with BROKEN=yes in the environment, with an error
/flaky   fails every other time
/slow    takes 0.1 seconds
/busy    takes 0.05 seconds, for one caller at a time; the others wait for their turn
"""

from __future__ import annotations

import http.server
import itertools
import os
import threading
import time

BROKEN = os.environ.get("BROKEN") == "yes"
POD = os.environ.get("HOSTNAME", "")

turn = threading.Lock()
tries = itertools.count(1)


def status_of(path: str) -> int:
    """Do the work that a path stands for."""
    if path == "/flaky":
        return 500 if next(tries) % 2 == 0 else 200
    if path == "/slow":
        time.sleep(0.1)
    elif path == "/busy":
        with turn:
            time.sleep(0.05)
    elif path == "/" and BROKEN:
        return 500
    return 200


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the name of the pod."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes, which together with delayed acknowledgements would cost 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        status = status_of(self.path)
        body = f"{POD} answers {status}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """The proxy writes the access log."""


class Server(http.server.ThreadingHTTPServer):
    """Has room for all who come at once."""

    request_queue_size = 128


if __name__ == "__main__":
    Server(("", 9080), Handler).serve_forever()
