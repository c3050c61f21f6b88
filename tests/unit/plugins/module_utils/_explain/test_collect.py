# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain import collect
from ansible_collections.mesh.workshop.plugins.module_utils._explain.collect import HEALTH_PATH, PATH, Configs
from ansible_collections.mesh.workshop.plugins.module_utils._explain.origin import origin_of
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError

POD = {
    "metadata": {"name": "reviews-1", "namespace": "bookinfo"},
    "spec": {"containers": [{"name": "istio-proxy"}]},
    "status": {"phase": "Running"},
}
ANSWER = json.dumps({"configs": []}).encode()
ISTIOD = {
    "metadata": {"name": "istiod-1", "namespace": "istio-system"},
    "spec": {"containers": [{"name": "discovery"}]},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
TYPE = "type.googleapis.com/envoy.admin.v3."
REFUSED = ApiError(403, "Forbidden", "pods is forbidden")


def dump(*hosts: str) -> bytes:
    """A dump with the health of its hosts."""
    found = [{"health_status": one} for one in hosts]
    group = {"cluster_name": "v1", "endpoints": [{"lb_endpoints": found}]}
    endpoints = [{"endpoint_config": group}]
    return json.dumps(
        {"configs": [{"@type": f"{TYPE}EndpointsConfigDump", "dynamic_endpoint_configs": endpoints}]}
    ).encode()


class Client:
    """As much of a client as is used, with what each way answers."""

    def __init__(
        self,
        forwarded: bytes | ApiError,
        executed: bytes | ApiError = ANSWER,
        istiod: bytes | ApiError | None = None,
        health: bytes = b"{}",
    ) -> None:
        self.forwarded, self.executed, self.istiod = forwarded, executed, istiod
        self.answers = {HEALTH_PATH: health}
        self.asked: list[str] = []
        self.grpc_routes: tuple[str, ...] | None = None

    def list(self, _version: str, kind: str, _namespace: None, label_selector: str | None = None) -> list[t.Any]:
        if kind == "GRPCRoute":
            self.asked.append(kind)
            if self.grpc_routes is None:
                raise ApiError(404, "NotFound", "no")
            return [{"metadata": {"name": one, "namespace": "bookinfo"}} for one in self.grpc_routes]
        assert label_selector == "app=istiod"
        return [ISTIOD] if self.istiod is not None else []

    def forward(self, _namespace: str, name: str, port: int, _timeout: float = 10) -> t.Any:
        self.asked.append(f"{name}:{port}")
        answer = self.istiod if name == "istiod-1" else self.forwarded
        if isinstance(answer, ApiError):
            raise answer
        assert answer is not None
        main = answer

        def get(path: str) -> bytes:
            self.asked.append(path)
            return self.answers.get(path, main)

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
    assert client.asked == ["reviews-1:15000", PATH]


def test_where_forwarding_is_not_allowed_the_agent_is_asked() -> None:
    client = Client(ApiError(403, "Forbidden", "no"))
    assert set(Configs(client).of([POD])) == {("bookinfo", "reviews-1")}
    assert client.asked == ["reviews-1:15000", "reviews-1/istio-proxy pilot-agent"]


def test_what_may_not_be_read_is_said_once_for_all_pods() -> None:
    configs = Configs(Client(REFUSED, REFUSED))
    other = {**POD, "metadata": {"name": "reviews-2", "namespace": "bookinfo"}}
    assert configs.of([POD, other]) == {}
    assert configs.refused() == [
        "The configurations of the proxies of pods bookinfo/reviews-1, bookinfo/reviews-2 cannot be read (admin port: "
        "no right to create pods/portforward; agent: no right to create pods/exec; istiod: none of its pods is there). "
        "What is decided there is not known."
    ]


def test_an_answer_that_is_no_json_is_said() -> None:
    configs = Configs(Client(b"<html>", b"<html>"))
    assert configs.of([POD]) == {}
    assert "admin port: the answer is not JSON; agent: the answer is not JSON" in configs.refused()[0]


def test_pods_without_a_proxy_are_not_asked() -> None:
    client = Client(ANSWER)
    bare = {**POD, "spec": {"containers": [{"name": "app"}]}}
    ended = {**POD, "status": {"phase": "Succeeded"}}
    assert Configs(client).of([bare, ended]) == {}
    assert client.asked == []


def test_istiod_is_asked_where_the_proxy_may_not_be() -> None:
    listener = {"activeState": {"listener": {"name": "virtualInbound", "trafficDirection": "INBOUND"}}}
    theirs = {"configs": [{"@type": f"{TYPE}ListenersConfigDump", "dynamicListeners": [listener]}]}
    client = Client(REFUSED, REFUSED, json.dumps(theirs).encode())
    configs = Configs(client)
    (config,) = configs.of([POD]).values()
    assert config.listeners[0]["traffic_direction"] == "INBOUND"
    assert client.asked[-2:] == [
        "istiod-1:15014",
        "/debug/config_dump?proxyID=reviews-1.bookinfo&include_eds=true",
    ]
    assert configs.refused() == [
        "The configuration of the proxy of pod bookinfo/reviews-1 is what istiod would send, and not what the proxy "
        "has (admin port: no right to create pods/portforward; agent: no right to create pods/exec). What a proxy has "
        "refused and which pods it has ejected is not known."
    ]


def test_what_istiod_does_not_tell_is_said_as_well() -> None:
    configs = Configs(Client(REFUSED, REFUSED, ApiError(0, "Forward", "connection refused")))
    assert configs.of([POD]) == {}
    assert "istiod: connection refused" in configs.refused()[0]


def test_hosts_are_asked_about_only_where_one_is_not_healthy() -> None:
    client = Client(dump("HEALTHY", "HEALTHY"))
    Configs(client).of([POD])
    assert HEALTH_PATH not in client.asked
    host = {
        "address": {"socket_address": {"address": "10.0.0.2", "port_value": 9080}},
        "health_status": {"failed_outlier_check": True},
    }
    answer = json.dumps({"cluster_statuses": [{"name": "v1", "host_statuses": [host]}]}).encode()
    client = Client(dump("HEALTHY", "UNHEALTHY"), health=answer)
    (config,) = Configs(client).of([POD]).values()
    assert config.ejected == {("v1", "10.0.0.2", 9080): "ejected"}


def test_more_than_the_limit_is_not_read_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MOST_BYTES", len(ANSWER))
    monkeypatch.setattr(collect, "THREADS", 1)
    other = {**POD, "metadata": {"name": "reviews-2", "namespace": "bookinfo"}}
    client = Client(ANSWER)
    configs = Configs(client)
    assert set(configs.of([POD, other])) == {("bookinfo", "reviews-1")}
    assert client.asked == ["reviews-1:15000", PATH]
    assert configs.refused()[0].startswith("The configuration of the proxy of pod bookinfo/reviews-2 was not asked for")


@pytest.mark.parametrize(
    ("names", "kind"), [(("reviews",), "GRPCRoute"), (("other",), "HTTPRoute"), (None, "HTTPRoute")]
)
def test_routes_of_the_gateway_api_are_told_apart_by_their_kind(names: tuple[str, ...] | None, kind: str) -> None:
    made = "/apis/a/v1/namespaces/bookinfo/virtual-service/reviews~0~istio-autogenerated-k8s-gateway"
    routes = [
        {"name": f"bookinfo.reviews.{number}", "metadata": {"filter_metadata": {"istio": {"config": made}}}}
        for number in range(2)
    ]
    config = {"name": "http.80", "virtual_hosts": [{"routes": routes}]}
    section = {"@type": f"{TYPE}RoutesConfigDump", "dynamic_route_configs": [{"route_config": config}]}
    client = Client(json.dumps({"configs": [section]}).encode())
    client.grpc_routes = names
    found = Configs(client).of([POD, {**POD, "metadata": {"name": "reviews-2", "namespace": "bookinfo"}}])
    (host,) = found["bookinfo", "reviews-1"].routes["http.80"]["virtual_hosts"]
    assert [origin.kind for route in host["routes"] if (origin := origin_of(route))] == [kind, kind]
    assert client.asked.count("GRPCRoute") == 1, "for both proxies"


def test_without_routes_of_the_gateway_api_their_kinds_are_not_asked_for() -> None:
    client = Client(ANSWER)
    Configs(client).of([POD])
    assert "GRPCRoute" not in client.asked
