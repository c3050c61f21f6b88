# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends in the text what slides and wikis do to YAML, where one reading is possible."""

from __future__ import annotations

import re
import typing as t

from .fields import accepts
from .model import Map, Note, Refused
from .reader import Doubled, parse

_ARROW = re.compile(r"[ \t]*[\u2190-\u21ff\u27f0-\u27ff\u2b05-\u2b0d\u25c0\u25c4]+[ \t]*(?=\r?$)", re.MULTILINE)
_DASHES = re.compile(r"^[ \t]+---[ \t]*(?=\r?$)", re.MULTILINE)
_TOP = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*(?:apiVersion|kind)[ \t]*:")
_KEY = re.compile(r"^( *)((?:- +)*)([^\s#'\"\[{][^:]*:(?=\s|$))?")
_MAX_REPAIRS = 8
_MAX_TRIES = 64
_MAX_LINES = 2000


def has_arrow(text: str) -> bool:
    """Whether an arrow ends a line."""
    return bool(_ARROW.search(text))


def mend_separators(text: str) -> tuple[str, list[Note]]:
    """Puts a separator into the first column where a document begins after it."""
    notes: list[Note] = []

    def mend(match: re.Match[str]) -> str:
        before = text[: match.start()].rpartition("\n---")[2]
        if not _TOP.match(text, match.end() + len(text[match.end() : match.end() + 2].split("\n")[0]) + 1):
            return match.group()
        if not re.search(r"^apiVersion[ \t]*:", before, re.MULTILINE):
            return match.group()
        line = text.count("\n", 0, match.start()) + 1
        column = match.group().index("---") + 1
        notes.append(Note("The separator is moved to the first column.", "", line, column))
        return "---"

    return _DASHES.sub(mend, text), notes


def mend(chunk: str, first_line: int) -> tuple[str, Map, list[Note]]:
    """The text of a broken document with its slips mended, the document, and what was done.

    :raises Refused: the original error, if there is no reading or more than one
    """
    notes: list[Note] = []

    def drop(match: re.Match[str]) -> str:
        line = chunk.count("\n", 0, match.start()) + first_line
        column = match.start() - (chunk.rfind("\n", 0, match.start()) + 1) + 1
        notes.append(Note(f"The arrow {match.group().strip()} is dropped.", "", line, column))
        return ""

    text = _ARROW.sub(drop, chunk)
    text, doubled = _without_doubled(text, first_line)
    notes += doubled
    try:
        value = parse(text, first_line)
    except Refused as first:
        if text.count("\n") > _MAX_LINES:
            raise
        readings = _readings(text, first_line)
        values = {repr(value) for _text, value, _notes in readings}
        if len(values) != 1:
            raise first
        text, value, moved = readings[0]
        notes += moved
    if not isinstance(value, Map):
        raise Refused("the document is not a mapping; it needs apiVersion, kind and metadata.", place=(first_line, 1))
    return text, value, notes


def _without_doubled(text: str, first_line: int) -> tuple[str, list[Note]]:
    """The text with keys emptied that stand in one mapping twice with one value; the lines stay where they are."""
    notes: list[Note] = []
    text += "" if text.endswith("\n") else "\n"  # or the last value would end on its own line
    while len(notes) < _MAX_REPAIRS:
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
                Note(f"{why.field} is there twice with one value; the second is dropped.", why.field, *why.place)
            )
        except Refused:
            break
        else:
            break
    return text, notes


def _readings(text: str, first_line: int) -> list[tuple[str, Map, list[Note]]]:
    """All ways to shift lines such that the text is YAML and each field is where its kind has it."""
    found: list[tuple[str, Map, list[Note]]] = []
    todo: list[tuple[str, list[Note]]] = [(text, [])]
    tries = 0
    while todo and tries < _MAX_TRIES:
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
