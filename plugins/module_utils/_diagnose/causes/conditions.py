# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in the Gateway API: what istiod writes into the status of Gateways and routes.

Source: gateway-api.sigs.k8s.io, "API specification" (the conditions Accepted, ResolvedRefs and Programmed, and their
reasons).
"""

from __future__ import annotations

import typing as t

from ..._apply.ready import predicate_of, remedy_of
from ..._explain.mesh import host_holds
from ..._kube.objects import home_of, name_of, spec_of
from ..findings import GATEWAY_API, GATEWAY_OF_API, Diagnosis, Json
from .case import HOST, Case

ROUTES = ("HTTPRoute", "GRPCRoute")


def refused_by_status(case: Case) -> Diagnosis | None:
    """A route for this request, or the Gateway that it is bound to, whose status says that something is wrong."""
    for kind in ROUTES:
        for route in case.findings.of(kind):
            if not _is_for_request(case, route):
                continue
            wrong = _told(kind, route)
            if wrong is not None:
                return wrong
            for gateway in _gateways_of(case, route):
                wrong = _told("Gateway", gateway)
                if wrong is not None:
                    return wrong
    return None


def _told(kind: str, one: Json) -> Diagnosis | None:
    """What a status says that is wrong; None for one that says nothing, or nothing yet."""
    predicate = predicate_of(GATEWAY_API, kind)
    verdict = predicate(dict(one)) if predicate is not None else None
    if verdict is None or verdict.ready or not verdict.why:
        return None
    remedy = remedy_of(verdict.why)
    return Diagnosis(
        f"The status of {kind} {home_of(one)}/{name_of(one)} says what is wrong: {verdict.why}.",
        f"{remedy[:1].upper()}{remedy[1:]}.",
    )


def _is_for_request(case: Case, route: Json) -> bool:
    """Whether a route is bound to a Service that is asked, or to a gateway and for the host that is."""
    for parent in spec_of(route).get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Service":
            if (str(parent.get("name")), str(parent.get("namespace") or home_of(route))) in case.services:
                return True
        elif case.findings.source == HOST:
            hosts = [str(host) for host in spec_of(route).get("hostnames") or _hosts_of_listeners(case, route)]
            # A route for any host may be one of many, at gateways of others.
            return any(host_holds(host, case.findings.host) for host in hosts) or (
                not hosts and home_of(route) == case.home
            )
    return False


def _hosts_of_listeners(case: Case, route: Json) -> list[str]:
    """The hosts of the Gateways that a route is bound to, which are its own where it names none."""
    listeners = [one for gateway in _gateways_of(case, route) for one in spec_of(gateway).get("listeners") or ()]
    return [str(one["hostname"]) for one in listeners if one.get("hostname")]


def _gateways_of(case: Case, route: Json) -> t.Iterator[Json]:
    """The Gateways that a route is bound to, of those that could be read."""
    for parent in spec_of(route).get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Gateway":
            place = str(parent.get("namespace") or home_of(route))
            yield from (one for one in case.findings.of(GATEWAY_OF_API, place) if name_of(one) == parent.get("name"))
