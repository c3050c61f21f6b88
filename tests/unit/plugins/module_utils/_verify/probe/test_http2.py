# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 and gRPC against a server that says frame by frame what a test wants."""

from __future__ import annotations

import socket
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, run_checks
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.hpack import HeaderReader, literal
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.http2 import Connection2
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.jobs import run_plan
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred
from ansible_collections.mesh.workshop.tests.unit.servers import Rude

frame = Connection2.frame


SETTINGS, HEADERS, DATA, RESET, PING, GOAWAY, CONTINUATION = 4, 1, 0, 3, 6, 7, 9


class Peer:
    """The other end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.data = b""
        self.requests: list[tuple[int, dict[str, str], bytes]] = []

    def exactly(self, size: int) -> bytes:
        while len(self.data) < size:
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionResetError
            self.data += piece
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def request(self) -> tuple[int, dict[str, str], bytes]:
        """The next whole request: stream, headers, body."""
        if not self.requests:
            assert self.exactly(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        headers: dict[str, str] = {}
        body = b""
        while True:
            head = self.exactly(9)
            content = self.exactly(int.from_bytes(head[:3], "big"))
            if head[3] == HEADERS:
                headers = dict(HeaderReader(content).all())
            elif head[3] == DATA:
                body += content
            if head[3] in (HEADERS, DATA) and head[4] & 1:
                found = (int.from_bytes(head[5:], "big"), headers, body)
                self.requests.append(found)
                return found


def send(rude: Rude, count: int = 1, **spec: t.Any) -> list[dict[str, t.Any]]:
    job = {
        "id": "1",
        "url": "http://shop.example/x",
        "address": ["127.0.0.1", rude.port],
        "timeout": 2,
        "keep_body": 1000,
        "protocol": "HTTP/2",
        "phases": [{"count": count}],
    }
    return list(run_plan({"agent": "p", "jobs": [{**job, **spec}]})["jobs"]["1"]["observations"])


def test_requests_on_one_connection(rude: Rude) -> None:
    peers: list[Peer] = []

    def act(sock: socket.socket) -> None:
        peer = Peer(sock)
        peers.append(peer)
        sock.sendall(frame(SETTINGS, 0, 0, b"") + frame(PING, 0, 0, b"12345678"))
        while True:
            stream, _headers, _body = peer.request()
            interim = frame(HEADERS, 4, stream, literal(":status", "103"))
            head = literal(":status", "200") + literal("server", "x")
            padded = bytes([3]) + b"ok" + b"\0\0\0"
            sock.sendall(interim + frame(HEADERS, 0, stream, head[:5]) + frame(CONTINUATION, 4, stream, head[5:]))
            sock.sendall(frame(DATA, 8, stream, padded) + frame(DATA, 1, stream, b"!"))

    rude.act = act
    seen = send(rude, 3)
    assert [(one["status"], one["body"], one["headers"]) for one in seen] == [(200, "ok!", [("server", "x")])] * 3
    assert len(peers) == 1
    assert [stream for stream, _headers, _body in peers[0].requests] == [1, 3, 5]
    headers = peers[0].requests[0][1]
    assert (headers[":method"], headers[":path"], headers[":authority"]) == ("GET", "/x", "shop.example")
    assert "host" not in headers


def scripted(rude: Rude, answer: t.Callable[[int], bytes]) -> None:
    """Answer the one request of each connection with these bytes, then close."""

    def act(sock: socket.socket) -> None:
        stream, _headers, _body = Peer(sock).request()
        sock.sendall(answer(stream))

    rude.act = act


def opening(stream: int) -> bytes:
    return frame(SETTINGS, 0, 0, b"") + frame(HEADERS, 4, stream, literal(":status", "200"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda stream: b"", "reset_before_response"),
        (lambda stream: frame(SETTINGS, 0, 0, b""), "reset_before_response"),
        (lambda stream: frame(GOAWAY, 0, 0, bytes(8)), "reset_before_response"),
        (lambda stream: opening(stream)[:-3], "partial_response"),
        (lambda stream: frame(CONTINUATION, 4, stream, b"\xff"), "not_http"),
        (lambda stream: frame(HEADERS, 12, stream, b""), "not_http"),
        (lambda stream: frame(RESET, 0, stream, b"\0\0\0\x07"), "stream_reset"),
        (lambda stream: b"HTTP/1.1 400 Bad Request\r\n\r\n", "not_http"),
        (lambda stream: opening(stream) + frame(DATA, 0, stream, b"half"), "partial_response"),
    ],
)
def test_broken_answers_are_told_apart(rude: Rude, answer: t.Callable[[int], bytes], kind: str) -> None:
    scripted(rude, answer)
    assert send(rude)[0]["error"]["kind"] == kind


def test_an_idle_connection_that_the_server_closed_is_no_failure(rude: Rude) -> None:
    """As Envoy does when it drains: the connection had settings and answers, this stream had nothing."""
    streams: list[int] = []

    def act(sock: socket.socket) -> None:
        stream, _headers, _body = Peer(sock).request()
        streams.append(stream)
        sock.sendall(opening(stream) + frame(DATA, 1, stream, b"ok"))

    rude.act = act
    assert [one["status"] for one in send(rude, 6)] == [200] * 6
    assert streams == [1] * 6, "each on a connection of its own"
    lost = send(rude, 2, method="POST")
    assert lost[1]["error"]["kind"] == "reset_before_response", "what may have had an effect is not sent twice"


def test_a_huge_body_is_cut(rude: Rude) -> None:
    scripted(rude, lambda stream: opening(stream) + b"".join(frame(DATA, 0, stream, b"x" * 16384) for _n in range(10)))
    seen = send(rude, max_body=5000)[0]
    assert (seen["size"], seen["truncated"]) == (5000, True)


def grpc(rude: Rude, expect: dict[str, t.Any], trailers: bytes) -> t.Any:
    """A gRPC check against a server that answers with these trailers."""

    def act(sock: socket.socket) -> None:
        peer = Peer(sock)
        while True:
            stream, headers, body = peer.request()
            assert headers[":method"] == "POST"
            assert headers["content-type"] == "application/grpc"
            assert headers["te"] == "trailers"
            assert body == b"\0\0\0\0\0", "an empty message behind its length"
            sock.sendall(opening(stream) + frame(DATA, 0, stream, b"\0\0\0\0\2\x08\x01"))
            sock.sendall(frame(HEADERS, 5, stream, trailers))

    rude.act = act
    request = {"url": "grpc://shop.example:9080/grpc.health.v1.Health/Check"}
    checks = parse_checks([{"name": "health", "request": request, "expect": expect}])
    return run_checks(Barred(), checks, rude.address, once=True)


def test_grpc_status_is_in_the_trailers(rude: Rude) -> None:
    assert grpc(rude, {"grpc_status": "OK"}, literal("grpc-status", "0")).passed
    failed = grpc(rude, {"grpc_status": 0}, literal("grpc-status", "14"))
    assert not failed.passed
    assert "expected gRPC status OK, observed gRPC status UNAVAILABLE" in failed.message
    assert not grpc(rude, {"grpc_status": "UNAVAILABLE"}, literal("x", "y")).passed, "an HTTP client would see 200"
