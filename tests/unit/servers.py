# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers on 127.0.0.1: one that speaks HTTP as it is told, one that mistreats connections."""

from __future__ import annotations

import copy
import http.server
import socket
import threading
import typing as t


class Answer(t.NamedTuple):
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Site:
    """An HTTP server; ``answer`` is a function of the handler, its requests are kept."""

    def __init__(self) -> None:
        self.answer: t.Callable[[t.Any], Answer] = lambda request: Answer()
        self.requests: list[t.Any] = []
        self.connections = 0
        self.lock = threading.Lock()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            content = b""

            def setup(self) -> None:
                with site.lock:
                    site.connections += 1
                super().setup()

            def handle_any(self) -> None:
                self.content = self.rfile.read(int(self.headers.get("content-length") or 0))
                with site.lock:
                    site.requests.append(copy.copy(self))  # a handler lives as long as its connection
                answer = site.answer(self)
                head = [f"HTTP/1.1 {answer.status} Fine"]
                head += [f"{name}: {value}" for name, value in answer.headers]
                head.append(f"content-length: {len(answer.body)}")
                self.wfile.write(("\r\n".join(head) + "\r\n\r\n").encode() + answer.body)

            do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = handle_any

            def log_message(self, *arguments: t.Any) -> None:
                """Be quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket.listen(128)  # the default of 5 would make a client wait for its SYN to be sent again
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def pages(self, version_of: t.Callable[[t.Any, int], str]) -> None:
        """Answer like Bookinfo's reviews: each answer names a pod of the version that the function returns."""

        def answer(request: t.Any) -> Answer:
            with self.lock:
                number = len(self.requests) - 1
            return Answer(body=f'{{"podname": "reviews-{version_of(request, number)}-5d4f8c7b9-abcde"}}'.encode())

        self.answer = answer

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Rude:
    """A TCP server: ``act`` gets each accepted socket."""

    def __init__(self) -> None:
        self.act: t.Callable[[socket.socket], None] = lambda sock: None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(sock,), daemon=True).start()

    def _one(self, sock: socket.socket) -> None:
        try:
            self.act(sock)
        except OSError:
            return
        finally:
            sock.close()

    def close(self) -> None:
        self.listener.close()


def after(seconds: float, answer: Answer | None = None) -> Answer:
    """An answer that takes its time."""
    threading.Event().wait(seconds)
    return answer or Answer()
