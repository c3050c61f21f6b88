# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that leave their requests to a VirtualService that does not take them.

Sources: istio.io, "Virtual Service", Delegate (its rules take the place of the one that names it; without it there is
none); which of its matches go together with those of the rule is told by istio.io/istio, virtualservice.go:
mergeHTTPMatchRequests.
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, spec_of
from ..exports import exported_in_words, is_exported
from ..mesh import Json, Mesh, delegate_of, origin_for
from .finding import Effect, first_host, routes_of, services_for


def lost_delegates(mesh: Mesh) -> t.Iterator[Effect]:
    """A rule that leaves its requests to a VirtualService that is none, or that has hosts and so is no delegate."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)):
            named = delegate_of(rule, route)
            if named is None or not mesh.known("VirtualService", named.namespace):
                continue
            found, origin = mesh.find(named), origin_for("VirtualService", rule)
            place = f"spec.http[{number}].delegate"
            if found is None:
                said, remedy = "does not exist", f"Apply {named}, or correct its name and namespace."
            elif spec_of(found).get("hosts"):
                said, remedy = "has hosts of its own, so it is not a delegate", f"Leave the hosts of {named} out."
            elif not is_exported("VirtualService", found, home_of(rule)):
                said = exported_in_words("VirtualService", found)
                remedy = f"Export {named} to {home_of(rule)}."
            elif not spec_of(found).get("http"):
                said, remedy = "has no http rules", f"Write the rules into {named}."
            else:
                continue
            yield Effect(
                origin,
                place,
                f"Rule {number + 1} of {origin} leaves its requests to {named}, which {said}, so no route is made "
                "of it.",
                remedy,
                "route",
                services_for(mesh, rule),
                first_host(rule),
            )


def delegates_at_odds(mesh: Mesh) -> t.Iterator[Effect]:
    """A rule of a delegate whose paths are none of those that the rule which names it leaves to it."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)):
            named = delegate_of(rule, route)
            found = mesh.find(named) if named is not None else None
            outer = [(one or {}).get("uri") for one in route.get("match") or ()]
            if found is None or spec_of(found).get("hosts") or not outer:
                continue
            for place, inner in enumerate(routes_of(found)):
                uris = [(one or {}).get("uri") for one in inner.get("match") or ()]
                # One match that goes with none of the rule's takes all of its rule with it.
                lost = next((one for one in uris if all(_at_odds(wide, one) for wide in outer)), None)
                if lost is None:
                    continue
                origin = origin_for("VirtualService", rule)
                yield Effect(
                    origin_for("VirtualService", found),
                    f"spec.http[{place}].match.uri",
                    f"Rule {place + 1} of {named} matches {_written(lost)}, and rule {number + 1} of {origin} leaves "
                    f"only {' or '.join(map(_written, outer))} to it, so no route is made of it.",
                    "Write a path that is among those, since a delegate compares whole paths: nothing is taken off.",
                    "route",
                    services_for(mesh, rule),
                    first_host(rule),
                )


def _at_odds(outer: Json | None, inner: Json | None) -> bool:
    """Whether two matches of a path contradict each other as istiod sees it: a regex goes with nothing else."""
    if not outer or not inner:
        return False
    if outer.get("regex") or inner.get("regex"):
        return True
    if outer.get("exact"):
        return bool(inner.get("exact") != outer["exact"])
    narrow = str(inner.get("prefix") or inner.get("exact") or "")
    return not narrow.startswith(str(outer.get("prefix") or ""))


def _written(match: Json | None) -> str:
    """``prefix /details``."""
    return " ".join(f"{kind} {text}" for kind, text in (match or {}).items())
