# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says who it is and what it was asked: every answer is JSON with the version and the headers of the request.

`/leaky` is a path that is denied as by a policy with a hole: every tenth answer is 200.
"""

from __future__ import annotations

import http.server
import itertools
import json
import os

LEAKY = itertools.count(1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two of them would wait for an acknowledgement in between.
    wbufsize = -1

    def do_GET(self):
        status = 403 if self.path == "/leaky" and next(LEAKY) % 10 else 200
        body = json.dumps({"version": os.environ["VERSION"], "headers": dict(self.headers.items())}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server(("", 8080), Handler).serve_forever()
