# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_https_of_an_egress_rule_is_begun_by_the_sidecar(converter: Converter) -> None:
    text = rule("e", "{destination: {service: api.example.com}, ports: [{port: 443, protocol: https}]}", "EgressRule")
    entry, destination = converter.outputs(text)
    assert entry["spec"]["ports"] == [{"number": 443, "name": "http-443", "protocol": "HTTP"}]
    assert destination["spec"]["trafficPolicy"]["portLevelSettings"] == [
        {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}
    ]


def egress(service: str, protocol: str) -> str:
    return rule(
        "out", f"{{destination: {{service: {service}}}, ports: [{{port: 27017, protocol: {protocol}}}]}}", "EgressRule"
    )


@pytest.mark.parametrize(
    ("service", "network"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("'2001:db8::/32'", "2001:db8::/32")],
)
@pytest.mark.parametrize("protocol", ["tcp", "mongo"])
def test_a_range_of_addresses_is_no_host(converter: Converter, service: str, network: str, protocol: str) -> None:
    (entry,) = converter.outputs(egress(service, protocol))
    assert entry["spec"]["addresses"] == [network]
    assert entry["spec"]["hosts"] == ["out.egress.local"]
    assert (entry["spec"]["resolution"], entry["spec"]["ports"][0]["protocol"]) == ("NONE", protocol.upper())


def test_ranges_that_there_could_not_be_are_refused(converter: Converter) -> None:
    assert "is not a range of addresses" in converter.refusal(egress("10.0.0.0/99", "tcp"))
    assert "for TCP only" in converter.refusal(egress("10.0.0.0/8", "http"))
