# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object is called: in the API's words, in ours, and in messages."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Json = dict[str, t.Any]
Object = t.Mapping[str, t.Any]
Key = tuple[str, str]  # namespace ("" if the kind has none), name


@dataclass(frozen=True)
class Ref:
    """Which object a document is about."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The same for two API versions of the same object."""
        return self.group, self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def ref_of(doc: Json) -> Ref:
    meta = doc.get("metadata") or {}
    return Ref(
        str(doc.get("apiVersion") or ""),
        str(doc.get("kind") or ""),
        str(meta.get("namespace") or ""),
        str(meta.get("name") or ""),
    )


def key_of(obj: Json) -> Key:
    meta = obj.get("metadata") or {}
    return str(meta.get("namespace") or ""), str(meta.get("name") or "")


def name_of(obj: Object) -> str:
    """The object's name; empty where it has none."""
    return str((obj.get("metadata") or {}).get("name") or "")


def home_of(obj: Object) -> str:
    """The namespace that the object is in; empty where its kind has none."""
    return str((obj.get("metadata") or {}).get("namespace") or "")


def labels_of(obj: Object) -> t.Mapping[str, str]:
    """The object's labels."""
    return (obj.get("metadata") or {}).get("labels") or {}


def spec_of(obj: Object) -> Object:
    """What the object is to be."""
    return obj.get("spec") or {}


def matches(selector: t.Mapping[str, str], labels: t.Mapping[str, str]) -> bool:
    """Whether labels satisfy an equality selector."""
    return all(labels.get(key) == value for key, value in selector.items())


def selector_text(labels: t.Mapping[str, str]) -> str:
    """An equality selector as the API's query has it."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def subject_of(kind: str, name: str | None, namespace: str | None = None) -> str:
    """How an object is called in messages: Kind namespace/name."""
    if not name:
        return f"{kind} in {namespace}" if namespace else kind
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def first_few(names: t.Sequence[str], most: int = 5) -> str:
    """Names in a sentence: ``a, b and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
