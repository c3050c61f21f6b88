# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of the node on an address of the host, forwarded by Envoy in a small container of its own. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import typing as t

from ..layout import API_PORT, EmbeddedError, Layout
from .spec import INIT, PUBLISH, Container, Document, base_spec, log_service


def parse_listen(address: str) -> None:
    """Raise EmbeddedError for anything but an IPv4 address. Whether the machine has it is checked later."""
    try:
        ipaddress.IPv4Address(address)
    except ValueError as exc:
        raise EmbeddedError(
            f"The cluster cannot be published on {address!r}: give an IPv4 address of this machine, "
            "or 0.0.0.0 for all of them."
        ) from exc


def check_ports(http: int, https: int, api: int | None) -> None:
    """Raise EmbeddedError for a port that does not exist, or that two things are to be published on."""
    given = {"http": http, "https": https, **({} if api is None else {"api": api})}
    for name, port in given.items():
        if not 1 <= port <= 65535:
            raise EmbeddedError(f"listen_{name}_port is {port}: give a port from 1 to 65535.")
    if len(set(given.values())) < len(given):
        raise EmbeddedError(f"Two of the ports {', '.join(map(str, given.values()))} are the same: give others.")


@dataclasses.dataclass(frozen=True)
class Publication:
    """An address of the host and, for each port on it, the node's port."""

    address: str
    ports: t.Mapping[int, int]

    @staticmethod
    def of(address: str, http: int, https: int, api: int | None) -> Publication | None:
        """From the options; None without an address."""
        if not address:
            return None
        ports = {http: 80, https: 443}
        if api is not None:
            ports[api] = API_PORT
        return Publication(address, ports)


def envoy_config(publication: Publication, node_address: str) -> Document:
    """Envoy's configuration as a forwarder of TCP connections."""

    def endpoint(address: str, port: int) -> Document:
        return {"socket_address": {"address": address, "port_value": port}}

    listeners: list[Document] = []
    clusters: list[Document] = []
    for port, target in sorted(publication.ports.items()):
        name = f"node_{target}"
        proxy = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": name,
            # A watch of the API or a browser's pooled connection may be idle for more than an hour.
            "idle_timeout": "0s",
        }
        listeners.append(
            {
                "name": name,
                "address": endpoint(publication.address, port),
                "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
            }
        )
        clusters.append(
            {
                "name": name,
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": endpoint(node_address, target)}}]}],
                },
            }
        )
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


_PUBLISH_INIT = """#!/bin/sh
# First process of the container that publishes the node's ports on the host.
set -eu
cp -a /etc/mesh-workshop/services /run/service
exec s6-svscan /run/service
"""

# Hot restart's sockets have the same name for all Envoys of a network, and nothing here is reloaded.
_ENVOY_RUN = """#!/bin/sh
exec 2>&1
exec /usr/local/bin/envoy --disable-hot-restart --concurrency 1 --log-level warning --config-path /etc/envoy.json
"""


def publish_container(layout: Layout, lower: str, envoy: str, publication: Publication, node_address: str) -> Container:
    """A small container in the host's network, whose only right is to listen on low ports."""
    spec = base_spec(
        layout, PUBLISH, lower, ("CAP_NET_BIND_SERVICE", "CAP_KILL", "CAP_DAC_OVERRIDE"), ("pid", "mount", "uts", "ipc")
    )
    spec["process"]["noNewPrivileges"] = True
    spec["mounts"] += [
        {
            "destination": "/usr/local/bin/envoy",
            "type": "bind",
            "source": envoy,
            "options": ["bind", "ro", "nosuid", "nodev"],
        },
        {
            "destination": "/var/log",
            "type": "bind",
            "source": str(layout.volumes / "log"),
            "options": ["rbind", "rprivate", "rw"],
        },
    ]
    services = "etc/mesh-workshop/services"
    files = {
        INIT.lstrip("/"): _PUBLISH_INIT,
        f"{services}/envoy/run": _ENVOY_RUN,
        f"{services}/envoy/log/run": log_service("publish"),
        "etc/envoy.json": json.dumps(envoy_config(publication, node_address), indent=1, sort_keys=True) + "\n",
    }
    return Container(lower=lower, spec=spec, files=files)
