# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that strike no request or hardly any, and copies that are not made.

Source: istio.io, "Virtual Service": ``percentage.value`` is in percent. A fault without one strikes nobody, a mirror
without one copies everything, and at 0 istiod makes no mirror at all (istio.io/istio, route.go: MirrorPercent).
"""

from __future__ import annotations

import typing as t

from ..mesh import Json, Mesh, origin_for
from .finding import Effect, routes_of, services_for
from .mend import Path, setting


def no_fault(mesh: Mesh) -> t.Iterator[Effect]:
    """A fault that strikes no request, or hardly any."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for kind, verb in (("abort", "aborted"), ("delay", "delayed")):
                fault = (route.get("fault") or {}).get(kind)
                if not isinstance(fault, t.Mapping):
                    continue
                origin = origin_for("VirtualService", rule)
                where = f"spec.http[{number - 1}].fault.{kind}.percentage"
                percentage = fault.get("percentage")
                value = percentage.get("value") if isinstance(percentage, t.Mapping) else None
                if percentage is None:
                    said = f"{origin} has a fault.{kind} without a percentage, which is 0 %: no request is {verb}."
                elif not value:
                    said = f"{origin} has a fault.{kind} of 0 %: no request is {verb}."
                elif float(value) < 1:
                    said = (
                        f"{origin} has a fault.{kind} for {float(value):g} % of the requests "
                        "(percentage.value is in percent, from 0 to 100)."
                    )
                else:
                    continue
                wanted = f"{100 * float(value):g}" if value else "100"
                yield Effect(
                    origin,
                    where,
                    said,
                    f"Write percentage: {{value: {wanted}}}.",
                    "fault",
                    services_for(mesh, rule),
                    idle=not value,
                    mend=setting(
                        origin,
                        ("spec", "http", number - 1, "fault", kind, "percentage"),
                        {"value": float(wanted) if "." in wanted else int(wanted)},
                    ),
                )


def few_copies(mesh: Mesh) -> t.Iterator[Effect]:
    """A mirror that copies no request, or hardly any."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)):
            for path, host, percentage in _mirrors(route):
                value = percentage.get("value")
                if value and float(value) >= 1:
                    continue
                origin = origin_for("VirtualService", rule)
                meant = f"{100 * float(value):g}" if value else "100"
                said = f"copies {float(value):g} %" if value else "copies 0 %"
                yield Effect(
                    origin,
                    f"spec.http[{number}].{'.'.join(map(str, path))}.value",
                    f"{origin} {said} of the requests to {host} ({path[0]}, whose value is in percent, from 0 to 100)"
                    + ("." if value else ", so no copy is sent."),
                    f"Write {{value: {meant}}}, or leave it out, which is 100.",
                    "mirror",
                    services_for(mesh, rule),
                    idle=not value,
                    mend=setting(origin, ("spec", "http", number, *path, "value"), float(meant) if value else 100),
                )


def _mirrors(route: Json) -> t.Iterator[tuple[Path, str, Json]]:
    """The mirrors of a route that say a percentage: where, to which host, and what."""
    if route.get("mirror") and isinstance(route.get("mirrorPercentage"), t.Mapping):
        yield ("mirrorPercentage",), str(route["mirror"].get("host") or ""), route["mirrorPercentage"]
    for index, one in enumerate(route.get("mirrors") or ()):
        if isinstance(one.get("percentage"), t.Mapping):
            host = str((one.get("destination") or {}).get("host") or "")
            yield ("mirrors", index, "percentage"), host, one["percentage"]
