# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's side of a connection: its server, the names and certificate of its chain, and what is bound to it.

Sources: istio.io, "Gateway" (a server holds for its port and hosts; ``credentialName`` names a Secret in the gateway's
own namespace) and "Virtual Service" (``gateways``, whose hosts have to meet the server's); Envoy's
``FilterChainMatch`` (``server_names`` are compared with the SNI of the client's greeting).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._kube.objects import home_of, labels_of, matches, name_of, spec_of
from .dump import ProxyConfig
from .mesh import GATEWAY_NAME, Json, Mesh, gateway_named, origin_for
from .origin import Origin

SDS = "kubernetes://"


@dataclass(frozen=True)
class Server:
    """What takes a connection at a gateway."""

    origin: Origin | None = None
    """The Gateway; None where none of those that can be read is for the port and host."""
    field: str = ""
    """Its server, such as ``spec.servers[0]``."""
    protocol: str = ""
    mode: str = ""
    """The TLS mode; empty for plain HTTP or TCP."""
    names: tuple[str, ...] = ()
    """The server names of the filter chain; empty where it takes any."""
    offered: tuple[str, ...] = ()
    """All server names at this port."""
    secret: str = ""
    """The Secret with its certificate (``credentialName``), as namespace/name."""
    has_secret: bool | None = None
    """Whether the proxy has got it; None where it needs none, or that is not known."""
    warming: bool = False
    """Whether the listener is not open yet."""
    redirects: bool = False
    """Whether plain HTTP is answered with a redirect to HTTPS."""
    bound: tuple[Origin, ...] = ()
    """The VirtualServices for this host that name the Gateway."""


def server_of(
    mesh: Mesh, config: ProxyConfig, pod: Json, listener: Json, chain: Json | None, port: int, host: str
) -> Server:
    """What a gateway's listener and chain are made of."""
    found = gateway_for(mesh, pod, port, host)
    gateway, index = found if found else (None, 0)
    spec: Json = (spec_of(gateway).get("servers") or [{}])[index] if gateway is not None else {}
    tls = spec.get("tls") or {}
    secret = _secret(chain) or str(tls.get("credentialName") or "")
    there = next((has for name, has in config.secrets.items() if secret and _plain(name) == secret), None)
    return Server(
        origin=origin_for("Gateway", gateway) if gateway is not None else _of_gateway_api(pod),
        field=f"spec.servers[{index}]" if gateway is not None else "A listener",
        protocol=str((spec.get("port") or {}).get("protocol") or ""),
        mode=str(tls.get("mode") or ("SIMPLE" if tls and not tls.get("httpsRedirect") else "")),
        names=tuple(_names(chain or {})),
        offered=tuple(dict.fromkeys(name for one in listener.get("filter_chains") or () for name in _names(one))),
        secret=f"{home_of(pod)}/{secret}" if secret and "/" not in secret else secret,
        has_secret=there,
        warming=listener in config.warming,
        redirects=bool(tls.get("httpsRedirect")),
        bound=tuple(_bound(mesh, gateway, host)) if gateway is not None else (),
    )


def gateway_for(mesh: Mesh, pod: Json, port: int, host: str) -> tuple[Json, int] | None:
    """The Gateway and the number of its server that is for a port and host; the closest host wins."""
    best: tuple[tuple[int, int], Json, int] | None = None
    for gateway in mesh.of("Gateway"):
        selector = spec_of(gateway).get("selector") or {}
        if not selector or not matches(selector, labels_of(pod)):
            continue
        for index, server in enumerate(spec_of(gateway).get("servers") or ()):
            if int((server.get("port") or {}).get("number") or 0) != port:
                continue
            for one in server.get("hosts") or ():
                rank = closeness(str(one).rpartition("/")[2], host)
                if rank > (0, 0) and (best is None or rank > best[0]):
                    best = (rank, gateway, index)
    return (best[1], best[2]) if best else None


def closeness(pattern: str, host: str) -> tuple[int, int]:
    """How closely a host of a Gateway or VirtualService names another; (0, 0) where it does not."""
    if pattern == host:
        return (3, 0)
    if pattern == "*":
        return (1, 0)
    return (2, len(pattern)) if pattern.startswith("*.") and host.endswith(pattern[1:]) else (0, 0)


def _of_gateway_api(pod: Json) -> Origin | None:
    """The Gateway of the Gateway API that a pod was made for."""
    name = labels_of(pod).get(GATEWAY_NAME)
    return Origin("Gateway", home_of(pod), name) if name else None


def _bound(mesh: Mesh, gateway: Json, host: str) -> t.Iterator[Origin]:
    own = (name_of(gateway), home_of(gateway))
    for rule in mesh.of("VirtualService"):
        named = [gateway_named(str(one), home_of(rule)) for one in spec_of(rule).get("gateways") or ()]
        if own not in named:
            continue
        if any(closeness(str(one), host) > (0, 0) for one in spec_of(rule).get("hosts") or ()):
            yield origin_for("VirtualService", rule)


def _names(chain: Json) -> list[str]:
    return [str(one) for one in (chain.get("filter_chain_match") or {}).get("server_names") or ()]


def _secret(chain: Json | None) -> str:
    """The name of the Secret of a chain's certificate, as istiod and the proxy call it."""
    config = ((chain or {}).get("transport_socket") or {}).get("typed_config") or {}
    for one in (config.get("common_tls_context") or {}).get("tls_certificate_sds_secret_configs") or ():
        return _plain(str(one.get("name", "")))
    return ""


def _plain(name: str) -> str:
    return name.removeprefix(SDS)
