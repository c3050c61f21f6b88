# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    Json,
    endpoint,
    mesh,
    outbound,
    record,
    rule_of,
)

HOST, ADDRESS = "shop.example.com", "240.1.1.9"
CLUSTER = f"outbound|80||{HOST}"
UPSTREAM = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def thing(name: str, **spec: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


def world(
    port: Json, tls: bool = False, ruled: bool = False, at: int = 443, taken: bool = True, listed: str = HOST
) -> Mesh:
    """A host outside, as this port of a ServiceEntry says it, and the proxy's way there."""
    entry = thing("shop", hosts=[listed], addresses=[ADDRESS], ports=[port], endpoints=[{"address": "198.51.100.7"}])
    rules = [thing("shop", host=HOST)] if ruled else []
    found = mesh(ServiceEntry=[entry], DestinationRule=rules)
    number = int(port["number"])
    asked = CLUSTER.replace(HOST, listed)
    config = outbound([{"match": {"prefix": "/"}, "route": {"cluster": asked}}], domains=["*"])
    listener = {**config.listeners[0], "address": {"socket_address": {"address": ADDRESS, "port_value": number}}}
    if not taken:
        (chain,) = listener["filter_chains"]
        listener["filter_chains"] = [{**chain, "filter_chain_match": {"transport_protocol": "tls"}}]
    cluster: Json = {"name": asked}
    if tls:
        tls_of = {"@type": UPSTREAM, "common_tls_context": {}, "sni": "www.example.com"}
        cluster["transport_socket"] = {"typed_config": tls_of}
    place = {"socket_address": {"address": "198.51.100.7", "port_value": at}}
    host = {**endpoint("198.51.100.7", mtls=False), "endpoint": {"address": place}}
    caller = dataclasses.replace(
        config,
        listeners=(listener, config.listeners[1]),
        clusters={**config.clusters, asked: rule_of("shop", cluster, "destination-rule") if ruled else cluster},
        endpoints={asked: (host,)},
    )
    return dataclasses.replace(found, configs={**found.configs, ("bookinfo", "productpage-a-b"): caller})


def told(found: Mesh, url: str, status: int = 503, **parts: t.Any) -> Diagnosis | None:
    seen = ({"status": status, "body": "", "headers": []},)
    request = request_of(url, headers=[("host", HOST)])
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request}
    return diagnose(Findings(url, "productpage", "bookinfo", **{"expected_status": (200,), **given, **parts}))


def said(found: Mesh, url: str, status: int = 503, **parts: t.Any) -> str:
    answer = told(found, url, status, **parts)
    return answer.sentence if answer is not None else ""


HTTP: Json = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 443}
PLAIN = (
    f"productpage's proxy sends plain text to port 443 of {HOST} (ServiceEntry bookinfo/shop), which takes TLS: {{}}."
)


def test_plain_text_to_a_port_of_tls() -> None:
    answer = told(world(HTTP), f"http://{ADDRESS}/")
    assert answer is not None
    assert answer.sentence == PLAIN.format("no DestinationRule begins it there")
    assert "mode: SIMPLE" in answer.change
    with_rule = told(world(HTTP, ruled=True), f"http://{ADDRESS}/", 400)
    assert with_rule is not None
    assert with_rule.sentence == PLAIN.format("DestinationRule bookinfo/shop begins none for its port 80")
    assert not with_rule.change


@pytest.mark.parametrize(
    ("found", "status"), [(world(HTTP, tls=True), 503), (world(HTTP, at=80), 503), (world(HTTP), 404)]
)
def test_what_is_not_plain_text_to_a_port_of_tls(found: Mesh, status: int) -> None:
    assert "plain text" not in said(found, f"http://{ADDRESS}/", status)


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("verify_cert_failed:_unable_to_get_local_issuer_certificate", "no CA that the proxy trusts has signed it"),
        ("verify_cert_failed:_verify_SAN_list", "its names are others than sni or subjectAltNames ask for"),
        ("strange", "it cannot be verified"),
    ],
)
def test_a_certificate_that_is_not_trusted(reason: str, why: str) -> None:
    failed = record("productpage-a-b", 503, "UF,URX", CLUSTER, HOST)
    failed = dataclasses.replace(
        failed, failure=f"TLS_error:|268435581:SSL_routines:CERTIFICATE_VERIFY_FAILED:{reason}"
    )
    sentence = said(world(HTTP, tls=True, ruled=True), f"http://{ADDRESS}/", records=(failed,))
    assert sentence == (
        f"DestinationRule bookinfo/shop begins TLS with {HOST}, and productpage's proxy does not accept its "
        f"certificate: {why}."
    )


def test_a_handshake_that_the_other_side_ends() -> None:
    failed = record("productpage-a-b", 503, "UF,URX", CLUSTER, HOST)
    failed = dataclasses.replace(failed, failure="TLS_error:|33554536:system_library:Connection_reset_by_peer")
    assert said(world(HTTP, tls=True, ruled=True), f"http://{ADDRESS}/", records=(failed,)) == (
        f"DestinationRule bookinfo/shop begins TLS with {HOST} by the server name www.example.com (sni), and the other "
        "side ends the handshake."
    )


def test_a_wildcard_stands_for_its_hosts_and_is_no_server_name() -> None:
    wide = "*.example.com"
    port: Json = {"number": 443, "name": "a", "protocol": "HTTP"}
    found = world(port, listed=wide)
    found.objects["ServiceEntry"][0]["spec"]["addresses"] = []
    sentence = said(found, f"https://{ADDRESS}:443/", seen=(CLOSED,))
    assert "has the protocol HTTP, and productpage sends TLS" in sentence
    answer = told(world(HTTP, listed=wide), f"http://{ADDRESS}/")
    assert answer is not None
    assert f"port 443 of {wide} (ServiceEntry bookinfo/shop), which takes TLS" in answer.sentence
    assert answer.remedy.startswith(f"Set trafficPolicy.tls: {{mode: SIMPLE}} in a DestinationRule for {wide}")
    assert "sni" not in answer.change


CLOSED = {"error": {"kind": "reset_before_response", "detail": ""}, "status": None}


@pytest.mark.parametrize(
    ("scheme", "protocol", "taken", "named"),
    [
        ("https", "HTTP", True, "TLS there, which its proxy does not take."),
        ("http", "TLS", False, "plain HTTP there, which its proxy does not take."),
        ("https", "TLS", True, ""),
        ("http", "HTTP", True, ""),
    ],
)
def test_what_is_sent_is_not_what_the_port_is_for(scheme: str, protocol: str, taken: bool, named: str) -> None:
    port: Json = {"number": 443, "name": "a", "protocol": protocol}
    answer = told(world(port, taken=taken), f"{scheme}://{ADDRESS}:443/", seen=(CLOSED,))
    sentence = answer.sentence if answer is not None else ""
    expected = f"Port 443 of ServiceEntry bookinfo/shop has the protocol {protocol}, and productpage sends {named}"
    assert sentence == expected if named else "has the protocol" not in sentence
    assert ('"path": "/spec/ports/0/protocol"' in (answer.change if answer is not None else "")) == bool(named)
