# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.routing import (
    Connection,
    choose_chain,
    choose_host,
    choose_route,
    fraction_of,
    outbound_listener,
    targets_of,
)

HOSTS = {
    "virtual_hosts": [
        {"name": "any", "domains": ["*"]},
        {"name": "suffix", "domains": ["*.example"]},
        {"name": "longer", "domains": ["*.b.example"]},
        {"name": "prefix", "domains": ["a.b.*"]},
        {"name": "exact", "domains": ["a.b.example"]},
    ]
}


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("a.b.example", "exact"),
        ("A.B.EXAMPLE", "exact"),
        ("x.b.example", "longer"),
        ("x.example", "suffix"),
        ("a.b.other", "prefix"),
        ("other", "any"),
        (".example", "any"),
    ],
)
def test_the_most_specific_domain_wins(authority: str, host: str) -> None:
    found = choose_host(HOSTS, authority)
    assert found is not None
    assert found["name"] == host


def test_a_port_in_the_host_counts_unless_it_is_ignored() -> None:
    plain = {"virtual_hosts": [{"name": "a", "domains": ["a.example"]}]}
    assert choose_host(plain, "a.example:80") is None
    assert choose_host({**plain, "ignore_port_in_host_matching": True}, "a.example:80") is not None


def test_the_first_route_that_matches_holds() -> None:
    jason = {"name": "end-user", "string_match": {"exact": "jason"}}
    routes = [
        {"name": "jason", "match": {"prefix": "/", "headers": [jason]}},
        {"name": "rest", "match": {"prefix": "/"}},
    ]
    config = {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": routes}]}
    found = choose_route(config, request_of("http://a/x"))
    assert found.route is not None
    assert found.route["name"] == "rest"
    assert found.skipped[0].why == "the header end-user has to be exactly 'jason', and the request has none"
    found = choose_route(config, request_of("http://a/x", headers=[("end-user", "jason")]))
    assert found.route is not None
    assert found.route["name"] == "jason"


def test_a_condition_that_is_not_known_is_said() -> None:
    route = {"match": {"prefix": "/", "dynamic_metadata": [{}]}}
    config = {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [route]}]}
    assert choose_route(config, request_of("http://a/x")).unknown == "the condition dynamic_metadata"


CHAINS = {
    "filter_chains": [
        {"name": "other port", "filter_chain_match": {"destination_port": 80}},
        {"name": "any mtls", "filter_chain_match": {"transport_protocol": "tls", "application_protocols": ["istio"]}},
        {"name": "mtls", "filter_chain_match": {"destination_port": 9080, "transport_protocol": "tls"}},
        {"name": "plain", "filter_chain_match": {"destination_port": 9080, "transport_protocol": "raw_buffer"}},
    ]
}


@pytest.mark.parametrize(
    ("connection", "chain"),
    [
        (Connection("10.0.0.1", 9080, tls=True, protocols=("istio",)), "mtls"),
        (Connection("10.0.0.1", 9080), "plain"),
        (Connection("10.0.0.1", 90, tls=True, protocols=("istio",)), "any mtls"),
        (Connection("10.0.0.1", 90), None),
    ],
)
def test_filter_chains(connection: Connection, chain: str | None) -> None:
    found = choose_chain(CHAINS, connection)
    assert (found or {}).get("name") == chain


def test_server_names_and_networks() -> None:
    listener = {
        "filter_chains": [
            {"name": "wild", "filter_chain_match": {"server_names": ["*.example"]}},
            {"name": "exact", "filter_chain_match": {"server_names": ["a.example"]}},
        ],
        "default_filter_chain": {"name": "default"},
    }
    for name, chain in (("a.example", "exact"), ("b.example", "wild"), ("c", "default")):
        found = choose_chain(listener, Connection("10.0.0.1", 443, tls=True, server_name=name))
        assert found is not None
        assert found["name"] == chain
    network = {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}
    listener = {"filter_chains": [{"name": "near", "filter_chain_match": network}]}
    assert choose_chain(listener, Connection("10.1.1.1", 1)) is not None
    assert choose_chain(listener, Connection("11.1.1.1", 1)) is None


def chosen(connection: Connection, **matches: t.Any) -> str:
    chains = [{"name": name, "filter_chain_match": match} for name, match in matches.items()]
    return str((choose_chain({"filter_chains": chains}, connection) or {}).get("name", ""))


def test_the_longest_wildcard_wins_and_needs_a_label_of_its_own() -> None:
    names = {"wide": {"server_names": ["*.example"]}, "near": {"server_names": ["*.shop.example"]}, "any": {}}
    for name, chain in (
        ("a.shop.example", "near"),
        ("A.Shop.Example", "near"),
        ("a.b.shop.example", "near"),
        ("shop.example", "wide"),
        ("example", "any"),
        ("", "any"),
    ):
        assert chosen(Connection("10.0.0.1", 443, tls=True, server_name=name), **names) == chain


def test_what_an_earlier_criterion_has_left_out_does_not_come_back() -> None:
    port = {"destination_port": 80, "transport_protocol": "tls"}
    assert chosen(Connection("10.0.0.1", 80), port=port, any={}) == ""
    assert chosen(Connection("10.0.0.1", 81), port=port, any={}) == "any"
    every = {"prefix_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 0}]}
    assert chosen(Connection("10.0.0.1", 80), first={}, every=every) == "first", "to name all addresses is to name none"
    near = {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}], "application_protocols": ["istio"]}
    assert chosen(Connection("10.0.0.1", 80, protocols=("http/1.1",)), near=near, any={}) == ""


def test_the_protocol_that_the_client_names_first_counts() -> None:
    both = {"second": {"application_protocols": ["http/1.1"]}, "first": {"application_protocols": ["h2"]}}
    assert chosen(Connection("10.0.0.1", 443, tls=True, protocols=("h2", "http/1.1")), **both) == "first"


def listener(address: str, port: int, name: str = "") -> dict[str, object]:
    place = {"socket_address": {"address": address, "port_value": port}}
    return {"name": name or f"{address}_{port}", "address": place, "traffic_direction": "OUTBOUND"}


def test_the_listener_of_an_address_comes_before_that_of_the_port() -> None:
    config = ProxyConfig(
        "p", "n", (listener("0.0.0.0", 80), listener("10.0.0.1", 80), listener("0.0.0.0", 15001, "virtualOutbound"))
    )
    places = (("10.0.0.1", 80), ("x", 80), ("x", 81))
    names = [(outbound_listener(config, *place) or {}).get("name") for place in places]
    assert names == ["10.0.0.1_80", "0.0.0.0_80", "virtualOutbound"]


def test_targets_and_units() -> None:
    weighted = {"clusters": [{"name": "a", "weight": 95}, {"name": "b", "weight": 5}]}
    assert targets_of({"route": {"weighted_clusters": weighted}}) == [("a", 0.95), ("b", 0.05)]
    assert targets_of({"route": {"cluster": "a"}}) == [("a", 1.0)]
    assert targets_of({"redirect": {}}) == []
    assert fraction_of({"numerator": 25}) == 0.25
    assert fraction_of({"numerator": 2500, "denominator": "MILLION"}) == 0.0025
    assert fraction_of(None) == 0.0  # Envoy's default
