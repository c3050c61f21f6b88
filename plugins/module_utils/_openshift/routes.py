# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: what a router has said of them, and which of them leads to a gateway."""

from __future__ import annotations

import typing as t

from .._kube import ApiError, Client
from .dynamic import listed

Json = t.Mapping[str, t.Any]

API_VERSION, KIND = "route.openshift.io/v1", "Route"


def title_of(route: Json) -> str:
    """A Route as sentences name it."""
    return f"Route {route['metadata'].get('namespace')}/{route['metadata']['name']}"


def _entries(route: Json) -> t.Iterator[tuple[Json, Json]]:
    """Each router's entry with its verdict, the condition Admitted."""
    for entry in (route.get("status") or {}).get("ingress") or ():
        for condition in entry.get("conditions") or ():
            if condition.get("type") == "Admitted":
                yield entry, condition


def router_of(route: Json) -> str | None:
    """Host name of the first router that has admitted the Route, the Route's own where it names none; else None."""
    for entry, verdict in _entries(route):
        if verdict.get("status") == "True":
            return str(entry.get("routerCanonicalHostname") or entry.get("host") or route["spec"].get("host", ""))
    return None


def refusal_of(route: Json) -> str:
    """Why the Route is not admitted, as a clause; empty where a router has admitted it."""
    if router_of(route) is not None:
        return ""
    said = []
    for entry, verdict in _entries(route):
        reason, message = str(verdict.get("reason") or ""), str(verdict.get("message") or "").rstrip(".")
        detail = ": ".join(filter(None, (reason, message))) or "it gives no reason"
        said.append(f"router {entry.get('routerName') or 'without a name'} does not admit it ({detail})")
    return "; ".join(said) or "no router has admitted it"


def remedy_of(refusal: str) -> str:
    """What to do about a Route that is not admitted."""
    if "HostAlreadyClaimed" in refusal:
        return "remove the Route that has the host, or give this one another host (bookinfo_host)"
    if "does not admit it" in refusal:
        return "correct what the router names"
    return "see which routers there are (oc -n openshift-ingress-operator get ingresscontrollers) and which they choose"


def carries(route: Json, *, tls: bool) -> bool:
    """Whether requests pass the router unchanged: plain HTTP as it is, TLS up to the gateway."""
    settings = (route.get("spec") or {}).get("tls") or {}
    if tls:
        return settings.get("termination") == "passthrough"
    return not settings or settings.get("insecureEdgeTerminationPolicy") == "Allow"


def route_for(routes: t.Iterable[Json], host: str, *, tls: bool) -> Json | None:
    """The Route for a host, one that is admitted first. Those for a part of the paths are left out."""
    found = [
        route
        for route in routes
        if route["spec"].get("host") == host and not route["spec"].get("path") and carries(route, tls=tls)
    ]
    return min(found, key=lambda route: (router_of(route) is None, title_of(route)), default=None)


def routes_to(client: Client, services: t.Iterable[tuple[str, str]]) -> list[Json]:
    """The Routes to these Services (namespace and name each), as far as this user may see them."""
    wanted = set(services)
    if not wanted or not client.resources(API_VERSION):
        return []
    found: list[Json] = []
    for namespace in sorted({place for place, _name in wanted}):
        try:
            routes = listed(client, API_VERSION, KIND, namespace)
        except ApiError as error:
            if error.status != 403:
                raise
            continue
        found += [route for route in routes if (namespace, route["spec"].get("to", {}).get("name")) in wanted]
    return found
