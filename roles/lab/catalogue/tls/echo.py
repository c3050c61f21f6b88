# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers with the headers of the request, as they come out of the callee's proxy."""

from __future__ import annotations

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Shows what it was asked with."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes, which together with delayed acknowledgements would cost 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}, indent=1).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """The proxy writes the access log."""


class Server(ThreadingHTTPServer):
    """Has room for all who come at once."""

    request_queue_size = 128


if __name__ == "__main__":
    # Process 1 of a container gets no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(("", 9080), Handler).serve_forever()
