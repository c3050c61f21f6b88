# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
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
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    rule_of,
    with_gateway,
)


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
    answer = perhaps(found, url, kind)
    assert answer is not None
    return answer


def perhaps(found: Mesh, url: str, kind: str) -> Diagnosis | None:
    seen = ({"error": {"kind": kind, "message": ""}},)
    given = {"objects": found.objects, "configs": found.configs, "request": request_of(url)}
    return diagnose(Findings(url, "host", "bookinfo", seen=seen, **given))


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


@pytest.mark.parametrize("got", [True, False])
def test_a_certificate_that_the_gateway_has_not_got(got: bool) -> None:
    found = world(server(80, "HTTPS", "SIMPLE"), **HTTP)
    place = ("istio-system", "ingress-a-b")
    config = dataclasses.replace(found.configs[place], secrets={"kubernetes://shop": got})
    found = dataclasses.replace(found, configs={**found.configs, place: config})
    (chain,) = config.listeners[0]["filter_chains"]
    names = {"tls_certificate_sds_secret_configs": [{"name": "kubernetes://shop"}]}
    chain["transport_socket"] = {"typed_config": {"common_tls_context": names}}
    said = (
        "Gateway bookinfo/shop takes its certificate from Secret istio-system/shop "
        "(spec.servers[0].tls.credentialName), which the gateway has not got, so it closes connections."
    )
    assert (failed(found, "https://shop.example:80/", "connection_refused").sentence == said) != got


@pytest.mark.parametrize(("name", "named"), [("www.example", True), ("shop.example", False)])
def test_a_server_name_that_no_route_has(name: str, named: bool) -> None:
    route = {"match": [{"sniHosts": [name]}], "route": [{"destination": {"host": "reviews"}}]}
    found = world(server(80, "TLS", "PASSTHROUGH"), tls=[route])
    (listener,) = found.configs[("istio-system", "ingress-a-b")].listeners
    listener["filter_chains"] = []
    said = (
        "VirtualService bookinfo/shop has tls routes for the server name www.example only (sniHosts), so Gateway "
        "bookinfo/shop closes connections to shop.example."
    )
    answer = perhaps(found, "https://shop.example:80/", "tls")
    assert (answer is not None and answer.sentence == said) == named


@pytest.mark.parametrize(("port", "named"), [(8080, True), (80, False)])
def test_a_rule_for_a_port_that_no_server_opens(port: int, named: bool) -> None:
    route = {"match": [{"port": port}], "route": [{"destination": {"host": "reviews"}}]}
    found = [one.sentence for one in effects_of(world(server(80, "HTTP"), http=[route]))]
    said = "Rule 1 of VirtualService bookinfo/shop is for requests to port 8080, and Gateway bookinfo/shop has port 80 "
    assert found == ([f"{said}only."] if named else [])


@pytest.mark.parametrize(("path", "named"), [("/reviews/0", True), ("/ratings", False)])
def test_a_rule_that_an_older_one_leaves_nothing_is_the_cause(path: str, named: bool) -> None:
    older = {"match": [{"uri": {"prefix": "/r"}}], "route": [{"destination": {"host": "reviews"}}]}
    found = world(server(80, "HTTP"), http=[older])
    (rule,) = found.objects["VirtualService"]
    younger = {**older, "match": [{"uri": {"prefix": "/reviews"}}]}
    second = {"metadata": {"name": "shop-b", "namespace": "bookinfo"}, "spec": {**rule["spec"], "http": [younger]}}
    first = {**rule, "metadata": {**rule["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z"}}
    found = dataclasses.replace(found, objects={**found.objects, "VirtualService": (first, second)})
    made = rule_of("shop", {"match": {"prefix": "/r"}, "route": {"cluster": REVIEWS}})
    host = found.configs["istio-system", "ingress-a-b"].listeners[0]["filter_chains"][0]["filters"][0]
    host["typed_config"]["route_config"]["virtual_hosts"][0]["routes"] = [made]
    url = f"http://shop.example{path}"
    seen = ({"status": 404, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(url)}
    answer = diagnose(Findings(url, "host", "bookinfo", expected_status=(200,), **given))
    assert answer is not None
    said = (
        "Rule 1 of VirtualService bookinfo/shop-b is for /reviews of shop.example at Gateway bookinfo/shop, and rule 1 "
        "of the older VirtualService bookinfo/shop takes every path there that begins with /r, so it takes none."
    )
    assert (answer.sentence == said) == named
