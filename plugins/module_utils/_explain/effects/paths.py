# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matches of something that is not a path: a path begins with a slash, and is compared without its query.

Sources: istio.io, "Virtual Service" (``HTTPMatchRequest``, ``queryParams``) and "AuthorizationPolicy" (``paths``);
Envoy's ``RouteMatch`` (the query string is not compared) and ``UrlPathMatcher``.
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import spec_of
from ..mesh import Mesh, origin_for
from .finding import Effect, first_host, routes_of, services_for
from .mend import setting


def no_paths(mesh: Mesh) -> t.Iterator[Effect]:
    """A match of a VirtualService or a path of an AuthorizationPolicy that no path can meet."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)):
            for place, match in enumerate(route.get("match") or ()):
                for kind in ("prefix", "exact"):
                    text = str((match.get("uri") or {}).get(kind) or "")
                    why, path = _fault(text)
                    if not why:
                        continue
                    query = ", and match the query by queryParams" if "?" in text else ""
                    yield Effect(
                        origin_for("VirtualService", rule),
                        f"spec.http[{number}].match.uri.{kind}",
                        f"{origin_for('VirtualService', rule)} matches the {kind} {text}, which no path is: {why}.",
                        f"Write {kind}: {path}{query}.",
                        "route",
                        services_for(mesh, rule),
                        first_host(rule),
                        mend=setting(
                            origin_for("VirtualService", rule),
                            ("spec", "http", number, "match", place, "uri", kind),
                            path,
                        ),
                    )
    for policy in mesh.of("AuthorizationPolicy"):
        for number, rule in enumerate(spec_of(policy).get("rules") or ()):
            for place, to in enumerate((rule or {}).get("to") or ()):
                for index, text in enumerate(map(str, (to.get("operation") or {}).get("paths") or ())):
                    why, path = _fault(text)
                    if why:
                        yield Effect(
                            origin_for("AuthorizationPolicy", policy),
                            f"spec.rules[{number}].to.operation.paths",
                            f"{origin_for('AuthorizationPolicy', policy)} is for the path {text}, which no path is: "
                            f"{why}.",
                            f"Write {path}.",
                            "policy",
                            host=path,
                            mend=setting(
                                origin_for("AuthorizationPolicy", policy),
                                ("spec", "rules", number, "to", place, "operation", "paths", index),
                                path,
                            ),
                        )


def _fault(text: str) -> tuple[str, str]:
    """Why a text is not a path, and the one that was probably meant; empty where it may be one."""
    if not text or text[0] in "*{":
        return "", ""
    if not text.startswith("/"):
        return "a path begins with a slash", f"/{text.partition('?')[0]}"
    if "?" in text:
        return "a path is compared without its query", text.partition("?")[0]
    return "", ""
