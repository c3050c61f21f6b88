# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EgressRule of Istio 0.2 to 0.8 as a ServiceEntry."""

from __future__ import annotations

import ipaddress
import typing as t

from .model import Doc, Json, Map, Place, Refused, camel_keys, mapping, mappings, only, place_of

_API = "networking.istio.io/v1"


def write_entry(doc: Doc) -> None:
    spec = t.cast(Map, camel_keys(doc.spec()))
    only(spec, ("destination", "ports", "useEgressProxy"), "spec")
    destination = mapping(spec, "destination", "spec.destination")
    only(destination, ("service",), "spec.destination")
    host = str(destination.get("service") or "")
    if not host:
        raise Refused("spec.destination.service is missing.", "spec.destination", destination.place)
    if spec.get("useEgressProxy") is True:
        raise Refused(
            "spec.useEgressProxy: an egress gateway needs a Gateway and a VirtualService of its own.",
            "spec.useEgressProxy",
            place_of(spec, "useEgressProxy"),
        )
    if "*" in host and not host.startswith("*."):
        raise Refused(
            f"spec.destination.service {host}: a wildcard stands for whole labels today, as in *.example.com.",
            "spec.destination.service",
            place_of(destination, "service"),
        )
    ports = []
    originated = []
    for index, port in enumerate(mappings(spec, "ports", "spec.ports")):
        only(port, ("port", "protocol"), f"spec.ports[{index}]")
        number = port.get("port")
        protocol = str(port.get("protocol") or "").upper()
        if (
            isinstance(number, bool)
            or not isinstance(number, int)
            or protocol not in ("HTTP", "HTTP2", "HTTPS", "GRPC", "TCP", "MONGO")
        ):
            raise Refused(f"spec.ports[{index}] needs port and protocol.", f"spec.ports[{index}]", port.place)
        if protocol == "HTTPS":
            originated.append(number)
            protocol = "HTTP"
        ports.append({"number": number, "name": f"{protocol.lower()}-{number}", "protocol": protocol})
    if not ports:
        raise Refused("spec.ports is missing.", "spec", spec.place)
    entry: Json = {"hosts": [host]}
    network = _network(host, place_of(destination, "service"))
    if network:
        if any(port["protocol"] not in ("TCP", "MONGO") for port in ports):
            raise Refused(
                f"spec.destination.service {host} is a range of addresses, which EgressRule took for TCP only; name "
                "the hosts.",
                "spec.destination.service",
                place_of(destination, "service"),
            )
        entry = {"hosts": [f"{doc.name}.egress.local"], "addresses": [network]}
        doc.note(
            f"A ServiceEntry has addresses for {network}; its host {doc.name}.egress.local is only a name for them.",
            "spec.destination.service",
            place_of(destination, "service"),
        )
    entry |= {"location": "MESH_EXTERNAL", "ports": ports}
    entry["resolution"] = "NONE" if network or host.startswith("*") else "DNS"
    doc.emit(_API, "ServiceEntry", doc.name, doc.namespace, entry)
    if originated:
        settings = [{"port": {"number": number}, "tls": {"mode": "SIMPLE"}} for number in originated]
        policy: Json = {"host": host, "trafficPolicy": {"portLevelSettings": settings}}
        doc.emit(_API, "DestinationRule", doc.name, doc.namespace, policy)
        doc.differ(
            "The application sends plain HTTP to the port and the sidecar begins TLS, as with EgressRule; the server's "
            "certificate is now checked.",
            "spec.ports",
            place_of(spec, "ports"),
        )


def _network(host: str, place: Place) -> str:
    """A range of addresses as it is written today; empty for a name.

    :raises Refused: if it is none that there could be
    """
    if "/" not in host and not host.replace(".", "").isdigit():
        return ""
    try:
        return str(ipaddress.ip_network(host, strict=False))
    except ValueError as why:
        raise Refused(
            f"spec.destination.service {host} is not a range of addresses.", "spec.destination", place
        ) from why
