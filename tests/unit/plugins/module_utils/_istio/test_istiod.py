# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.istiod import (
    Istiod,
    find_istiods,
    parse_syncz,
    proxies_of,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def proxy(name: str, **types: Json) -> Json:
    urls = {"listeners": LISTENER, "endpoints": ENDPOINT}
    return {"proxy": name, "proxy_type": "sidecar", "resources": {urls[key]: value for key, value in types.items()}}


def test_proxies_in_sync_behind_and_in_refusal() -> None:
    found = parse_syncz(
        [
            proxy("a", listeners={"sent": "1", "acked": "1"}),
            proxy("b", listeners={"sent": "2", "acked": "1"}),
            proxy(
                "c",
                listeners={"sent": "2", "acked": "1", "lastError": "no\n such", "sentTime": "2026-01-01T12:00:00.5Z"},
            ),
            proxy("d", endpoints={"sent": "2", "acked": "1"}),
            proxy("e", listeners={}),
        ]
    )
    assert [one.synced for one in found] == [True, False, False, True, True]
    assert found[1].waiting == ["listeners"]
    assert found[2].rejected == {"listeners": "no such"}
    assert found[2].rejected_at == NOW
    assert parse_syncz(None) == []


def pod_of(name: str, *, ready: bool = True, debounce: str = "", **meta: str) -> Json:
    container: Json = {"name": "discovery", "env": [{"name": "PILOT_DEBOUNCE_AFTER", "value": debounce}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "istio-system", "name": name, "labels": {"app": "istiod"}, **meta},
        "spec": {"containers": [{"name": "other"}, container]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


class FakePods:
    """A client whose forwarding is refused, or whose forwarded port answers with an error of istiod's own."""

    def __init__(self, forwarding: ApiError | None, answer: ApiError | bytes) -> None:
        self.forwarding, self.answer = forwarding, answer

    def forward(self, namespace: str, pod: str, port: int) -> FakePods:
        if self.forwarding:
            raise self.forwarding
        return self

    def get(self, path: str) -> bytes:
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer

    def close(self) -> None:
        pass

    def exec(self, namespace: str, pod: str, container: str, command: list[str]) -> ExecResult:
        return ExecResult(0, b"by exec", b"")


def test_istiod_is_asked_by_exec_where_forwarding_is_not_allowed() -> None:

    def ask(forwarding: ApiError | None, answer: ApiError | bytes = b"") -> bytes:
        return Istiod(FakePods(forwarding, answer), pod_of("istiod-1")).get("/metrics")

    assert ask(ApiError(403, "Forbidden", "no portforward")) == b"by exec"
    assert ask(None, ApiError(401, "", "istiod wants a token")) == b"by exec"
    with pytest.raises(ApiError, match="does not accept the credentials"):
        ask(ApiError(401, "Unauthorized", "Unauthorized"))


@pytest.mark.parametrize(
    ("answer", "root"),
    [(b'{"rootNamespace": "mesh-config"}', "mesh-config"), (b"{}", "istio-system"), (b"not found", "istio-system")],
)
def test_the_root_namespace_is_that_of_the_configuration_else_istiods(answer: bytes, root: str) -> None:
    istiod = Istiod(FakePods(None, answer), pod_of("istiod-1"))
    assert istiod.root_namespace() == root


@pytest.mark.parametrize(("said", "seconds"), [("300ms", 0.3), ("1m30s", 90), ("0", 0), ("", 0.1), ("soon", 0.1)])
def test_the_debounce_is_that_of_the_deployment_else_istiods_default(said: str, seconds: float) -> None:
    istiod = Istiod(FakePods(None, b""), pod_of("istiod-1", debounce=said))
    assert istiod.debounce == seconds


def test_an_answer_that_is_no_json_is_an_error_that_names_the_path() -> None:
    istiod = Istiod(FakePods(None, b"<html>"), pod_of("istiod-1"))
    with pytest.raises(ApiError, match="/debug/syncz with something other than JSON"):
        istiod.json("/debug/syncz")


def test_only_pods_that_serve_are_asked(client: Client, api: FakeApi) -> None:
    api.put(pod_of("istiod-ready"))
    api.put(pod_of("istiod-starting", ready=False))
    api.put(pod_of("istiod-leaving", deletionTimestamp="2026-01-01T12:00:00Z"))
    assert [istiod.name for istiod in find_istiods(client)] == ["istiod-ready"]


def test_all_istiods_are_asked_for_their_proxies(monkeypatch: pytest.MonkeyPatch, client: Client, api: FakeApi) -> None:
    api.put(pod_of("istiod-1"))
    api.put(pod_of("istiod-2"))
    answers = {"istiod-1": [proxy("web.shop")], "istiod-2": [proxy("api.shop")]}
    monkeypatch.setattr(Istiod, "get", lambda self, path: json.dumps(answers[self.name]).encode())
    assert [one.name for one in proxies_of(client)] == ["api.shop", "web.shop"]
