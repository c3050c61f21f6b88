# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of a `kind: List`, each with its own lines of the text, so that its comments stay with it."""

from __future__ import annotations

import typing as t

from .model import Map, Place, Refused, Seq, place_of
from .reader import parse

_SET_BY_SERVER = ("resourceVersion", "selfLink", "continue", "remainingItemCount")


class Item(t.NamedTuple):
    """A document of a List: its place, and its text, which is empty where it has no lines of its own."""

    value: Map
    place: Place
    text: str


def is_list(value: Map) -> bool:
    """Whether a document only holds others."""
    return str(value.get("kind") or "").endswith("List") and isinstance(value.get("items"), Seq)


def items_of(value: Map, text: str, first_line: int) -> list[Item]:
    """The documents of a List and of the Lists in it.

    :param text: the text that the List was read from
    :param first_line: the line that the text begins on
    :raises Refused: if one of them is not a document
    """
    return list(_items(value, text.split("\n"), first_line))


def left_out(value: Map) -> list[str]:
    """What a List says of itself; its items are written as documents of their own, so that has no place."""
    meta = value.get("metadata")
    fields = [f"metadata.{key}" for key in meta if key not in _SET_BY_SERVER] if isinstance(meta, Map) else []
    return [*fields, *(key for key in value if key not in ("apiVersion", "kind", "metadata", "items"))]


def _items(value: Map, lines: list[str], first_line: int) -> t.Iterator[Item]:
    items: Seq = value["items"]
    begin = value.at["items"][0] - first_line
    end = min((at[0] - first_line for at in value.at.values() if at[0] - first_line > begin), default=len(lines))
    starts = [place_of(items, index)[0] - first_line for index in range(len(items))]
    for index, item in enumerate(items):
        place = place_of(items, index)
        if not isinstance(item, Map):
            raise Refused(f"items[{index}] is not a document.", f"items[{index}]", place)
        first = _trimmed(lines, begin + 1 if index == 0 else starts[index - 1] + 1, starts[index])
        last = end if index + 1 == len(items) else _trimmed(lines, starts[index] + 1, starts[index + 1])
        if is_list(item):
            yield from _items(item, lines, first_line)
            continue
        text = _own(lines[first:last], starts[index] - first, place[1] - 1, item)
        if not item.get("kind") and value["kind"] != "List":
            # A List of one kind may leave it out of its items.
            item["apiVersion"], item["kind"] = value.get("apiVersion"), str(value["kind"]).removesuffix("List")
            text = ""
        yield Item(item, place, text)


def _trimmed(lines: list[str], start: int, end: int) -> int:
    """The line that the comments and blank lines before another one begin on."""
    while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _own(lines: list[str], start: int, column: int, item: Map) -> str:
    """An item's lines without the List's margin; empty if they hold more than the item, or less."""
    if not 0 <= start < len(lines):
        return ""
    out = []
    for number, line in enumerate(lines):
        margin = line[:column]
        if number == start and not margin.strip("- "):
            out.append(line[column:])
        elif not margin.strip():
            out.append(line[column:] if line.strip() else line.strip(" "))
        elif line.lstrip().startswith("#"):
            out.append(line.lstrip())
        else:
            return ""
    text = "\n".join(out).rstrip("\n") + "\n"
    try:
        return text if parse(text) == item else ""
    except Refused:
        return ""
