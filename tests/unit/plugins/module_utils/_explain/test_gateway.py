# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.gateway import closeness, gateway_for, server_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import pod

Json = dict[str, t.Any]

POD = pod("ingress", "10.0.0.8", "istio-system", istio="ingressgateway")


def gateway(name: str, *hosts: str, port: int = 443, **tls: t.Any) -> Json:
    server = {"port": {"number": port, "protocol": "HTTPS" if tls else "HTTP"}, "hosts": list(hosts), "tls": tls}
    return {
        "metadata": {"name": name, "namespace": "bookinfo"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }


def rule(name: str, gateways: list[str], hosts: list[str]) -> Json:
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": {"gateways": gateways, "hosts": hosts}}


def chain(*names: str, secret: str = "") -> Json:
    sds = [{"name": f"kubernetes://{secret}"}] if secret else []
    return {
        "filter_chain_match": {"server_names": list(names)},
        "transport_socket": {"typed_config": {"common_tls_context": {"tls_certificate_sds_secret_configs": sds}}},
    }


def mesh(**objects: list[Json]) -> Mesh:
    return Mesh({"Pod": (POD,), **{kind: tuple(found) for kind, found in objects.items()}})


def test_the_server_for_port_and_host_the_closest_first() -> None:
    found = mesh(Gateway=[gateway("all", "*"), gateway("shop", "shop.example"), gateway("plain", "*", port=80)])
    best = gateway_for(found, POD, 443, "shop.example")
    assert best is not None
    assert best[0]["metadata"]["name"] == "shop"
    assert gateway_for(found, POD, 8443, "shop.example") is None
    elsewhere = pod("other", "10.0.0.7", "istio-system", istio="egressgateway")
    assert gateway_for(found, elsewhere, 443, "shop.example") is None


def test_certificate_names_and_what_is_bound() -> None:
    own = [
        rule("bound", ["shop"], ["shop.example"]),
        rule("full", ["bookinfo/shop", "mesh"], ["*.example"]),
        rule("other-host", ["shop"], ["x.example"]),
        rule("other-gateway", ["istio-system/shop"], ["shop.example"]),
    ]
    found = mesh(Gateway=[gateway("shop", "shop.example", mode="SIMPLE", credentialName="cert")], VirtualService=own)
    one, two = chain("shop.example", secret="cert"), chain("x.example")
    listener = {"name": "0.0.0.0_8443", "filter_chains": [one, two]}
    config = ProxyConfig("ingress-a-b", "istio-system", (listener,), secrets={"kubernetes://cert": True})
    server = server_of(found, config, POD, listener, one, 443, "shop.example")
    assert (str(server.origin), server.field, server.mode) == ("Gateway bookinfo/shop", "spec.servers[0]", "SIMPLE")
    assert (server.names, server.offered) == (("shop.example",), ("shop.example", "x.example"))
    assert (server.secret, server.has_secret, server.warming) == ("istio-system/cert", True, False)
    assert [one.name for one in server.bound] == ["bound", "full"]


def test_a_secret_that_has_not_come_and_a_listener_that_waits_for_it() -> None:
    found = mesh(Gateway=[gateway("shop", "*", mode="SIMPLE", credentialName="gone")])
    listener = {"name": "0.0.0.0_8443", "filter_chains": [chain(secret="gone")]}
    config = ProxyConfig("ingress-a-b", "istio-system", warming=(listener,), secrets={"kubernetes://gone": False})
    server = server_of(found, config, POD, listener, listener["filter_chains"][0], 443, "shop.example")
    assert (server.has_secret, server.warming) == (False, True)


def test_plain_http_that_is_redirected() -> None:
    found = mesh(Gateway=[gateway("shop", "*", port=80, httpsRedirect=True)])
    server = server_of(found, ProxyConfig("p", "n"), POD, {}, {}, 80, "shop.example")
    assert (server.redirects, server.mode) == (True, "")


@pytest.mark.parametrize(
    ("pattern", "rank"),
    [("a.example", (3, 0)), ("*.example", (2, 9)), ("*", (1, 0)), ("b.example", (0, 0)), ("*.b.example", (0, 0))],
)
def test_how_closely_a_host_is_named(pattern: str, rank: tuple[int, int]) -> None:
    assert closeness(pattern, "a.example") == rank
