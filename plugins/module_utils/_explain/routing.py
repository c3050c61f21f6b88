# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which listener, filter chain, virtual host and route take a request, decided as Envoy does.

Sources: Envoy's documentation of ``config.listener.v3.FilterChainMatch`` (the order of its criteria) and of
``config.route.v3.VirtualHost`` (domains) and ``Route`` (the first that matches holds); Istio's interception, which
sends all outbound connections to port 15001 and all inbound ones to 15006 with their original destination.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from .dump import ProxyConfig
from .matching import Json, Unknown, route_fault
from .request import Request

VIRTUAL_OUTBOUND = "virtualOutbound"
EXACT = 10_000
"""Closer than the longest wildcard."""


@dataclass(frozen=True)
class Connection:
    """What a filter chain is chosen by."""

    address: str
    port: int
    tls: bool = False
    server_name: str = ""
    protocols: tuple[str, ...] = ()
    """What ALPN offers or sniffing finds: ``http/1.1``, ``h2c``, ``istio-http/1.1``, ``istio`` …"""


@dataclass(frozen=True)
class Skipped:
    """A route that was looked at and did not take the request."""

    route: Json
    why: str


@dataclass(frozen=True)
class Routed:
    """How an HTTP request was routed."""

    host: Json | None
    """The virtual host; None where no domain is that of the request."""
    route: Json | None
    skipped: tuple[Skipped, ...] = ()
    unknown: str = ""
    """What is not known here, so that the route is not certain."""


def outbound_listener(config: ProxyConfig, address: str, port: int) -> Json | None:
    """The listener that takes what a workload sends there: of the address, else of the port, else the one for all."""
    exact = [one for one in config.listeners if socket_of(one) == (address, port) and _is_outbound(one)]
    wide = [one for one in config.listeners if socket_of(one) == ("0.0.0.0", port) and _is_outbound(one)]
    return next(iter(exact), None) or next(iter(wide), None) or config.listener(VIRTUAL_OUTBOUND)


def gateway_listeners(config: ProxyConfig) -> list[Json]:
    """The listeners of a gateway that people reach from outside."""
    return [one for one in config.listeners if not str(one.get("name", "")).startswith("virtual")]


def socket_of(listener: Json) -> tuple[str, int]:
    socket = (listener.get("address") or {}).get("socket_address") or {}
    return str(socket.get("address", "")), int(socket.get("port_value") or 0)


def _is_outbound(listener: Json) -> bool:
    return listener.get("traffic_direction") == "OUTBOUND" and listener.get("name") != VIRTUAL_OUTBOUND


def choose_chain(listener: Json, connection: Connection) -> Json | None:
    """The filter chain of a listener: each criterion in turn keeps the chains that name the closest value for it.

    What an earlier criterion has left out does not come back: where no chain that names the port is for the rest of the
    connection, those without a port are not asked, and only the default is left.
    """
    chains = list(listener.get("filter_chains") or ())
    for closeness in (_port, _address, _server_name, _transport, _protocol):
        found = [(closeness(one.get("filter_chain_match") or {}, connection), one) for one in chains]
        best = max((rank for rank, _chain in found), default=0)
        chains = [one for rank, one in found if rank == best and rank > 0]
    return t.cast("Json | None", chains[0] if chains else listener.get("default_filter_chain"))


# How closely a match names what a connection has: 0 where it names another, 1 where it says nothing about it.


def _port(match: Json, connection: Connection) -> int:
    if "destination_port" not in match:
        return 1
    return 2 if int(match["destination_port"]) == connection.port else 0


def _address(match: Json, connection: Connection) -> int:
    ranges = match.get("prefix_ranges") or ()
    best = 0 if ranges else 1
    for one in ranges:
        length = int(one.get("prefix_len") or 0)
        try:
            network = ipaddress.ip_network(f"{one.get('address_prefix')}/{length}", strict=False)
            if ipaddress.ip_address(connection.address) in network:
                best = max(best, length + 1)  # to name all addresses is to name none
        except ValueError:
            continue
    return best


def _server_name(match: Json, connection: Connection) -> int:
    names = match.get("server_names") or ()
    have = connection.server_name.lower()
    best = 0 if names else 1
    for name in names:
        if name == have:
            return EXACT
        if name.startswith("*.") and have.endswith(name[1:]) and len(have) >= len(name):
            best = max(best, len(name))
    return best


def _transport(match: Json, connection: Connection) -> int:
    asked = match.get("transport_protocol")
    if not asked:
        return 1
    return 2 if asked == ("tls" if connection.tls else "raw_buffer") else 0


def _protocol(match: Json, connection: Connection) -> int:
    """What the client names first counts most."""
    asked = match.get("application_protocols") or ()
    if not asked:
        return 1
    known = [one for one in connection.protocols if one in asked]
    return 1 + len(connection.protocols) - connection.protocols.index(known[0]) if known else 0


def choose_host(config: Json, authority: str) -> Json | None:
    """The virtual host with the most specific domain: exact, else the longest ``*.x`` or ``x.*``, else ``*``."""
    name = authority.lower()
    if config.get("ignore_port_in_host_matching"):
        name = without_port(name)
    best: tuple[int, int] = (0, 0)
    found: Json | None = None
    for host in config.get("virtual_hosts") or ():
        for raw in host.get("domains") or ():
            domain = str(raw).lower()
            if domain == name:
                rank = (4, 0)
            elif domain == "*":
                rank = (1, 0)
            elif domain.startswith("*") and len(name) > len(domain) - 1 and name.endswith(domain[1:]):
                rank = (3, len(domain))
            elif domain.endswith("*") and len(name) > len(domain) - 1 and name.startswith(domain[:-1]):
                rank = (2, len(domain))
            else:
                continue
            if rank > best:
                best, found = rank, host
    return found


def without_port(authority: str) -> str:
    head, colon, tail = authority.rpartition(":")
    return head if colon and tail.isdigit() and not head.endswith(":") else authority


def choose_route(config: Json, request: Request) -> Routed:
    """The virtual host and the first route whose conditions all hold."""
    host = choose_host(config, request.header(":authority") or "")
    if host is None:
        return Routed(None, None)
    skipped: list[Skipped] = []
    for route in host.get("routes") or ():
        try:
            why = route_fault(route.get("match") or {}, request)
        except Unknown as unknown:
            return Routed(host, route, tuple(skipped), str(unknown))
        if not why:
            return Routed(host, route, tuple(skipped))
        skipped.append(Skipped(route, why))
    return Routed(host, None, tuple(skipped))


def targets_of(route: Json) -> list[tuple[str, float]]:
    """The clusters of a route, each with its share of the requests; empty for a redirect or a direct response."""
    action = route.get("route") or {}
    if "cluster" in action:
        return [(str(action["cluster"]), 1.0)]
    weighted = (action.get("weighted_clusters") or {}).get("clusters") or []
    total = float(sum(int(one.get("weight") or 0) for one in weighted)) or 1.0
    return [(str(one.get("name", "")), int(one.get("weight") or 0) / total) for one in weighted]


def fraction_of(percent: Json | None) -> float:
    """A FractionalPercent as a share from 0 to 1; one that is not there is none (0), as for Envoy's fault filter."""
    if not percent:
        return 0.0
    scale = {"HUNDRED": 100.0, "TEN_THOUSAND": 10_000.0, "MILLION": 1_000_000.0}
    return float(percent.get("numerator") or 0) / scale.get(str(percent.get("denominator", "HUNDRED")), 100.0)
