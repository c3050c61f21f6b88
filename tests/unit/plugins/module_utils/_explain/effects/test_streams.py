# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import route, sentences

EXTERNAL = (
    "kind: ServiceEntry\nmetadata: {name: shop}\n"
    "spec: {hosts: [shop.example.com], ports: [{number: 443, name: a, protocol: %s}]}\n---\n"
    + route("http: [{route: [{destination: {host: reviews, subset: v1}}]}]", hosts="[shop.example.com]")
)
FAULTS = [
    (
        EXTERNAL % "HTTPS",
        "Port 443 of ServiceEntry bookinfo/shop has the protocol HTTPS, so it is TLS, which the proxies pass on, "
        "and the http routes of VirtualService bookinfo/reviews do not hold.",
    ),
    (
        route("tcp: [{route: [{destination: {host: reviews-raw, subset: v1}}]}]", hosts="[reviews-raw]")
        + "---\nkind: Service\nmetadata: {name: reviews-raw}\n"
        "spec: {selector: {app: reviews}, ports: [{name: tcp, port: 9090, targetPort: 9080}]}\n",
        "VirtualService bookinfo/reviews routes to subset v1 of reviews-raw, which no DestinationRule defines (there "
        "is none).",
    ),
    (
        route("tcp: [{match: [{port: 9080}], route: [{destination: {host: reviews-raw}}]}]", hosts="[reviews-raw]")
        + "---\nkind: Service\nmetadata: {name: reviews-raw}\n"
        "spec: {selector: {app: reviews}, ports: [{name: tcp, port: 9090, targetPort: 9080}]}\n",
        "Rule 1 of VirtualService bookinfo/reviews is for requests to port 9080, and reviews-raw has port 9090 only.",
    ),
    (
        route("tcp: [{route: [{destination: {host: reviews, subset: v1}}]}]"),
        "VirtualService bookinfo/reviews has tcp routes only, and port 9080 of Service bookinfo/reviews is HTTP to the "
        "proxies (its name http), so they do not hold.",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_route_of_tcp_that_leads_nowhere_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


def test_a_port_of_http_is_no_stream() -> None:
    assert sentences(EXTERNAL % "HTTP") == []
