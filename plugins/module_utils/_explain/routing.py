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
VIRTUAL_INBOUND = "virtualInbound"


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
    """The filter chain of a listener: each criterion in turn keeps the chains that name the best value for it."""
    chains = [
        one for one in listener.get("filter_chains") or () if _accepts(one.get("filter_chain_match") or {}, connection)
    ]
    for criterion in (_by_port, _by_prefix, _by_server_name, _by_transport, _by_protocol):
        best = max((criterion(one.get("filter_chain_match") or {}, connection) for one in chains), default=0)
        chains = [one for one in chains if criterion(one.get("filter_chain_match") or {}, connection) == best]
    if chains:
        return t.cast(Json, chains[0])
    return t.cast("Json | None", listener.get("default_filter_chain"))


def _accepts(match: Json, connection: Connection) -> bool:
    if "destination_port" in match and int(match["destination_port"]) != connection.port:
        return False
    if match.get("prefix_ranges") and not _by_prefix(match, connection):
        return False
    if match.get("server_names") and not _by_server_name(match, connection):
        return False
    if match.get("transport_protocol") and match["transport_protocol"] != _transport(connection):
        return False
    return not match.get("application_protocols") or bool(_by_protocol(match, connection))


def _by_port(match: Json, connection: Connection) -> int:
    return 1 if "destination_port" in match else 0


def _by_prefix(match: Json, connection: Connection) -> int:
    best = 0
    for one in match.get("prefix_ranges") or ():
        length = int(one.get("prefix_len") or 0)
        try:
            network = ipaddress.ip_network(f"{one.get('address_prefix')}/{length}", strict=False)
            if ipaddress.ip_address(connection.address) in network:
                best = max(best, length + 1)
        except ValueError:
            continue
    return best


def _by_server_name(match: Json, connection: Connection) -> int:
    best = 0
    for name in match.get("server_names") or ():
        if name == connection.server_name:
            best = max(best, 10_000)
        elif name.startswith("*.") and connection.server_name.endswith(name[1:]):
            best = max(best, len(name))
    return best


def _by_transport(match: Json, connection: Connection) -> int:
    return 1 if match.get("transport_protocol") else 0


def _by_protocol(match: Json, connection: Connection) -> int:
    return 1 if set(match.get("application_protocols") or ()) & set(connection.protocols) else 0


def _transport(connection: Connection) -> str:
    return "tls" if connection.tls else "raw_buffer"


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
