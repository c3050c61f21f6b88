# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two small services. The analyzer says how a text sounds; the guestbook asks it and keeps what was written.

Which of the two this is, is in the variable APP.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

APP = os.environ["APP"]
GLAD = {"good", "great", "happy", "like", "love", "nice"}
SAD = {"bad", "boring", "hate", "sad", "worse", "worst"}
ENTRIES: list[dict[str, str]] = []


def tone(text: str) -> str:
    """How a text sounds, by the words in it."""
    words = {word.strip(".,;:!?").lower() for word in text.split()}
    score = len(words & GLAD) - len(words & SAD)
    return "glad" if score > 0 else "sad" if score < 0 else "even"


def ask_analyzer(text: str) -> str:
    """The tone of a text as the analyzer says."""
    request = urllib.request.Request("http://analyzer:9080/tone", data=text.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["tone"])


class Handler(BaseHTTPRequestHandler):
    """GET shows, POST analyzes or signs."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes, which together with delayed acknowledgements would cost 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer({"app": APP, "entries": ENTRIES[-20:]})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
        if APP == "analyzer":
            self.answer({"app": APP, "tone": tone(text)})
            return
        try:
            entry = {"text": text, "tone": ask_analyzer(text)}
        except OSError as error:
            self.answer({"app": APP, "error": f"the analyzer did not answer: {error}"}, 502)
            return
        ENTRIES.append(entry)
        self.answer({"app": APP, **entry})

    def answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
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
