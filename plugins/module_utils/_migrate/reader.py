# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads YAML with positions, bounded before anything is expanded."""

from __future__ import annotations

import re
import sys
import typing as t

from .model import Map, Place, Refused, Seq

# What is read takes some thirty times as much memory.
MAX_FILE = 16 * 1024 * 1024
# A million values takes five seconds to read; a thousand documents take three seconds to convert.
MAX_FILE_DOCUMENTS = 5000
MAX_FILE_NODES = 500_000
# etcd takes requests of 1.5 MiB, so no API server holds a larger object.
MAX_DOCUMENT = 1536 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 64

_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!%|\.\.\.)[ \t\r\f\v]*[^\s#]", re.MULTILINE)
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_INT = re.compile(r"0x[0-9a-fA-F]+|0[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_BOOL = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NULL = ("", "~", "null", "Null", "NULL")


class Meter:
    """How much may still be done for a file; so a hostile one cannot take minutes."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, amount: int) -> bool:
        """Whether there was enough for this."""
        self.left -= amount
        return self.left >= 0


class Doubled(Refused):
    """A key that appears twice in a mapping."""

    def __init__(self, key: str, place: Place, *, same: bool, end: int) -> None:
        """
        :param same: whether it has the same value both times
        :param end: the line before which the second value ends
        """
        said = "the same value" if same else "another value"
        super().__init__(f"the key {key} appears twice, with {said}; keep one of them.", key, place)
        self.same = same
        self.end = end


def read_bytes(data: bytes) -> str:
    """The text of a file.

    :raises Refused: if it is too large, binary, or not UTF-8
    """
    if len(data) > MAX_FILE:
        raise Refused(f"the file has {len(data) >> 20} MiB, more than {MAX_FILE >> 20}; split it.")
    if b"\0" in data:
        raise Refused("the file is binary, not YAML; leave it out.")
    try:
        return data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise Refused("the file is not UTF-8 text; convert it.", place=(line, 1)) from exc


def split(text: str) -> list[tuple[int, str]]:
    """The documents of a text with the line that each begins on; joined they are the text again."""
    starts = [match.start() for match in _SEPARATOR.finditer(text)]
    if not starts or text[: starts[0]].strip():
        starts.insert(0, 0)
    elif starts[0]:
        starts[0] = 0
    chunks = []
    line = 1
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        chunk = text[start:end]
        chunks.append((line, chunk))
        line += chunk.count("\n")
    return chunks


def is_empty(chunk: str) -> bool:
    """Whether there are only comments, separators and directives."""
    return not _CONTENT.search(_SEPARATOR.sub("", chunk))


def parse(chunk: str, first_line: int = 1, nodes: Meter | None = None) -> t.Any:
    """One document as Map, Seq and scalars.

    :param nodes: how many values the file may still have
    :raises Refused: if it is not YAML, too large, too deep, or its aliases stand for too much
    """
    import yaml  # only where something is read

    if len(chunk) > MAX_DOCUMENT:
        raise Refused(
            f"the document has {len(chunk) >> 10} KiB; no API server takes more than {MAX_DOCUMENT >> 10}. Split it.",
            place=(first_line, 1),
        )
    loader: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml.parse(chunk, Loader=loader), first_line - 1, nodes).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = (mark.line + first_line, mark.column + 1) if mark is not None else (first_line, 1)
        problem = " ".join(str(exc.problem or exc.context).split())
        raise Refused(f"not valid YAML: {problem}.", place=place) from exc
    except yaml.YAMLError as exc:
        raise Refused(f"not valid YAML: {' '.join(str(exc).split())}.", place=(first_line, 1)) from exc
    except (ValueError, OverflowError) as exc:
        raise Refused(f"not valid YAML: {exc}.", place=(first_line, 1)) from exc


class _Composer:
    """Makes a tree of parser events, without recursion into aliases."""

    def __init__(self, events: t.Iterator[t.Any], offset: int, nodes: Meter | None) -> None:
        self._events = events
        self._left = nodes
        self._offset = offset
        self._anchors: dict[str, tuple[t.Any, int]] = {}
        self._places: dict[Place, Place] = {}
        self._nodes = 0

    def document(self) -> t.Any:
        found: list[t.Any] = []
        for event in self._events:
            name = type(event).__name__
            if name in ("StreamStartEvent", "DocumentStartEvent", "DocumentEndEvent", "StreamEndEvent"):
                continue
            found.append(self._node(event, 0)[0])
        if len(found) > 1:
            raise Refused("the document is followed by another without a line of three dashes.")
        return found[0] if found else None

    def _place(self, event: t.Any) -> Place:
        place = (event.start_mark.line + 1 + self._offset, event.start_mark.column + 1)
        return self._places.setdefault(place, place)  # a mapping stands where its first key does

    def _count(self, number: int, place: Place) -> None:
        self._nodes += number
        if self._left is not None and not self._left.spend(number):
            raise Refused(f"the file has more than {MAX_FILE_NODES} values; split it.", place=place)
        if self._nodes > MAX_NODES:
            raise Refused(
                f"the document stands for more than {MAX_NODES} values, as its aliases are repeated; write it out.",
                place=place,
            )

    def _node(self, event: t.Any, depth: int) -> tuple[t.Any, int]:
        place = self._place(event)
        self._count(1, place)
        if depth > MAX_DEPTH:
            raise Refused(f"the document is nested more than {MAX_DEPTH} levels deep.", place=place)
        name = type(event).__name__
        if name == "AliasEvent":
            if event.anchor not in self._anchors:
                raise Refused(f"not valid YAML: the alias {event.anchor} stands for nothing before it.", place=place)
            value, size = self._anchors[event.anchor]
            self._count(size, place)
            return value, size
        before = self._nodes
        if name == "ScalarEvent":
            value = _scalar(event)
        elif name == "SequenceStartEvent":
            value = self._sequence(place, depth)
        else:
            value = self._mapping(place, depth)
        size = self._nodes - before + 1
        if event.anchor:
            self._anchors[event.anchor] = (value, size)
        return value, size

    def _sequence(self, place: Place, depth: int) -> Seq:
        seq = Seq(place)
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            seq.add(self._node(event, depth + 1)[0], self._place(event))
        return seq

    def _mapping(self, place: Place, depth: int) -> Map:
        found = Map(place)
        merged: list[Map] = []
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                break
            at = self._place(event)
            if type(event).__name__ != "ScalarEvent":
                raise Refused("a key is not a string; is the file a template? Render it first.", place=at)
            self._count(1, at)
            key = sys.intern(str(event.value))
            value = self._node(next(self._events), depth + 1)[0]
            if key == "<<" and event.implicit[0]:
                merged.extend(item for item in (value if isinstance(value, Seq) else [value]) if isinstance(item, Map))
                continue
            if key in found:
                following = next(self._events).start_mark.line + 1 + self._offset
                raise Doubled(key, at, same=repr(found[key]) == repr(value), end=following)
            found[key] = value
            found.at[key] = at
        for source in merged:
            for key, value in source.items():
                if key not in found:
                    found[key] = value
                    found.at[key] = source.at.get(key, place)
        return found


def _scalar(event: t.Any) -> t.Any:
    """A scalar as Kubernetes reads it: no dates, no base 60."""
    text = str(event.value)
    if event.tag == "tag:yaml.org,2002:str" or not event.implicit[0]:
        return text
    if text in _NULL:
        return None
    if len(text) <= 5 and text.lower() in _BOOL and text in (text.lower(), text.upper(), text.capitalize()):
        return _BOOL[text.lower()]
    if len(text) <= 25:
        if _INT.fullmatch(text):
            return int(text)
        if _OTHER_INT.fullmatch(text):
            return int(text, 16 if text[1] == "x" else 8)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text
