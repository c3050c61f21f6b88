# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.istiod import ProxyStatus
from ansible_collections.mesh.workshop.plugins.module_utils._istio.mesh import (
    gateways_of,
    injection_of,
    namespaces_of,
    proxy_entry,
)

Json = dict[str, t.Any]


@pytest.mark.parametrize(
    ("labels", "how"),
    [
        ({}, "none"),
        ({"istio-injection": "enabled"}, "enabled"),
        ({"istio-injection": "disabled", "istio.io/rev": "canary"}, "disabled"),
        ({"istio-injection": "enabled", "istio.io/rev": "canary"}, "enabled"),
        ({"istio.io/rev": "canary"}, "revision canary"),
        ({"istio.io/dataplane-mode": "ambient"}, "ambient"),
    ],
)
def test_how_pods_get_into_the_mesh(labels: dict[str, str], how: str) -> None:
    assert injection_of(labels) == how


def test_namespaces_of_the_mesh_and_of_the_workshop_are_listed() -> None:
    managed = {"mesh.workshop/managed": "true"}
    items: list[Json] = [
        {"metadata": {"name": "default"}},
        {"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}},
        {"metadata": {"name": "room", "labels": managed}},
    ]
    assert namespaces_of(items) == [
        {"name": "shop", "injection": "enabled", "managed": False},
        {"name": "room", "injection": "none", "managed": True},
    ]


def service(spec: Json, status: Json | None = None) -> Json:
    return {"metadata": {"namespace": "istio-system", "name": "way-in"}, "spec": spec, "status": status}


NODES: list[Json] = [
    {
        "status": {
            "addresses": [{"type": "Hostname", "address": "node"}, {"type": "InternalIP", "address": "172.30.0.2"}]
        }
    },
    {"status": {}},
]


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        (
            {"type": "LoadBalancer", "ports": [{"port": 80}]},
            {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "way.in.example"}]}},
            {"addresses": ["192.0.2.1", "way.in.example"], "pending": False, "node_addresses": []},
        ),
        (
            {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]},
            {},
            {"addresses": [], "pending": True, "node_addresses": ["172.30.0.2"]},
        ),
        (
            {"externalIPs": ["172.30.0.2"], "ports": [{"name": "http2", "port": 80}]},
            None,
            {"type": "ClusterIP", "addresses": ["172.30.0.2"], "pending": False, "node_addresses": []},
        ),
        ({}, None, {"addresses": [], "pending": False, "ports": []}),
    ],
)
def test_addresses_of_a_gateway(spec: Json, status: Json | None, expected: Json) -> None:
    (found,) = gateways_of([service(spec, status)], NODES)
    assert {name: found[name] for name in expected} == expected
    assert (found["namespace"], found["name"]) == ("istio-system", "way-in")


def test_the_ports_of_a_gateway_have_names_or_none() -> None:
    (found,) = gateways_of([service({"ports": [{"port": 80, "nodePort": 30080}, {"name": "tls", "port": 443}]})], [])
    assert found["ports"] == [
        {"name": "", "port": 80, "node_port": 30080},
        {"name": "tls", "port": 443, "node_port": None},
    ]


def test_a_proxy_in_a_result() -> None:
    proxy = ProxyStatus("web-1.shop", "sidecar", "1.31.0", waiting=["routes"], rejected={"listeners": "bad"})
    assert proxy_entry(proxy) == {
        "name": "web-1",
        "namespace": "shop",
        "kind": "sidecar",
        "version": "1.31.0",
        "synced": False,
        "waiting": ["routes"],
        "rejected": {"listeners": "bad"},
    }
