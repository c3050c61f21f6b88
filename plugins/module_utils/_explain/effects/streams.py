# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of TCP and TLS for Services whose ports the proxies take as HTTP.

Source: istio.io, "Virtual Service": ``http`` holds for ports of HTTP, ``tls`` for those of HTTPS and TLS, and ``tcp``
for what is none of these; "Protocol Selection" says which a port is.
"""

from __future__ import annotations

import typing as t

from ..mesh import HTTP2_PROTOCOLS, HTTP_PROTOCOLS, Mesh, origin_for, ports_of, protocol_of
from .finding import Effect, is_for_mesh, placed_routes, routes_of, services_for


def streams_for_http(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService of the mesh with tcp or tls routes only, all of whose Services' ports are HTTP."""
    for rule in mesh.of("VirtualService"):
        kinds = list(dict.fromkeys(kind for kind, _index, _route in placed_routes(rule)))
        if not kinds or routes_of(rule) or not is_for_mesh(rule):
            continue
        services = services_for(mesh, rule)
        ports = [(name, port) for name in sorted(services) for port in ports_of(mesh.service(name) or {})]
        if not ports or any(protocol_of(port)[0] not in HTTP_PROTOCOLS | HTTP2_PROTOCOLS for _name, port in ports):
            continue
        (name, home), port = ports[0]
        origin = origin_for("VirtualService", rule)
        yield Effect(
            origin,
            f"spec.{kinds[0]}",
            f"{origin} has {' and '.join(kinds)} routes only, and port {port.get('port')} of Service {home}/{name} is "
            f"HTTP to the proxies ({protocol_of(port)[1]}), so they do not hold.",
            "Write http routes, or name the port tcp if that is what it is.",
            "protocol",
            services,
        )
