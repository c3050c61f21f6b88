# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import types
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.collect import PATH, Configs
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError

POD = {
    "metadata": {"name": "reviews-1", "namespace": "bookinfo"},
    "spec": {"containers": [{"name": "istio-proxy"}]},
    "status": {"phase": "Running"},
}
ANSWER = json.dumps({"configs": []}).encode()


class Client:
    """As much of a client as is used, with what each way answers."""

    def __init__(self, forwarded: bytes | ApiError, executed: bytes | ApiError = ANSWER) -> None:
        self.forwarded, self.executed = forwarded, executed
        self.asked: list[str] = []

    def forward(self, _namespace: str, name: str, port: int, _timeout: float) -> t.Any:
        self.asked.append(f"{name}:{port}")
        if isinstance(self.forwarded, ApiError):
            raise self.forwarded
        answer = self.forwarded

        def get(path: str) -> bytes:
            assert path == PATH
            return answer

        return types.SimpleNamespace(get=get, close=lambda: None)

    def exec(self, _namespace: str, name: str, container: str, command: list[str], timeout: float) -> t.Any:
        self.asked.append(f"{name}/{container} {command[0]}")
        if isinstance(self.executed, ApiError):
            raise self.executed
        return types.SimpleNamespace(exit_code=0, stdout=self.executed, stderr=b"")


def test_a_proxy_is_read_once() -> None:
    client = Client(ANSWER)
    configs = Configs(client)
    assert set(configs.of([POD])) == set(configs.of([POD, POD])) == {("bookinfo", "reviews-1")}
    assert client.asked == ["reviews-1:15000"]


def test_where_forwarding_is_not_allowed_the_agent_is_asked() -> None:
    client = Client(ApiError(403, "Forbidden", "no"))
    assert set(Configs(client).of([POD])) == {("bookinfo", "reviews-1")}
    assert client.asked == ["reviews-1:15000", "reviews-1/istio-proxy pilot-agent"]


def test_what_may_not_be_read_is_said() -> None:
    refused = ApiError(403, "Forbidden", "pods is forbidden")
    configs = Configs(Client(refused, refused))
    assert configs.of([POD]) == {}
    (said,) = configs.refused()
    assert said.startswith("The configuration of the proxy of pod bookinfo/reviews-1 cannot be read: pods is forbidden")


def test_an_answer_that_is_no_json_is_said() -> None:
    configs = Configs(Client(b"<html>", b"<html>"))
    assert configs.of([POD]) == {}
    assert configs.refused()[0].endswith("its answer is not JSON")


def test_pods_without_a_proxy_are_not_asked() -> None:
    client = Client(ANSWER)
    bare = {**POD, "spec": {"containers": [{"name": "app"}]}}
    ended = {**POD, "status": {"phase": "Succeeded"}}
    assert Configs(client).of([bare, ended]) == {}
    assert client.asked == []
