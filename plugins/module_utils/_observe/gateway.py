# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a user reaches the ingress gateway: what a browser's machine would be told, found from the live objects."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from .._istio.control_plane import ISTIO_NAMESPACE
from .._istio.gateways import GATEWAY_SELECTOR
from .._kube import ApiError
from .._openshift.routes import API_VERSION, refusal_of, remedy_of, route_for, router_of, routes_to, title_of
from .errors import CheckError, NotYet

if t.TYPE_CHECKING:
    from .._kube import Client

HTTP, HTTPS = 80, 443
Json = t.Mapping[str, t.Any]


class GatewayError(CheckError):
    """No way in could be tried; the text says why and what to do."""


class GatewayPending(GatewayError, NotYet):
    """There is no way in yet: the gateway's address is still to come."""


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """``host:port``, ``host`` or ``[v6]:port`` as a pair."""
    try:
        parts = urlsplit("//" + text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path or parts.username:
        raise GatewayError(f"The option gateway must look like host or host:port, not {text!r}.")
    return host, port or default_port


def joined(address: tuple[str, int]) -> str:
    """The pair as text."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(services: t.Sequence[Json], nodes: t.Sequence[Json], port: int) -> tuple[str, int]:
    """Address and port at which the gateway's Service takes what is meant for ``port``. Raises GatewayError."""
    if not services:
        raise GatewayError(
            f"No Service has the label {GATEWAY_SELECTOR}, so there is no ingress gateway: install Istio with its "
            "gateway, or name one with the option gateway."
        )
    failure: GatewayError | None = None
    # What hinders a Service that has the port is worth telling; that another lacks it is not.
    for service in sorted(services, key=lambda one: (not _has_port(one, port), *_preference(one))):
        try:
            return _address(service, nodes, port)
        except GatewayError as error:
            failure = failure or error
    raise failure or GatewayError("No gateway has been found.")


def _has_port(service: Json, port: int) -> bool:
    return any(one.get("port") == port for one in service.get("spec", {}).get("ports") or [])


def _preference(service: Json) -> tuple[bool, str, str]:
    meta = service["metadata"]
    namespace = str(meta.get("namespace", ""))
    return (not namespace.startswith("istio-"), namespace, str(meta.get("name", "")))


def _address(service: Json, nodes: t.Sequence[Json], port: int) -> tuple[str, int]:
    meta, spec = service["metadata"], service.get("spec", {})
    title = f"The gateway's Service {meta.get('namespace')}/{meta.get('name')}"
    ports = spec.get("ports") or []
    found = next((one for one in ports if one.get("port") == port), None)
    if found is None:
        open_ports = ", ".join(str(one.get("port")) for one in ports) or "none"
        raise GatewayError(f"{title} has no port {port} (it has {open_ports}): add it there, or use one of these.")
    for entry in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        host = entry.get("ip") or entry.get("hostname")
        if host:
            return str(host), port
    for external in spec.get("externalIPs") or []:
        return str(external), port
    node_port = found.get("nodePort")
    if node_port:
        for node in nodes:
            for one in node.get("status", {}).get("addresses") or []:
                if one.get("type") == "InternalIP":
                    return str(one["address"]), int(node_port)
        raise GatewayError(
            f"{title} is reached by a node's port, but no node has an InternalIP: see kubectl get nodes."
        )
    if spec.get("type") == "LoadBalancer":
        raise GatewayPending(
            f"{title} waits for an address (its EXTERNAL-IP is pending): the cluster has no load balancer that gives "
            "one; give it node ports, or name the way in with the option gateway."
        )
    raise GatewayError(
        f"{title} is of type {spec.get('type', 'ClusterIP')}, which cannot be reached from outside: make it a "
        "LoadBalancer or NodePort, or name the way in with the option gateway."
    )


def by_route(routes: t.Sequence[Json], host: str, port: int) -> tuple[str, int] | None:
    """The router that a Route has given the host to; None where no Route is for it. Raises GatewayPending."""
    tls = port == HTTPS
    route = route_for(routes, host, tls=tls) if port in (HTTP, HTTPS) else None
    if route is None:
        return None
    router = router_of(route)
    if router is None:
        why = refusal_of(route)
        raise GatewayPending(f"{title_of(route)} for {host} leads nowhere: {why}; {remedy_of(why)}.")
    return router, port


def gateway_services(client: Client) -> list[dict[str, t.Any]]:
    """The Services of ingress gateways, as far as this user may see them."""
    try:
        return list(client.list("v1", "Service", label_selector=GATEWAY_SELECTOR))
    except ApiError as error:
        if error.status != 403:
            raise
        return list(client.list("v1", "Service", ISTIO_NAMESPACE, label_selector=GATEWAY_SELECTOR))


def gateway_routes(client: Client) -> list[Json]:
    """The Routes that lead to an ingress gateway; none on a cluster that is not an OpenShift."""
    services = gateway_services(client) if client.resources(API_VERSION) else []
    return routes_to(client, [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in services])


def find_gateway(client: Client, port: int) -> tuple[str, int]:
    """The way in for a port, from the live objects."""
    services = gateway_services(client)
    bare = [service for service in services if not (service.get("status", {}).get("loadBalancer") or {}).get("ingress")]
    nodes = client.list("v1", "Node") if bare else []
    return address_of(services, nodes, port)


def gateway_address(client: Client, host: str) -> str:
    """The way in for plain HTTP to a host as ``host:port``. Raises GatewayError (a CheckError)."""
    return joined(by_route(gateway_routes(client), host, HTTP) or find_gateway(client, HTTP))
