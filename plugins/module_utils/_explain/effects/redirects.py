# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirects that lead to themselves.

Source: istio.io, "Virtual Service", HTTPRedirect: what it does not name (the host, the path) stays as it was asked.
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import spec_of
from ..mesh import Json, Mesh, host_holds, origin_for
from .finding import Effect, first_host, routes_of, services_for

OTHER_PLACES = ("scheme", "port", "derivePort")
"""With one of these another listener may answer, such as that of HTTPS."""


def redirects_in_circles(mesh: Mesh) -> t.Iterator[Effect]:
    """A rule that takes what it redirects to, so that clients never get anywhere."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)):
            redirect = route.get("redirect")
            if not isinstance(redirect, t.Mapping) or any(redirect.get(key) for key in OTHER_PLACES):
                continue
            host, path = str(redirect.get("authority") or ""), str(redirect.get("uri") or "")
            hosts = map(str, spec_of(rule).get("hosts") or ())
            if (host and not any(host_holds(one, host) for one in hosts)) or "%" in path:
                continue
            if not _takes(route, path) or any(_takes(one, path) for one in routes_of(rule)[:number] if path):
                continue
            origin = origin_for("VirtualService", rule)
            yield Effect(
                origin,
                f"spec.http[{number}].redirect",
                f"Rule {number + 1} of {origin} redirects to {path or 'the path that was asked'}, which the same rule "
                "takes again, so clients are redirected without end.",
                f"Give rule {number + 1} a match that is not for what it redirects to"
                + (f", such as uri: {{exact: /}} before {path}." if path.strip("/") else "."),
                "route",
                services_for(mesh, rule),
                first_host(rule),
            )


def _takes(route: Json, path: str) -> bool:
    """Whether a rule takes a path for certain: one without a match, or with a match of paths alone."""
    matches = [one or {} for one in route.get("match") or ()]
    if not matches:
        return True
    plain = [one.get("uri") or {} for one in matches if not set(one) - {"name", "uri"}]
    if not path:  # what was asked is asked again
        return len(plain) == len(matches)
    return any(not uri or uri.get("exact") == path or path.startswith(str(uri.get("prefix") or "\0")) for uri in plain)
