# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends in the text what slides and wikis do to YAML, where one reading is possible."""

from __future__ import annotations

import re
import typing as t

from .fields import accepts
from .model import Map, Note, Refused
from .reader import Doubled, Meter, parse

_RANGES = ((0x2190, 0x2200), (0x27F0, 0x2800), (0x2B05, 0x2B0E), (0x25C0, 0x25C1), (0x25C4, 0x25C5))
_ARROWS = "".join(chr(code) for first, end in _RANGES for code in range(first, end))
_HAS_ARROW = re.compile(f"[{_ARROWS}]")
_DASHES = re.compile(r"[ \t]+---[ \t]*$")
_TOP = re.compile(r"(?:apiVersion|kind)[ \t]*:")
_KEY = re.compile(r"^( *)((?:- +)*)([^\s#'\"\[{][^:]*:(?=\s|$))?")
_MAX_REPAIRS = 8
_MAX_TRIES = 64
_MAX_LINES = 2000
_MAX_FILE_LINES = 500_000
MAX_MENDED = 2_000_000


def has_arrow(text: str) -> bool:
    """Whether an arrow ends a line."""
    return bool(_HAS_ARROW.search(text)) and any(_without_arrow(line)[1] for line in text.split("\n"))


def _without_arrow(line: str) -> tuple[str, str]:
    """The line without the arrow at its end, and the arrow."""
    body = line.rstrip("\r \t")
    left = body.rstrip(_ARROWS)
    if left == body:
        return line, ""
    return left.rstrip(" \t") + ("\r" if line.endswith("\r") else ""), body[len(left) :]


def mend_separators(text: str) -> tuple[str, list[Note]]:
    """Puts a separator into the first column where a document ends before it and one begins after it."""
    notes: list[Note] = []
    lines = text.split("\n") if "---" in text and text.count("\n") < _MAX_FILE_LINES else []
    if not any("---" in line and _DASHES.match(line.rstrip("\r")) for line in lines):
        return text, notes
    in_document = False
    last = -1  # a line of dashes that counts if a document begins after it
    for index, line in enumerate(lines):
        if line.startswith("---"):
            in_document, last = False, -1
        elif "---" in line and _DASHES.match(line.rstrip("\r")):
            last = index if in_document else -1
        elif line.strip() and not line.lstrip().startswith("#"):
            begins = bool(_TOP.match(line))
            if begins and last >= 0:
                dashes = lines[last]
                notes.append(Note("The separator is moved to the first column.", "", last + 1, dashes.index("---") + 1))
                lines[last] = "---\r" if dashes.endswith("\r") else "---"
                in_document = False
            last = -1
            in_document = in_document or (begins and line.startswith("apiVersion"))
    return "\n".join(lines), notes


def mend(chunk: str, first_line: int, budget: Meter) -> tuple[str, Map, list[Note]]:
    """The text of a broken document with its slips mended, the document, and what was done.

    :param budget: how many characters may still be read for this
    :raises Refused: the original error, if there is no reading or more than one
    """
    notes: list[Note] = []
    lines = chunk.split("\n")
    for index, line in enumerate(lines):
        lines[index], arrow = _without_arrow(line)
        if arrow:
            column = len(lines[index].rstrip("\r")) + 1
            notes.append(Note(f"The arrow {arrow} is dropped.", "", first_line + index, column))
    text, doubled = _without_doubled("\n".join(lines), first_line, budget)
    notes += doubled
    try:
        value = parse(text, first_line)
    except Refused as first:
        if text.count("\n") > _MAX_LINES:
            raise
        readings = _readings(text, first_line, budget)
        values = {repr(value) for _text, value, _notes in readings}
        if len(values) != 1:
            raise first
        text, value, moved = readings[0]
        notes += moved
    if not isinstance(value, Map):
        raise Refused("the document is not a mapping; it needs apiVersion, kind and metadata.", place=(first_line, 1))
    return text, value, notes


def _without_doubled(text: str, first_line: int, budget: Meter) -> tuple[str, list[Note]]:
    """The text with keys emptied that stand in one mapping twice with one value; the lines stay where they are."""
    notes: list[Note] = []
    text += "" if text.endswith("\n") else "\n"  # or the last value would end on its own line
    while len(notes) < _MAX_REPAIRS and budget.spend(len(text)):
        try:
            parse(text, first_line)
        except Doubled as why:
            lines = text.split("\n")
            start, end = why.place[0] - first_line, why.end - first_line
            if not why.same or lines[start][: why.place[1] - 1].strip() or end <= start:
                break  # two values, or one line with more on it
            lines[start:end] = [line if line.lstrip().startswith("#") else "" for line in lines[start:end]]
            text = "\n".join(lines)
            notes.append(
                Note(f"{why.field} appears twice with one value; the second is dropped.", why.field, *why.place)
            )
        except Refused:
            break
        else:
            break
    return text, notes


def _readings(text: str, first_line: int, budget: Meter) -> list[tuple[str, Map, list[Note]]]:
    """All ways to shift lines such that the text is YAML and each field is where its kind has it."""
    found: list[tuple[str, Map, list[Note]]] = []
    todo: list[tuple[str, list[Note]]] = [(text, [])]
    tries = 0
    while todo and tries < _MAX_TRIES and budget.spend(len(text)):
        current, notes = todo.pop(0)
        tries += 1
        try:
            value = parse(current, first_line)
        except Refused as exc:
            if len(notes) < _MAX_REPAIRS:
                todo += [(shifted, [*notes, note]) for shifted, note in _shifts(current, exc, first_line)]
            continue
        if isinstance(value, Map) and accepts(value):
            found.append((current, value, notes))
    return [] if todo else found


def _shifts(text: str, fault: Refused, first_line: int) -> t.Iterator[tuple[str, Note]]:
    lines = text.split("\n")
    index = fault.place[0] - first_line
    if not 0 <= index < len(lines) or not lines[index].strip():
        return
    column = _indent(lines[index])
    end = index + 1
    while end < len(lines) and (_indent(lines[end]) > column or not _is_content(lines[end])):
        end += 1
    # A list may stand as deep as its key.
    if lines[index].rstrip().endswith(":") and "- " not in lines[index]:
        while end < len(lines) and (_indent(lines[end]) >= column + 1 or not _is_content(lines[end])):
            end += 1
    for target in sorted(_open_columns(lines[:index]), key=lambda other: abs(other - column)):
        if target == column or abs(target - column) > 4:
            continue
        by = target - column
        moved = [
            " " * max(0, _indent(line) + by) + line.lstrip(" ") if line.strip() else line for line in lines[index:end]
        ]
        key = lines[index].strip().split(":")[0].lstrip("- ")
        note = Note(
            f"The line is moved from column {column + 1} to {target + 1}, with what is beneath it.",
            key,
            index + first_line,
            column + 1,
        )
        yield "\n".join([*lines[:index], *moved, *lines[end:]]), note


def _open_columns(lines: list[str]) -> set[int]:
    """The columns in which a key or an item may go on after these lines."""
    columns: set[int] = set()
    limit = 1 << 30
    for line in reversed(lines):
        if not _is_content(line):
            continue
        match = _KEY.match(line)
        indent = _indent(line)
        if match is None or indent >= limit:
            continue
        limit = indent
        columns.add(indent)
        dashes = match.group(2)
        position = indent
        for _dash in re.findall(r"- +", dashes):
            position += len(_dash)
            columns.add(position)
    return columns


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
