# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that were refused before anything was converted, so that what needs them says that, and not that they are
missing."""

from __future__ import annotations

import re
import typing as t

from .model import Doc, Map

_LINE = r"^{indent}{key}[ \t]*:[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9./_-]*)"


class Lost:
    """The refused documents of a unit, and the files that are refused as a whole, whatever they hold."""

    def __init__(self, docs: t.Iterable[Doc], files: t.Sequence[str] = ()) -> None:
        self._docs = [doc for doc in docs if doc.refusal and doc.kind]
        self._files = files

    def elsewhere(self, text: str) -> str:
        """What is said of something that is missing, with the files in which it may be."""
        if not self._files:
            return text
        more = f" and {len(self._files) - 1} more files" if len(self._files) > 1 else ""
        return f"{text} It may be in {self._files[0]}{more}, refused as a whole."

    def find(self, kinds: t.Container[str], names: t.Container[str] = ()) -> Doc | None:
        """A document of one of these kinds, with one of these names if there are some."""
        for doc in self._docs:
            if doc.kind in kinds and (not names or doc.name in names):
                return doc
        return None


def told(doc: Doc) -> str:
    """What became of a document, and where that is said."""
    return f"{doc.title} is refused ({doc.file}, line {doc.refusal.line if doc.refusal else doc.line})"


def guessed(text: str, place: tuple[int, int]) -> Map:
    """What a text that cannot be read seems to be: its version, kind, name and namespace."""
    value = Map(place)
    for key in ("apiVersion", "kind"):
        found = re.search(_LINE.format(indent="", key=key), text, re.MULTILINE)
        if found:
            value[key] = found.group(1)
    block = re.search(r"^metadata[ \t]*:(.*(?:\n(?:[ \t].*|#.*)?)*)", text, re.MULTILINE)
    meta = Map(place)
    inside = block.group(1) if block else ""
    for key in ("name", "namespace"):
        found = re.search(_LINE.format(indent=r"(?:[ \t]+|.*[{,][ \t]*)", key=key), inside, re.MULTILINE)
        if found:
            meta[key] = found.group(1)
    if meta and "kind" in value:
        value["metadata"] = meta
    return value
