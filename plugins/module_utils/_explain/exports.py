# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which namespaces' proxies see an object.

Sources: istio.io, "Virtual Service", "Destination Rule" and "Service Entry" (``exportTo``) and "Resource Annotations"
(``networking.istio.io/exportTo``, which a Service has in its place). The mesh's defaults (``defaultServiceExportTo`` …)
are taken to be Istio's: all namespaces.
"""

from __future__ import annotations

import typing as t

from .._kube.objects import home_of, spec_of
from .mesh import Json

ALL, OWN, NONE = "*", ".", "~"
ANNOTATION = "networking.istio.io/exportTo"


def exports_of(kind: str, one: Json) -> list[str]:
    """The namespaces that an object is exported to, as it says them: ``*`` where it says nothing."""
    if kind == "Service":
        written: t.Sequence[t.Any] = str(annotations_of(one).get(ANNOTATION) or "").split(",")
    else:
        written = spec_of(one).get("exportTo") or ()
    return [text for part in written if (text := str(part).strip())] or [ALL]


def is_exported(kind: str, one: Json, namespace: str) -> bool:
    """Whether the proxies of a namespace see an object."""
    places = exports_of(kind, one)
    if ALL in places:
        return True
    return NONE not in places and (namespace in places or (OWN in places and namespace == home_of(one)))


def exported_in_words(kind: str, one: Json) -> str:
    """``is exported to bookinfo only (exportTo)``."""
    places = [home_of(one) if place == OWN else place for place in exports_of(kind, one)]
    field = f"annotation {ANNOTATION}" if kind == "Service" else "exportTo"
    if NONE in places:
        return f"is exported to no namespace ({field})"
    return f"is exported to {' and '.join(dict.fromkeys(places))} only ({field})"


def annotations_of(one: Json) -> t.Mapping[str, t.Any]:
    return (one.get("metadata") or {}).get("annotations") or {}
