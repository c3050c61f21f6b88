# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No two documents of a run are written under one name, or one would take the place of the other when applied.

Two old documents of one name are variants of each other, and so is what becomes of them: one of them is applied.
"""

from __future__ import annotations

import typing as t

from .model import Doc, Json, Refused

Key = tuple[str, str, str, str]
# Kinds whose documents add up, so that another name changes nothing.
_ADDED = ("AuthorizationPolicy", "RequestAuthentication", "EnvoyFilter")


class _Owner(t.NamedTuple):
    """Who has a name: the document, and what is written or stays."""

    doc: Doc
    output: t.Mapping[str, t.Any]


def settle(units: t.Sequence[t.Sequence[Doc]], namespace: str) -> None:
    """Gives an output whose name is taken another one; where that would change its meaning, its document is refused.

    :param namespace: where a document is that names none
    """
    owners: dict[Key, _Owner] = {}
    for doc in (doc for unit in units for doc in unit):
        if not doc.handled and doc.name:
            owners.setdefault(_key(doc.value, namespace), _Owner(doc, doc.value))
        elif doc.kept and doc.outputs:
            owners.setdefault(_key(doc.outputs[0], namespace), _Owner(doc, doc.outputs[0]))
    for unit in units:
        for doc in unit:
            if doc.handled and not doc.kept:
                _settle_one(doc, unit, owners, namespace)


def _settle_one(doc: Doc, unit: t.Sequence[Doc], owners: dict[Key, _Owner], namespace: str) -> None:
    for out in list(doc.outputs):
        kind = out["kind"]
        title = f"{kind} {out['metadata']['name']}"
        mine = _Owner(doc, out)
        key = _key(out, namespace)
        other = owners.setdefault(key, mine)
        variant = other.doc is not doc and _identity(other.doc) == _identity(doc)
        if other is mine or variant or _content(other.output) == _content(out):
            continue
        parts = [part for part in unit if part.family == doc.family and title in part.moved_to]
        if kind in _ADDED or (kind == "PeerAuthentication" and _selector(out) != _selector(other.output)):
            _rename(mine, parts, owners, key)
            continue
        origin = f"{other.doc.title} ({other.doc.file}, line {other.doc.line})"
        if doc.family == "v1alpha1" and not any(part is other.doc for part in unit):
            # Repositories have examples in several directories, which nobody applies together.
            text = "{} becomes or is {} too, and the one that is applied last is in force; put both into one directory."
            doc.note(text.format(origin, title), "metadata.name", doc.meta.place)
            if other.doc.family == "v1alpha1":
                near = f"{doc.title} ({doc.file}, line {doc.line})"
                other.doc.note(text.format(near, title), "metadata.name", other.doc.meta.place)
            continue
        reason = (
            f"it becomes {title}, and {origin} is or becomes that too, so one would take the place of the other; make "
            "one document of them, or convert them apart."
        )
        for part in [doc, *parts]:
            part.refuse(Refused(reason, "metadata.name"))
        for taken in [taken for taken, owner in owners.items() if owner.doc is doc]:
            del owners[taken]
        return


def _rename(mine: _Owner, parts: list[Doc], owners: dict[Key, _Owner], key: Key) -> None:
    other, before, meta = owners[key].doc, key[3], mine.output["metadata"]
    number = 2
    while (*key[:3], f"{before}-{number}") in owners:
        number += 1
    meta["name"] = f"{before}-{number}"
    owners[*key[:3], meta["name"]] = mine
    kind = mine.output["kind"]
    for part in parts:
        part.moved_to = [f"{kind} {meta['name']}" if title == f"{kind} {before}" else title for title in part.moved_to]
    mine.doc.note(
        f"{other.title} ({other.file}, line {other.line}) has the name {before} too, so this is {meta['name']}.",
        "metadata.name",
    )


def _key(document: t.Mapping[str, t.Any], namespace: str) -> Key:
    meta: Json = document["metadata"]
    group = str(document.get("apiVersion") or "").rpartition("/")[0]
    return group, str(document.get("kind")), str(meta.get("namespace") or namespace), str(meta["name"])


def _identity(doc: Doc) -> tuple[str, ...]:
    group, kind, namespace, name = doc.identity
    return group, kind, "" if kind in ("MeshPolicy", "ClusterRbacConfig") else namespace, name


def _content(document: t.Mapping[str, t.Any]) -> tuple[t.Any, t.Any]:
    return document.get("spec") or {}, document.get("data")


def _selector(document: t.Mapping[str, t.Any]) -> t.Any:
    return ((document.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
