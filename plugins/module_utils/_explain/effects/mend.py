# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mends a finding, as data: single fields of an object (RFC 6902), or whole objects."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._kube.objects import home_of, name_of
from ..mesh import API_VERSIONS, Json
from ..origin import Origin

Path = t.Sequence[str | int]

CLEAN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink", "ownerReferences")
"""What the server writes into metadata."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Patch:
    """A change of single fields of one object."""

    origin: Origin
    operations: tuple[Json, ...]


@dataclass(frozen=True)
class Apply:
    """Objects that are to be there, and those that are to go."""

    documents: tuple[Json, ...]
    removes: tuple[Origin, ...] = ()


Mend: t.TypeAlias = "Patch | Apply"


def pointer(path: Path) -> str:
    """A path as RFC 6901 writes it."""
    return "".join("/" + str(one).replace("~", "~0").replace("/", "~1") for one in path)


def put(path: Path, value: t.Any) -> Json:
    """The operation that sets a field, whether it is there or not, or replaces an entry of a list."""
    return {"op": "replace" if isinstance(path[-1], int) else "add", "path": pointer(path), "value": value}


def append(path: Path, value: t.Any) -> Json:
    """The operation that adds an entry to the end of a list."""
    return {"op": "add", "path": f"{pointer(path)}/-", "value": value}


def remove(path: Path) -> Json:
    """The operation that takes a field away."""
    return {"op": "remove", "path": pointer(path)}


def setting(origin: Origin, path: Path, value: t.Any) -> Patch:
    """One field of one object."""
    return Patch(origin, (put(path, value),))


def moved(kind: str, one: Json, namespace: str) -> Apply:
    """An object that belongs into another namespace."""
    meta = {key: value for key, value in one["metadata"].items() if key not in CLEAN}
    notes = {key: value for key, value in (meta.pop("annotations", None) or {}).items() if key != LAST_APPLIED}
    body = {key: value for key, value in one.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    document = {
        "apiVersion": API_VERSIONS[kind],
        "kind": kind,
        "metadata": {**meta, "namespace": namespace, **({"annotations": notes} if notes else {})},
        **body,
    }
    return Apply((document,), (Origin(kind, home_of(one), name_of(one)),))
