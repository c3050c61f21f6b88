# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.exec import exit_code, frame
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


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
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(("size", "head"), [(5, 2), (126, 4), (65535, 4), (65536, 10)])
def test_frames_are_masked_and_say_their_length(size: int, head: int) -> None:
    data = bytes(index % 251 for index in range(size))
    made = frame(2, data, b"\x01\x02\x03\x04")
    assert len(made) == head + 4 + size
    masked = made[head + 4 :]
    assert bytes(byte ^ (1, 2, 3, 4)[index % 4] for index, byte in enumerate(masked)) == data


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b'{"status":"Success"}', (0, "")),
        (b'{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}', (3, "")),
        (b'{"status":"Failure","message":"no shell"}', (-1, "no shell")),
        (b"<html>", (-1, "<html>")),
    ],
)
def test_exit_codes(status: bytes, expected: tuple[int, str]) -> None:
    assert exit_code(status) == expected
