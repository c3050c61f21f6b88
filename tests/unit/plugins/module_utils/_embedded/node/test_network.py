# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import network

NET = ipaddress.IPv4Network
ADDRESSES = [
    {"ifname": "lo", "flags": ["UP"], "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
    {
        "ifname": "eth0",
        "flags": ["UP", "LOWER_UP"],
        "addr_info": [
            {"family": "inet", "local": "192.0.2.2", "prefixlen": 24},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
        ],
    },
    {
        "ifname": "mw-dev",
        "flags": ["UP", "LOWER_UP"],
        "addr_info": [{"family": "inet", "local": "172.30.0.1", "prefixlen": 24}],
    },
]
ROUTES = [
    {"dst": "default", "dev": "eth0"},
    {"dst": "172.30.1.0/24", "dev": "vpn0"},
    {"dst": "172.30.2.7", "dev": "vpn0"},
    {"dst": "172.30.0.0/24", "dev": "mw-dev"},
]


@pytest.mark.parametrize(
    ("routes", "address"),
    [
        (ROUTES, "192.0.2.2"),
        ([{"dst": "default", "dev": "ppp0"}, *ROUTES], "192.0.2.2"),
        ([{"dst": "default", "dev": "eth0", "prefsrc": "192.0.2.3"}], "192.0.2.3"),
        (ROUTES[1:], ""),
    ],
)
def test_others_see_the_address_of_the_default_route(routes: list[dict[str, str]], address: str) -> None:
    assert network.address_towards_others(ADDRESSES, routes) == address


def test_networks_in_use_are_those_of_others() -> None:
    found = network.networks_in_use(ADDRESSES, ROUTES, "mw-dev")
    assert found == {
        NET("127.0.0.0/8"): "lo",
        NET("192.0.2.0/24"): "eth0",
        NET("172.30.1.0/24"): "vpn0",
        NET("172.30.2.7/32"): "vpn0",
    }


@pytest.mark.parametrize(
    ("wanted", "remembered", "clusters", "expected"),
    [
        ("", "", {}, "172.30.0.0/24"),
        ("", "", {"other": NET("172.30.0.0/24")}, "172.30.3.0/24"),
        ("", "172.30.9.0/24", {}, "172.30.9.0/24"),
        ("172.30.9.0/24", "172.30.9.0/24", {}, "172.30.9.0/24"),
        ("10.203.0.0/28", "", {}, "10.203.0.0/28"),
    ],
)
def test_choose_subnet(wanted: str, remembered: str, clusters: dict[str, network.Network], expected: str) -> None:
    in_use = network.networks_in_use(ADDRESSES, ROUTES, "mw-dev")
    assert network.choose_subnet(wanted, remembered, in_use, clusters) == NET(expected)


@pytest.mark.parametrize(
    ("wanted", "remembered", "clusters", "said"),
    [
        ("192.0.2.0/25", "", {}, "taken by interface eth0"),
        ("172.30.2.0/24", "", {}, "taken by interface vpn0"),
        ("172.30.5.0/24", "", {"other": NET("172.30.5.0/24")}, "taken by cluster other"),
        ("", "172.30.1.0/24", {}, "taken by interface vpn0"),
        ("172.30.5.0/24", "172.30.6.0/24", {}, "exists with the subnet 172.30.6.0/24"),
        ("172.30.5.1/24", "", {}, "not an IPv4 network"),
        ("here", "", {}, "not an IPv4 network"),
        ("172.30.5.0/31", "", {}, "no room"),
        ("", "", {f"c{n}": NET(f"172.30.{n}.0/24") for n in range(64)}, "No subnet"),
    ],
)
def test_subnets_that_cannot_be_had(
    wanted: str, remembered: str, clusters: dict[str, network.Network], said: str
) -> None:
    in_use = network.networks_in_use(ADDRESSES, ROUTES, "mw-dev")
    with pytest.raises(EmbeddedError, match=said):
        network.choose_subnet(wanted, remembered, in_use, clusters)


def test_link_is_seen_by_its_carrier_and_address() -> None:
    link = network.VethPair("mw-dev", NET("172.30.0.0/24"))
    assert (link.host_address, link.node_address) == ("172.30.0.1", "172.30.0.2")
    assert network.connected(ADDRESSES, link)
    assert not network.connected(ADDRESSES, network.VethPair("mw-dev", NET("172.30.4.0/24")))
    assert not network.connected(ADDRESSES, network.VethPair("mw-a", NET("172.30.0.0/24")))
    down = [{**ADDRESSES[2], "flags": ["UP"]}]
    assert not network.connected(down, link)


def test_nothing_routes_off_the_machine() -> None:
    commands = network.link_commands(network.VethPair("mw-dev", NET("172.30.0.0/24")), 42, "dev")
    inside = [command for command in commands if command[0] == "nsenter"]
    assert all(command[1] == "--net=/proc/42/ns/net" for command in inside)
    routes = [command for command in commands if "route" in command]
    assert [command[command.index("add") + 1] for command in routes] == ["10.96.0.0/16"]
    assert not any("default" in command for command in commands)
