# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._observe.gateway import (
    GatewayError,
    GatewayPending,
    address_of,
    by_route,
    gateway_address,
    joined,
    split_address,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

NODES = [
    {"status": {"addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.9"}]}}
]


def service(name: str = "istio-ingressgateway", namespace: str = "istio-system", **parts: t.Any) -> dict[str, t.Any]:
    """A gateway's Service."""
    ports = parts.pop("ports", [{"port": 80, "nodePort": 30080}, {"port": 443, "nodePort": 30443}])
    ingress = parts.pop("ingress", [])
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "LoadBalancer", "ports": ports, **parts},
        "status": {"loadBalancer": {"ingress": ingress}},
    }


def test_load_balancer_by_address_or_name() -> None:
    assert address_of([service(ingress=[{"ip": "172.30.0.2"}])], [], 80) == ("172.30.0.2", 80)
    assert address_of([service(ingress=[{"hostname": "lb.example"}])], [], 443) == ("lb.example", 443)


def test_external_address_and_node_port() -> None:
    assert address_of([service(externalIPs=["192.0.2.7"])], NODES, 80) == ("192.0.2.7", 80)
    assert address_of([service()], NODES, 443) == ("10.0.0.9", 30443)


def test_the_gateway_of_istio_comes_first_and_a_pending_one_last() -> None:
    other = service("gw", "apps", ingress=[{"ip": "1.1.1.1"}])
    ours = service(ingress=[{"ip": "2.2.2.2"}])
    assert address_of([other, ours], [], 80) == ("2.2.2.2", 80)
    pending = service(ports=[{"port": 80}])
    assert address_of([pending, other], [], 80) == ("1.1.1.1", 80)


def test_of_several_the_one_with_the_port_is_explained() -> None:
    pending = service("second", "apps", ports=[{"port": 8081}])
    with pytest.raises(GatewayError, match="apps/second waits for an address"):
        address_of([service(), pending], NODES, 8081)


@pytest.mark.parametrize(
    ("services", "nodes", "port", "sentence"),
    [
        ([], [], 80, "No Service has the label istio=ingressgateway"),
        ([service()], NODES, 8443, "has no port 8443 (it has 80, 443)"),
        ([service(ports=[{"port": 80}])], NODES, 80, "waits for an address (its EXTERNAL-IP is pending)"),
        ([service(type="ClusterIP", ports=[{"port": 80}])], NODES, 80, "is of type ClusterIP"),
        ([service()], [], 80, "no node has an InternalIP"),
    ],
)
def test_no_way_in_is_explained(services: t.Any, nodes: t.Any, port: int, sentence: str) -> None:
    with pytest.raises(GatewayError) as caught:
        address_of(services, nodes, port)
    assert sentence in str(caught.value)


def test_addresses_as_text() -> None:
    assert split_address("gw.example:8080", 80) == ("gw.example", 8080)
    assert split_address("gw.example", 80) == ("gw.example", 80)
    assert split_address("[::1]:8080", 80) == ("::1", 8080)
    assert joined(("::1", 80)) == "[::1]:80"
    for wrong in ("http://x", "", ":80", "x:notaport", "a@b"):
        with pytest.raises(GatewayError, match="must look like host or host:port"):
            split_address(wrong, 80)


def route(status: str, host: str = "shop.example", **spec: t.Any) -> dict[str, t.Any]:
    """A Route to the gateway, and what the router says of it."""
    verdict = {"type": "Admitted", "status": status, "reason": "HostAlreadyClaimed", "message": "another has it"}
    return {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": "bookinfo", "namespace": "istio-system"},
        "spec": {"host": host, "to": {"kind": "Service", "name": "istio-ingressgateway"}, **spec},
        "status": {
            "ingress": [{"routerName": "r", "routerCanonicalHostname": "router.example", "conditions": [verdict]}]
        },
    }


def test_a_route_leads_to_its_router() -> None:
    assert by_route([route("True")], "shop.example", 80) == ("router.example", 80)


def test_what_no_route_is_for_goes_to_the_service() -> None:
    assert by_route([], "shop.example", 80) is None
    assert by_route([route("True")], "other.example", 80) is None
    assert by_route([route("True")], "shop.example", 443) is None, "the router would end TLS itself"
    assert by_route([route("True")], "shop.example", 8080) is None, "routers listen at 80 and 443"


def test_a_route_that_is_not_admitted_is_explained() -> None:
    with pytest.raises(GatewayPending) as caught:
        by_route([route("False")], "shop.example", 80)
    assert str(caught.value) == (
        "Route istio-system/bookinfo for shop.example leads nowhere: router r does not admit it (HostAlreadyClaimed: "
        "another has it); remove the Route that has the host, or give this one another host (bookinfo_host)."
    )


def test_the_address_is_the_routers_where_there_is_a_route(api: FakeApi, client: Client) -> None:
    labels = {"labels": {"istio": "ingressgateway"}}
    found = service(ingress=[{"ip": "192.0.2.1"}])
    api.put({**found, "apiVersion": "v1", "kind": "Service", "metadata": {**found["metadata"], **labels}})
    assert gateway_address(client, "shop.example") == "192.0.2.1:80"
    api.kinds.append(("route.openshift.io/v1", "routes", "Route", True))
    api.put(route("True"))
    client.forget_discovery()
    assert gateway_address(client, "shop.example") == "router.example:80"
    assert gateway_address(client, "other.example") == "192.0.2.1:80"
