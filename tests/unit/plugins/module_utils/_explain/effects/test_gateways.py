# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Diagnosis, Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects import effects_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.text import text_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import at_gateway
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, mesh, with_gateway


def server(number: int, protocol: str, mode: str = "") -> Json:
    tls: Json = {"tls": {"mode": mode, "credentialName": "shop"}} if mode else {}
    return {"port": {"number": number, "protocol": protocol, "name": "a"}, "hosts": ["shop.example"], **tls}


def world(*servers: Json, **routes: t.Any) -> Mesh:
    """A gateway with these servers in front of the mesh, and a VirtualService with these routes bound to it."""
    gateway = {"metadata": {"name": "shop", "namespace": "bookinfo"}, "spec": {"selector": {"istio": "ingressgateway"}}}
    gateway["spec"]["servers"] = list(servers)
    rule = {"metadata": {"name": "shop", "namespace": "bookinfo"}}
    rule["spec"] = {"hosts": ["shop.example"], "gateways": ["shop"], **routes}
    return with_gateway(mesh(Gateway=[gateway], VirtualService=[rule]))


HTTP: Json = {"http": [{"route": [{"destination": {"host": "reviews"}}]}]}
TLS: Json = {"tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": [{"destination": {"host": "reviews"}}]}]}
TCP: Json = {"tcp": [{"route": [{"destination": {"host": "reviews"}}]}]}


@pytest.mark.parametrize(
    ("servers", "routes", "said"),
    [
        ([server(80, "HTTPS", "PASSTHROUGH")], HTTP, "passes TLS on as it is (mode PASSTHROUGH)"),
        ([server(80, "TLS", "SIMPLE")], HTTP, "ends TLS and passes on what is within as TCP (protocol TLS)"),
        ([server(80, "HTTPS", "SIMPLE")], TLS, "takes HTTPS and ends TLS"),
        ([server(80, "TCP")], HTTP, "takes TCP"),
        ([server(80, "HTTPS", "PASSTHROUGH")], TLS, ""),
        ([server(80, "HTTPS", "PASSTHROUGH"), server(80, "HTTP")], HTTP, ""),
        ([server(80, "HTTPS", "SIMPLE")], HTTP, ""),
        ([server(80, "TLS", "SIMPLE")], TCP, ""),
        ([server(80, "HTTP")], {**HTTP, **TLS}, ""),
        ([server(80, "")], HTTP, ""),
    ],
)
def test_routes_of_a_kind_that_the_server_does_not_take(servers: list[Json], routes: Json, said: str) -> None:
    found = [one for one in effects_of(world(*servers, **routes)) if one.field in ("spec.http", "spec.tls", "spec.tcp")]
    assert [str(one.origin) for one in found] == (["VirtualService bookinfo/shop"] if said else [])
    assert said in "".join(one.sentence for one in found)


def failed(found: Mesh, url: str, kind: str) -> Diagnosis:
    answer = diagnose(
        Findings(
            url,
            "host",
            "bookinfo",
            seen=({"error": {"kind": kind, "message": ""}},),
            objects=found.objects,
            configs=found.configs,
            request=request_of(url),
        )
    )
    assert answer is not None
    return answer


def test_a_port_that_the_gateways_service_lacks() -> None:
    found = world(server(80, "HTTP"), server(9443, "HTTP"), **HTTP)
    answer = failed(found, "http://shop.example:9443/", "connection_refused")
    assert answer.sentence == (
        "Gateway bookinfo/shop opens port 9443, which Service istio-system/ingress in front of its pods does not have, "
        "so nobody outside reaches it."
    )
    assert '"port": 9443' in answer.change
    journey = at_gateway(found, request_of("http://shop.example:9443/"), found.gateways()[0])
    assert outcome_of(journey) == "Outcome: refused, since no Service of the gateway has port 9443."
    assert "None for port 9443: no Service of the gateway has port 9443." in text_of(journey)


@pytest.mark.parametrize("parts", [{"hostNetwork": True}, {"containers": [{"ports": [{"hostPort": 9443}]}]}])
def test_a_gateway_at_its_nodes_address_needs_no_service(parts: Json) -> None:
    found = world(server(9443, "HTTP"), **HTTP)
    found.gateways()[0]["spec"].update(parts)
    assert not [one for one in effects_of(found) if one.field.endswith("port.number")]
    journey = at_gateway(found, request_of("http://shop.example:9443/"), found.gateways()[0])
    assert outcome_of(journey) == "Outcome: refused, since no Gateway opens port 9443."


@pytest.mark.parametrize("number", [80, 8080])
def test_a_server_names_the_port_of_the_service_or_of_its_pods(number: int) -> None:
    assert not [one for one in effects_of(world(server(number, "HTTP"), **HTTP)) if one.origin.kind == "Gateway"]


def test_http_routes_over_tls_that_is_passed_on_are_the_cause() -> None:
    found = world(server(80, "HTTPS", "PASSTHROUGH"), **HTTP)
    (listener,) = found.configs[("istio-system", "ingress-a-b")].listeners
    # istiod makes no filter chain for a server that no route is for.
    listener["filter_chains"] = []
    answer = failed(found, "https://shop.example:80/", "tls")
    assert answer.accused() == {"VirtualService bookinfo/shop", "Gateway bookinfo/shop"}
    assert "tls.mode: SIMPLE" in answer.remedy
