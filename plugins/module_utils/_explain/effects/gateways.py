# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways that no pod serves, that no Service leads to, and routes of a kind that their servers do not take.

Source: istio.io, "Gateway" (a server's port is that of a Service in front of the gateway's pods; with ``PASSTHROUGH``
the server name is all that is seen, with TLS that is ended at the gateway a server of protocol TLS has TCP within).
"""

from __future__ import annotations

import typing as t

from ..._istio.gateways import GATEWAY_LABELS
from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..mesh import Json, Mesh, host_holds, is_open_itself, origin_for, port_number, ports_of
from ..origin import Origin
from ..words import labelled
from .finding import Effect, first_host, gateways_of, is_for_mesh
from .mend import Patch, append, setting

PASSED_ON = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
UNPRIVILEGED = 1024
"""The first port that a gateway's pod may open without special rights."""
HTTP = frozenset(("HTTP", "HTTP2", "GRPC", "GRPC-WEB"))


def gateways_without_pods(mesh: Mesh) -> t.Iterator[Effect]:
    """A Gateway whose selector no pod has."""
    if not mesh.known("Pod"):
        return
    for gateway in mesh.of("Gateway"):
        selector = spec_of(gateway).get("selector") or {}
        if selector and not any(matches(selector, labels_of(pod)) for pod in mesh.of("Pod")):
            yield Effect(
                origin_for("Gateway", gateway),
                "spec.selector",
                f"{origin_for('Gateway', gateway)} selects {labelled(selector)}, and no pod has these labels.",
                "Give it the labels of the gateway's pods, usually istio: ingressgateway.",
                "gateway",
                mend=setting(origin_for("Gateway", gateway), ("spec", "selector"), dict(GATEWAY_LABELS))
                if mesh.gateways()
                else None,
            )


def ports_without_service(mesh: Mesh) -> t.Iterator[Effect]:
    """A server on a port that no Service of the gateway's pods has, so that nobody outside reaches it."""
    for gateway in mesh.of("Gateway"):
        selector = spec_of(gateway).get("selector") or {}
        pods = [pod for pod in mesh.of("Pod") if selector and matches(selector, labels_of(pod))]
        services = [
            (one, pod)
            for pod in pods
            for one in mesh.of("Service", home_of(pod))
            if spec_of(one).get("selector") and matches(spec_of(one)["selector"], labels_of(pod))
        ]
        if not services or any(map(is_open_itself, pods)):
            continue
        # A server may also name the pods' own port, which a Service leads to.
        have = {int(port.get("port") or 0) for one, _pod in services for port in ports_of(one)}
        inner = {port_number(port, pod, 0) for one, pod in services for port in ports_of(one)}
        for index, server in enumerate(spec_of(gateway).get("servers") or ()):
            number = int((server.get("port") or {}).get("number") or 0)
            if not number or number in have | inner:
                continue
            names = sorted({(home_of(one), name_of(one)) for one, _pod in services})
            origin, called = origin_for("Gateway", gateway), " and ".join(f"{home}/{name}" for home, name in names)
            added = {"name": f"port-{number}", "port": number, "targetPort": number}
            yield Effect(
                origin,
                f"spec.servers[{index}].port.number",
                f"{origin} opens port {number}, which Service {called} in front of its pods does not have, so nobody "
                "outside reaches it.",
                f"Add port {number} to Service {called}, or use a port that it has ({_listed(have)}).",
                "gateway",
                host=next((str(one).rpartition("/")[2] for one in server.get("hosts") or ()), ""),
                mend=Patch(Origin("Service", *names[0]), (append(("spec", "ports"), added),))
                if len(names) == 1 and number >= UNPRIVILEGED
                else None,
            )


def _listed(ports: t.Iterable[int]) -> str:
    return ", ".join(str(one) for one in sorted(ports))


def routes_of_other_kinds(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService without a route of the kind that its Gateway's servers for its hosts take."""
    gateways = {(home_of(one), name_of(one)): one for one in mesh.of("Gateway")}
    for rule in mesh.of("VirtualService"):
        have = [kind for kind in ("http", "tls", "tcp") if spec_of(rule).get(kind)]
        hosts = [str(one) for one in spec_of(rule).get("hosts") or ()]
        for _index, home, name in gateways_of(rule):
            servers = list(_for(gateways.get((home, name)), hosts))
            if not have or not servers or any(set(have) & set(kinds) for _number, _why, kinds in servers):
                continue
            number, why, kinds = servers[0]
            origin = origin_for("VirtualService", rule)
            remedy = f"Write {kinds[0]} routes"
            if kinds[0] == "tls":
                remedy += " (match.sniHosts)"
            if why.endswith(")") and have == ["http"]:
                remedy += f", or set tls.mode: SIMPLE with a credentialName in the server of Gateway {home}/{name}"
            yield Effect(
                origin,
                f"spec.{have[0]}",
                f"{origin} has {' and '.join(have)} routes only, and spec.servers[{number}] of Gateway {home}/{name} "
                f"{why}, so they do not hold there.",
                f"{remedy}.",
                "gateway",
                host=first_host(rule),
                idle=not is_for_mesh(rule),
            )


def _for(gateway: Json | None, hosts: t.Sequence[str]) -> t.Iterator[tuple[int, str, tuple[str, ...]]]:
    """The servers for hosts: their numbers, what they do, and the kinds of routes that they take."""
    for number, server in enumerate(spec_of(gateway or {}).get("servers") or ()):
        taken = [str(one).rpartition("/")[2] for one in server.get("hosts") or ()]
        if not any(host_holds(one, host) or host_holds(host, one) for one in taken for host in hosts):
            continue
        protocol = str((server.get("port") or {}).get("protocol") or "").upper()
        mode = str((server.get("tls") or {}).get("mode") or "SIMPLE")
        if not protocol:
            yield number, "has no protocol", ("http", "tls", "tcp")
        elif protocol in HTTP:
            yield number, f"takes {protocol}", ("http",)
        elif protocol in ("HTTPS", "TLS") and mode in PASSED_ON:
            yield number, f"passes TLS on as it is (mode {mode})", ("tls", "tcp")
        elif protocol == "HTTPS":
            yield number, "takes HTTPS and ends TLS", ("http",)
        elif protocol == "TLS":
            yield number, "ends TLS and passes on what is within as TCP (protocol TLS)", ("tcp",)
        else:
            yield number, f"takes {protocol}", ("tcp",)
