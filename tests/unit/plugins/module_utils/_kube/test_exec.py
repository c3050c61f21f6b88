# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, ConfigError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube import exec as exec_
from ansible_collections.mesh.workshop.plugins.module_utils._kube.exec import exit_code
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.servers import Rude


@pytest.mark.parametrize("size", [0, 1, 5, 40000, 200000])
def test_exec_carries_stdin_to_its_end_and_brings_stdout_back(client: Client, size: int) -> None:
    data = os.urandom(size)
    done = client.exec("bookinfo", "p", "c", ["cat"], data)
    assert (done.exit_code, done.stderr) == (0, b"done")
    assert done.stdout == data


def test_exec_works_with_servers_that_cannot_end_stdin(client: Client, api: FakeApi) -> None:
    api.protocol = "v4.channel.k8s.io"
    assert client.exec("bookinfo", "p", "c", ["cat"], b"hello").stdout == b"hello"


def test_exec_reports_the_exit_code(client: Client) -> None:
    assert client.exec("bookinfo", "p", None, ["fail"]).exit_code == 7


def test_exec_says_what_could_not_be_started(client: Client) -> None:
    with pytest.raises(ApiError, match=r"Pod bookinfo/p: no such program\."):
        client.exec("bookinfo", "p", None, ["nothing"])


def test_exec_ends_at_its_timeout(client: Client) -> None:
    with pytest.raises(ApiError, match="Pod bookinfo/p: the command hang did not end within 0.3 s"):
        client.exec("bookinfo", "p", None, ["hang"], timeout=0.3)


def test_exec_that_is_refused(client: Client, api: FakeApi) -> None:
    api.tokens = set()
    with pytest.raises(ApiError, match="does not accept the credentials"):
        client.exec("bookinfo", "p", None, ["cat"])


def test_exec_with_a_token_that_has_expired_reads_it_again(api: FakeApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "users": [{"name": "u", "user": {"tokenFile": str(token)}}],
    }
    made = connect({"kubeconfig": config}, {})
    assert made.exec("bookinfo", "p", "c", ["cat"], b"1").stdout == b"1"
    token.write_text("new")
    api.tokens = {"new"}
    assert made.exec("bookinfo", "p", "c", ["cat"], b"2").stdout == b"2"


def test_exec_comes_again_when_the_server_says(client: Client, api: FakeApi) -> None:
    api.fail(429, part="/exec", times=2, headers={"Retry-After": "0.05"})
    started = time.monotonic()
    assert client.exec("bookinfo", "p", "c", ["cat"], b"hello").stdout == b"hello"
    assert time.monotonic() - started >= 0.1
    assert len(api.asked("GET", "/exec")) == 3


def test_exec_goes_on_after_a_restart_of_the_api_server(client: Client, api: FakeApi) -> None:
    client.server_version()
    api.stop()
    threading.Timer(0.3, api.start).start()
    assert client.exec("bookinfo", "p", "c", ["cat"], b"hello").stdout == b"hello"


def test_exec_is_not_tried_for_longer_than_its_timeout(client: Client, api: FakeApi) -> None:
    client.server_version()
    api.stop()
    started = time.monotonic()
    with pytest.raises(ApiError, match="Pod bookinfo/p: the API server at .* cannot be reached"):
        client.exec("bookinfo", "p", "c", ["cat"], timeout=0.3)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b'{"status":"Success"}', (0, "")),
        (b'{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}', (3, "")),
        (b'{"status":"Failure","message":"no shell"}', (-1, "no shell")),
        (b"<html>", (-1, "<html>")),
        (b"[]", (-1, "[]")),
        (b'{"details":{"causes":[{"reason":"ExitCode"}]}}', (-1, '{"details":{"causes":[{"reason":"ExitCode"}]}}')),
    ],
)
def test_exit_codes(status: bytes, expected: tuple[int, str]) -> None:
    assert exit_code(status) == expected


def test_a_command_that_writes_while_it_reads_blocks_nothing(client: Client) -> None:
    data = os.urandom(400_000)  # comes back fifty times as long: more than any buffer in between holds
    assert len(client.exec("bookinfo", "p", "c", ["echo"], data, timeout=60).stdout) == len(data) * 50


def test_a_missing_package_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_, "HAS_WEBSOCKET", False)
    with pytest.raises(ConfigError, match="need the Python package websocket-client; install kubernetes"):
        client.exec("bookinfo", "p", "c", ["cat"])


def test_a_command_that_does_not_read_its_input(client: Client) -> None:
    assert client.exec("bookinfo", "p", "c", ["deaf"], os.urandom(3_000_000)).exit_code == 0


def test_exec_acts_as_somebody_else_in_all_their_groups(api: FakeApi) -> None:
    given = {"host": api.url, "api_key": "good", "impersonate_user": "Jürgen", "impersonate_groups": ["a", "b"]}
    connect(given, {}).exec("bookinfo", "p", "c", ["cat"])
    assert api.headers[-1].get_all("Impersonate-Group") == ["a", "b"]
    assert api.headers[-1]["Impersonate-User"].encode("latin-1").decode() == "Jürgen"
    assert api.headers[-1]["Authorization"] == "Bearer good"


def test_credentials_do_not_follow_a_redirect(client: Client, api: FakeApi) -> None:
    other = FakeApi()
    api.fail(302, part="/exec", headers={"Location": f"{other.url}/exec"})
    with pytest.raises(ApiError, match="is not a WebSocket server"):
        client.exec("bookinfo", "p", "c", ["cat"])
    assert other.requests == []
    other.stop()


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 101 Go\r\n\r\n", b"\xff\r\n\r\n"]
)
def test_exec_with_what_is_no_api_server(rude: Rude, answer: bytes) -> None:
    def act(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)

    rude.act = act
    with pytest.raises(
        ApiError, match="Pod bookinfo/p: what answers in the API server's place is not a WebSocket server"
    ):
        connect({"host": f"http://127.0.0.1:{rude.port}", "api_key": "x"}, {}).exec(
            "bookinfo", "p", "c", ["cat"], timeout=2
        )


# -- forwarded ports -----------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"


def test_answers_over_a_forwarded_port_are_read_to_their_end(client: Client, api: FakeApi) -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab0\r\n\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
    api.forwarded = {
        "/plain": [(0, OK), (0, b"Content-Length: 5\r\n\r\nhel"), (0, b"lo")],
        "/chunked": [(0, chunked[start : start + 7]) for start in range(0, len(chunked), 7)],
        "/big": [(0, OK + b"Content-Length: 300000\r\n\r\n"), (0, b"x" * 300000)],
    }
    port = client.forward("bookinfo", "p", 15014)
    assert [port.get(path) for path in ("/plain", "/chunked", "/big", "/plain")] == [
        b"hello",
        b"ab0\r\n\r\nde" + b"f",
        b"x" * 300000,
        b"hello",
    ]
    port.close()
    assert len(api.asked("GET", "/portforward")) == 1


def test_a_forwarded_port_that_answers_otherwise_is_said(client: Client, api: FakeApi) -> None:
    api.forwarded = {
        "/404": [(0, b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnothing")],
        "/error": [(1, b"nothing listens\non 1")],
        "/silent": [],
        "/half": [(0, OK + b"Content-Length: 5\r\n\r\nhel")],
        "/nonsense": [(0, b"nonsense\r\n\r\n")],
    }
    for path, said in (
        ("/404", "nothing"),
        ("/error", "nothing listens on 1"),
        ("/silent", r"port 1 gives no answer to /silent .timeout."),
        ("/half", r"port 1 gives no answer to /half .timeout."),
        ("/nonsense", "port 1 gives no answer to /nonsense"),
        ("/closed", "port 1 gives no answer to /closed"),
    ):
        port = client.forward("bookinfo", "p", 1, timeout=0.3)
        with pytest.raises(ApiError, match=said):
            port.get(path)
        port.close()
