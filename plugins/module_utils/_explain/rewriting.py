# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a route changes of a request before it is sent on.

The meaning is that of Envoy's ``config.route.v3.RouteAction`` (``prefix_rewrite``, ``regex_rewrite``,
``host_rewrite_literal``) and of ``request_headers_to_add`` and ``request_headers_to_remove``.
"""

from __future__ import annotations

from dataclasses import replace

from .._istio.patterns import PatternError, replaced
from .matching import Json
from .request import Request

OVERWRITES = ("OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")


def rewritten(route: Json, request: Request) -> Request:
    """The request as the next proxy gets it. Values that Envoy fills in (``%…%``) are left as they are written."""
    action = route.get("route") or {}
    headers = dict(request.headers)
    if action.get("host_rewrite_literal"):
        headers["host"] = str(action["host_rewrite_literal"])
    for one in route.get("request_headers_to_add") or ():
        header = one.get("header") or {}
        name, value = str(header.get("key", "")).lower(), str(header.get("value", ""))
        if one.get("append_action") in OVERWRITES or one.get("append") is False or name not in headers:
            headers[name] = value
        else:
            headers[name] = f"{headers[name]},{value}"
    for name in route.get("request_headers_to_remove") or ():
        headers.pop(str(name).lower(), None)
    return replace(request, path=_path(route.get("match") or {}, action, request.path), headers=headers)


def _path(match: Json, action: Json, path: str) -> str:
    if "prefix_rewrite" in action:
        new = str(action["prefix_rewrite"])
        if "path" in match:
            return new
        prefix = str(match.get("prefix") or match.get("path_separated_prefix") or "")
        return new + path[len(prefix) :]
    if "regex_rewrite" in action:
        rule = action["regex_rewrite"]
        try:
            return replaced(str((rule.get("pattern") or {}).get("regex", "")), str(rule.get("substitution", "")), path)
        except PatternError:
            return path
    return path
