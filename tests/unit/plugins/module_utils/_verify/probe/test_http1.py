# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 and plain TCP against real sockets: what is told apart, and what is bounded."""

from __future__ import annotations

import socket
import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.probe.sending import send
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Rude, Site, after


def raw(rude: Rude, answer: bytes) -> dict[str, t.Any]:
    """What is seen when the server says just these bytes and closes."""

    def act(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)

    rude.act = act
    return send(rude.port, timeout=1)[0]


def test_an_answer_is_written_down(site: Site) -> None:
    site.answer = lambda request: Answer(201, b"made", (("X-Kind", "a"), ("X-Kind", "b")))
    seen = send(site.port, url="http://shop.example:8080/path?q=1", method="POST", body="aGVsbG8=")[0]
    assert (seen["status"], seen["body"], seen["error"], seen["size"]) == (201, "made", None, 4)
    assert [pair for pair in seen["headers"] if pair[0] == "x-kind"] == [("x-kind", "a"), ("x-kind", "b")]
    assert 0 < seen["first_byte"] <= seen["total"] <= seen["seconds"]
    request = site.requests[0]
    assert (request.command, request.path, request.content) == ("POST", "/path?q=1", b"hello")
    assert request.headers["host"] == "shop.example:8080"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "reset_before_response"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "partial_response"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "partial_response"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal", "partial_response"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\nhal", "partial_response"),
        (b"SSH-2.0-OpenSSH\r\n", "not_http"),
        (b"HTTP/1.1 fine\r\n\r\n", "not_http"),
        (b"HTTP/1.1 \xb2\r\n\r\n", "not_http"),
        (b"HTTP/1.1 " + b"9" * 5000 + b"\r\n\r\n", "not_http"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhallo\r\n", "partial_response"),
        (b"HTTP/1.1 " + b"x" * 70_000, "not_http"),
    ],
)
def test_broken_answers_are_told_apart(rude: Rude, answer: bytes, kind: str) -> None:
    seen = raw(rude, answer)
    assert seen["error"]["kind"] == kind
    assert seen["status"] is None


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n", "abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xff\x00a", "\ufffd\x00a"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", ""),
    ],
)
def test_bodies_in_all_their_forms(rude: Rude, answer: bytes, body: str) -> None:
    seen = raw(rude, answer)
    assert (seen["status"], seen["body"], seen["truncated"]) == (200, body, False)


@pytest.mark.parametrize(
    "head",
    [b"content-length: 1000000", b"transfer-encoding: chunked", b"connection: close"],
    ids=["sized", "chunked", "open"],
)
def test_a_huge_body_is_cut(rude: Rude, head: bytes) -> None:
    piece = b"f4240\r\n" if b"chunked" in head else b""

    def act(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + piece + b"x" * 1_000_000)

    rude.act = act
    seen = send(rude.port, max_body=5000)[0]
    assert (seen["status"], seen["size"], seen["truncated"]) == (200, 5000, True)


def test_a_dripping_body_ends_at_the_timeout(rude: Rude) -> None:
    def act(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _drop in range(100):
            sock.sendall(b"x")
            after(0.02)

    rude.act = act
    seen = send(rude.port, timeout=0.3)[0]
    assert seen["error"]["kind"] == "partial_response"
    assert seen["seconds"] < 1


def test_head_has_no_body(rude: Rude) -> None:
    rude.act = lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n") and None
    assert send(rude.port, method="HEAD")[0]["status"] == 200


def test_no_listener_no_name_no_answer(rude: Rude, nowhere: str) -> None:
    assert send(int(nowhere.rpartition(":")[2]))[0]["error"]["kind"] == "connection_refused"
    seen = send(1, address=["no-such-host.invalid", 80])[0]
    assert seen["error"]["kind"] == "dns_failure"
    rude.act = lambda sock: after(2) and None
    assert send(rude.port, timeout=0.1)[0]["error"]["kind"] == "timeout_response"


def test_an_idle_connection_that_the_server_closed_is_no_failure(rude: Rude) -> None:
    def act(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    rude.act = act
    assert [one["status"] for one in send(rude.port, 6)] == [200] * 6
    lost = send(rude.port, 2, method="POST")
    assert lost[1]["error"]["kind"] == "reset_before_response", "what may have had an effect is not sent twice"
