# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a VirtualService that an earlier one with a wider path leaves nothing for.

istio.io, "Virtual Service": the first rule that matches a request is used; a prefix is one of the text, and not of
segments. At a gateway the rules of several VirtualServices for one host are put together, the older's first, but
those without a match last (istio.io, "Split large virtual services"; istio.io/istio, route.go: SortVHostRoutes).
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import spec_of
from ..mesh import Json, Mesh, origin_for
from .finding import Effect, age, first_host, gateways_of, routes_of, services_for
from .mend import Patch, pointer

PATH_ONLY = frozenset(("uri", "name", "statPrefix"))


def behind_wider_paths(mesh: Mesh) -> t.Iterator[Effect]:
    """A rule each of whose matches is for paths that an earlier one takes already."""
    for rule in mesh.of("VirtualService"):
        routes = routes_of(rule)
        for number, route in enumerate(routes):
            matches = [one or {} for one in route.get("match") or ()]
            takers = [_taker(routes[:number], match) for match in matches]
            if not takers or None in takers:
                continue
            first, text = min(one for one in takers if one is not None)
            own = [str(value) for match in matches for value in (match.get("uri") or {}).values()]
            alike = text in own and all(set(match) <= PATH_ONLY for match in matches)
            origin = origin_for("VirtualService", rule)
            yield Effect(
                origin,
                f"spec.http[{number}].match.uri",
                f"Rule {number + 1} of {origin} is for {' and '.join(own)}, and rule {first + 1} before it takes every "
                f"path that begins with {text}, so it takes none.",
                "Merge the two, or remove one of them."
                if alike
                else f"Move rule {number + 1} before rule {first + 1}.",
                "route",
                services_for(mesh, rule),
                first_host(rule),
                mend=None
                if alike
                else Patch(
                    origin,
                    (
                        {
                            "op": "move",
                            "from": pointer(("spec", "http", number)),
                            "path": pointer(("spec", "http", first)),
                        },
                    ),
                ),
            )


def behind_older_rules(mesh: Mesh) -> t.Iterator[Effect]:
    """A rule at a gateway whose paths one of an older VirtualService for the same host takes already."""
    owners: dict[tuple[str, str, str], list[Json]] = {}
    for rule in mesh.of("VirtualService"):
        for _index, home, name in gateways_of(rule):
            for host in map(str, spec_of(rule).get("hosts") or ()):
                owners.setdefault((host, home, name), []).append(rule)
    for (host, home, name), rules in sorted(owners.items()):
        ordered = sorted(rules, key=age)
        for place, rule in enumerate(ordered):
            for number, route in enumerate(routes_of(rule)):
                taken = _taken_by(ordered[:place], route)
                if taken is None:
                    continue
                older, first, text = taken
                origin = origin_for("VirtualService", rule)
                own = [str(one) for match in route["match"] for one in (match.get("uri") or {}).values()]
                yield Effect(
                    origin,
                    f"spec.http[{number}].match.uri",
                    f"Rule {number + 1} of {origin} is for {' and '.join(own)} of {host} at Gateway {home}/{name}, and "
                    f"rule {first + 1} of the older {origin_for('VirtualService', older)} takes every path there that "
                    f"begins with {text}, so it takes none.",
                    "Put both into one VirtualService, the narrower path first, or narrow the path of the older.",
                    "gateway",
                    host=host,
                )


def _taken_by(older: t.Iterable[Json], route: Json) -> tuple[Json, int, str] | None:
    """The VirtualService of these, the number of its rule, and the prefix by which it takes all that a rule is for."""
    for rule in older:
        takers = [_taker(routes_of(rule), one or {}) for one in route.get("match") or ()]
        found = [one for one in takers if one is not None]
        if found and len(found) == len(takers):
            return rule, *min(found)
    return None


def _taker(earlier: t.Sequence[Json], match: Json) -> tuple[int, str] | None:
    """The first rule that takes all that a match is for, and the prefix by which it does."""
    uri = match.get("uri") or {}
    wanted = str(uri.get("prefix") or uri.get("exact") or "")
    for number, route in enumerate(earlier):
        for one in route.get("match") or ():
            prefix = str(((one or {}).get("uri") or {}).get("prefix") or "")
            # What takes everything is told by itself.
            if prefix in ("", "/") or set(one) - PATH_ONLY or match.get("ignoreUriCase"):
                continue
            if wanted.startswith(prefix):
                return number, prefix
    return None
