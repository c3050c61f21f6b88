# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finding is, and what several of them ask of a VirtualService."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._kube.objects import home_of, name_of, spec_of
from ..mesh import Json, Mesh, ServiceName, gateway_named
from ..origin import Origin
from .mend import Mend, Path


@dataclass(frozen=True)
class Effect:
    """One finding: the resource and field, what it does or does not do, and the change that mends it."""

    origin: Origin
    field: str
    sentence: str
    remedy: str
    topic: str
    """What it is about: ``gateway``, ``route``, ``host``, ``subset``, ``fault``, ``protocol``, ``policy``, ``mtls``,
    ``token``, ``filter``, ``trace``, ``egress``, ``mirror``, ``tls``, ``breaker``, ``outliers``, ``balancing`` or
    ``probe``."""
    services: frozenset[ServiceName] = frozenset()
    """The Services that it was meant for; empty where it may be any."""
    host: str = ""
    idle: bool = True
    """Whether nothing of what the field is for can happen. Else it may be meant so, and only a request can tell."""
    without: Origin | None = None
    """The resource that has no effect, where the one to mend is another."""
    mend: Mend | None = None
    """What the remedy says as a change of objects; None where there is a choice that only people can make."""


def routes_of(rule: Json) -> list[Json]:
    return list(spec_of(rule).get("http") or ())


def placed_routes(rule: Json) -> t.Iterator[tuple[str, int, Json]]:
    """The routes of every kind: ``http``, ``tls`` or ``tcp``, the place in its list, and the route."""
    for kind in ("http", "tls", "tcp"):
        for index, route in enumerate(spec_of(rule).get(kind) or ()):
            yield kind, index, route


def is_for_mesh(rule: Json) -> bool:
    """Whether a VirtualService rules the requests of workloads, not only those at a gateway."""
    gateways = spec_of(rule).get("gateways") or []
    return not gateways or "mesh" in gateways


def gateways_of(rule: Json) -> t.Iterator[tuple[int, str, str]]:
    """The Gateways that a VirtualService names: the place in its list, namespace and name."""
    for index, text in enumerate(spec_of(rule).get("gateways") or ()):
        if text != "mesh":
            name, place = gateway_named(str(text), home_of(rule))
            yield index, place, name


def first_host(rule: Json) -> str:
    return str(next(iter(spec_of(rule).get("hosts") or ()), ""))


def services_for(mesh: Mesh, rule: Json) -> frozenset[ServiceName]:
    """The Services that a VirtualService's hosts name."""
    found = (mesh.service_for(str(host), home_of(rule)) for host in spec_of(rule).get("hosts") or ())
    return frozenset(one for one in found if one is not None)


def destinations(route: Json) -> t.Iterator[tuple[str, Json]]:
    """Where a route sends requests, and copies of them."""
    for what, _path, destination in placed_destinations(route):
        yield what, destination


def placed_destinations(route: Json) -> t.Iterator[tuple[str, Path, Json]]:
    """The same, each with its path in the route."""
    for index, one in enumerate(route.get("route") or ()):
        yield "route", ("route", index, "destination"), one.get("destination") or {}
    for index, one in enumerate(route.get("mirrors") or ()):
        yield "mirror", ("mirrors", index, "destination"), one.get("destination") or {}
    if route.get("mirror"):
        yield "mirror", ("mirror",), route["mirror"]


def age(one: Json) -> tuple[bool, str, str]:
    """What sorts the oldest first; what is yet to be created is the youngest."""
    created = str((one.get("metadata") or {}).get("creationTimestamp") or "")
    return not created, created, name_of(one)
