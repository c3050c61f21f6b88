# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a VirtualService that an earlier one with a wider path leaves nothing for.

istio.io, "Virtual Service": the first rule that matches a request is used; a prefix is one of the text, and not of
segments.
"""

from __future__ import annotations

import typing as t

from ..mesh import Json, Mesh, origin_for
from .finding import Effect, first_host, routes_of, services_for
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
