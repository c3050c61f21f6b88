# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of current kinds with fields that have gone, as `apply` and the resource modules take them."""

from __future__ import annotations

import typing as t

from .facts import Facts
from .model import Doc, Json, Map, Refused, Seq, plain
from .routing import convert_spec


def with_current_fields(document: Json) -> tuple[Json, list[str]]:
    """The document with today's fields, and a sentence for each field that was converted.

    A document that is not only outdated but wrong comes back as it is: the server says what is wrong with it.
    """
    value = _tree(document)
    if not isinstance(value, Map) or not isinstance(value.get("spec"), Map):
        return document, []
    doc = Doc("", 0, 0, False, value)
    try:
        spec = plain(convert_spec(doc, Facts()))
    except Refused:
        return document, []
    if doc.repairs or spec == document["spec"]:
        return document, []
    return {**document, "spec": spec}, [f"{note.field}: {note.text}" for note in doc.notes]


def _tree(value: t.Any) -> t.Any:
    """Plain values as the converters take them; no positions are known."""
    if isinstance(value, dict):
        found = Map()
        for key, item in value.items():
            found[key] = _tree(item)
        return found
    if isinstance(value, list):
        seq = Seq()
        seq.extend(_tree(item) for item in value)
        return seq
    return value
