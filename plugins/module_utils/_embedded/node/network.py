# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The link between host and node: its subnet, and the commands that make it. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ..layout import SERVICE_SUBNET, EmbeddedError

_POOL_SIZE = 64

Network = ipaddress.IPv4Network


@dataclasses.dataclass(frozen=True)
class VethPair:
    """A veth pair; ``link`` is its end on the host, the other end is the node's eth0."""

    link: str
    subnet: Network

    @property
    def host_address(self) -> str:
        return str(self.subnet[1])

    @property
    def node_address(self) -> str:
        return str(self.subnet[2])


def parse_subnet(text: str) -> Network:
    """The subnet that a user names. Raises EmbeddedError for anything but an IPv4 network of at least a /30."""
    try:
        subnet = ipaddress.IPv4Network(text)
    except ValueError as exc:
        raise EmbeddedError(
            f"Subnet {text!r} of the cluster is not an IPv4 network: {exc}; give one such as 172.30.5.0/24."
        ) from exc
    if subnet.prefixlen > 30:
        raise EmbeddedError(
            f"Subnet {text} of the cluster has no room for two addresses: give at least a /30, such as 172.30.5.0/24."
        )
    return subnet


def networks_in_use(
    addresses: t.Sequence[t.Mapping[str, t.Any]], routes: t.Sequence[t.Mapping[str, t.Any]], own_link: str
) -> dict[Network, str]:
    """From the answers of `ip -j address` and `ip -j route`: network to the interface that has it.

    The default route names no network, so it takes none.
    """
    found: dict[Network, str] = {}
    for interface in addresses:
        name = str(interface.get("ifname", "?"))
        for entry in interface.get("addr_info", []):
            if entry.get("family") == "inet" and name != own_link:
                network = ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}").network
                found.setdefault(network, name)
    for route in routes:
        destination = str(route.get("dst", "default"))
        name = str(route.get("dev", "?"))
        if destination == "default" or name == own_link:
            continue
        found.setdefault(ipaddress.IPv4Network(destination, strict=False), name)
    return found


def address_towards_others(
    addresses: t.Sequence[t.Mapping[str, t.Any]], routes: t.Sequence[t.Mapping[str, t.Any]]
) -> str:
    """The machine's address as others see it: that of the interface with the default route, or empty without one."""
    of_interface = {
        str(interface.get("ifname")): str(entry["local"])
        for interface in addresses
        for entry in reversed(interface.get("addr_info", []))
        if entry.get("family") == "inet"
    }
    for route in routes:
        if route.get("dst", "default") == "default":
            found = str(route.get("prefsrc") or of_interface.get(str(route.get("dev")), ""))
            if found:
                return found
    return ""


def choose_subnet(
    wanted: str, remembered: str, in_use: t.Mapping[Network, str], of_clusters: t.Mapping[str, Network]
) -> Network:
    """The cluster's subnet: the one it has, else the one asked for, else the first free one of the pool.

    ``of_clusters`` are the subnets of the other clusters of this machine, running or not.
    """
    if remembered:
        own = parse_subnet(remembered)
        if wanted and parse_subnet(wanted) != own:
            raise EmbeddedError(
                f"The cluster exists with the subnet {own}, and {wanted} was asked for: "
                "leave the subnet empty, or tear the cluster down first."
            )
        _refuse_taken(own, in_use, of_clusters)
        return own
    if wanted:
        asked = parse_subnet(wanted)
        _refuse_taken(asked, in_use, of_clusters)
        return asked
    for third in range(_POOL_SIZE):
        candidate = ipaddress.IPv4Network(f"172.30.{third}.0/24")
        if not _taken_by(candidate, in_use, of_clusters):
            return candidate
    raise EmbeddedError(
        f"No subnet of 172.30.0.0/24 to 172.30.{_POOL_SIZE - 1}.0/24 is free on this machine: "
        "name another one with cluster_subnet, such as 10.203.0.0/24."
    )


def _taken_by(subnet: Network, in_use: t.Mapping[Network, str], of_clusters: t.Mapping[str, Network]) -> str:
    for network, link in in_use.items():
        if network.overlaps(subnet):
            return f"interface {link} ({network})"
    for cluster, network in of_clusters.items():
        if network.overlaps(subnet):
            return f"cluster {cluster} ({network})"
    return ""


def _refuse_taken(subnet: Network, in_use: t.Mapping[Network, str], of_clusters: t.Mapping[str, Network]) -> None:
    taken = _taken_by(subnet, in_use, of_clusters)
    if taken:
        raise EmbeddedError(
            f"Subnet {subnet} of the cluster is taken by {taken}: "
            "free it, or tear down and set up with another cluster_subnet (empty: the first free one)."
        )


def connected(addresses: t.Sequence[t.Mapping[str, t.Any]], veth: VethPair) -> bool:
    """Whether the host's end is up and has its address.

    A veth device has a carrier only while its other end exists and is up, so the node's end needs no check.
    """
    for interface in addresses:
        if interface.get("ifname") == veth.link:
            has = {entry.get("local") for entry in interface.get("addr_info", [])}
            return "LOWER_UP" in interface.get("flags", []) and veth.host_address in has
    return False


def link_commands(veth: VethPair, pid: int, cluster: str) -> list[list[str]]:
    """The commands that connect the container whose first process is ``pid``; run on the host, as root.

    The node gets no default route, so nothing routes off the machine and unknown addresses are unreachable at once.
    The service network needs a route, or connections to services would fail before kube-proxy's rules see them.
    """
    length = veth.subnet.prefixlen
    inside = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip"]
    return [
        ["ip", "link", "add", veth.link, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
        ["ip", "link", "set", veth.link, "alias", f"mesh.workshop cluster {cluster}"],
        ["ip", "address", "add", f"{veth.host_address}/{length}", "dev", veth.link],
        ["ip", "link", "set", veth.link, "up"],
        [*inside, "link", "set", "lo", "up"],
        [*inside, "address", "add", f"{veth.node_address}/{length}", "dev", "eth0"],
        [*inside, "link", "set", "eth0", "up"],
        [*inside, "route", "add", SERVICE_SUBNET, "dev", "eth0", "src", veth.node_address],
    ]
