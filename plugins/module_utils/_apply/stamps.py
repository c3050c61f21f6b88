# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server notes on every object, and without which nothing can be done safely."""

from __future__ import annotations

from .._kube import ApiError, Json
from .._kube.objects import key_of, subject_of

SERVER_SET = frozenset(
    (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)
"""What only the server sets in ``metadata``. A document that was exported from a cluster may carry it, and server-side
apply refuses or misreads it; and it says nothing of what is desired."""


def stamp_of(obj: Json, field: str) -> str:
    """``metadata.uid`` or ``metadata.resourceVersion`` of an object that the API server has sent.

    Raises ApiError where it has none: then nobody could tell the object from another one of the same name.
    """
    value = (obj.get("metadata") or {}).get(field)
    if not isinstance(value, str) or not value:
        namespace, name = key_of(obj)
        raise ApiError(
            0,
            "Incomplete",
            f"the answer of the API server has no metadata.{field}; "
            "make sure that the address is that of a Kubernetes API server, and that nothing in between edits answers",
            subject=subject_of(str(obj.get("kind") or "an object"), name or None, namespace or None),
        )
    return value
