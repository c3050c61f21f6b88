# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy makes of a path before anything compares it.

Sources: Envoy's ``HttpConnectionManager`` (``normalize_path``, ``merge_slashes``,
``path_with_escaped_slashes_action``); istio.io, "MeshConfig" (``pathNormalization``, BASE by default, which resolves
dots and leaves doubled slashes). What is escaped and what is not follows WHATWG's URL standard, as Envoy does.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .matching import Json
from .request import Request

ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
PLAIN = re.compile(r"[A-Za-z0-9._~-]")
"""What is written without an escape."""
UNSAFE = re.compile(r"[^!#-;=?-\[\]_a-z~]")
"""What is written with one."""


def normalized(manager: Json, request: Request) -> Request:
    """The request with the path that this connection manager's routes and filters see."""
    path = request.path
    if manager.get("path_with_escaped_slashes_action") in ("UNESCAPE_AND_FORWARD", "UNESCAPE_AND_REDIRECT"):
        path = re.sub("%2f", "/", re.sub("%5c", "\\\\", path, flags=re.IGNORECASE), flags=re.IGNORECASE)
    if manager.get("normalize_path"):
        path = _resolved(path)
    if manager.get("merge_slashes"):
        path = re.sub("//+", "/", path)
    return request if path == request.path else replace(request, path=path)


def _resolved(path: str) -> str:
    """Without dot segments and escapes that stand for themselves."""
    path = ESCAPED.sub(_unescaped, path).replace("\\", "/")
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
            continue
        if number == len(segments):
            kept.append("")  # what is left is a folder
    return UNSAFE.sub(_escaped, "/" + "/".join(kept))


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[0][1:], 16))
    return character if PLAIN.fullmatch(character) else found[0]


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
