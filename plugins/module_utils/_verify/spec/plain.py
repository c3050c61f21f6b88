# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses what JSON cannot hold, before anything of a check is looked at: then nothing further on has to expect it."""

from __future__ import annotations

import typing as t

from ..._observe.errors import CheckError

DEEPEST = 50
LARGEST = 10**18


def refuse_unusual(value: object, title: str) -> None:
    """Raises CheckError, with the path, for values other than mappings, lists, texts, numbers, truths and null."""
    _look(value, title, (), ())


def _look(value: object, title: str, path: tuple[str, ...], within: tuple[int, ...]) -> None:
    problem = _problem(value, within)
    if problem:
        raise CheckError(f"{title}: {'.'.join(path) + ' ' if path else ''}{problem}.")
    inside = (*within, id(value))
    if isinstance(value, t.Mapping):
        for key, content in value.items():
            name = " ".join(str(key).split())[:60] if not _problem(key, ()) else "a key"
            _look(key, title, (*path, f"the key {name}"), inside)
            _look(content, title, (*path, name), inside)
    elif isinstance(value, (list, tuple)):
        for number, content in enumerate(value):
            _look(content, title, (*path, str(number)), inside)


def _problem(value: object, within: tuple[int, ...]) -> str:
    if id(value) in within:
        return "contains itself: an alias in the YAML refers to what it is a part of"
    if len(within) > DEEPEST:
        return f"is nested more than {DEEPEST} deep"
    if isinstance(value, (bytes, bytearray)):
        return "is binary (!!binary in YAML), not text"
    if isinstance(value, str):
        return (
            "" if value.isascii() or _is_unicode(value) else "holds half of a surrogate pair, which is not a character"
        )
    if isinstance(value, int):  # a truth is one as well
        return "" if abs(value) <= LARGEST else "is a number of more than 18 digits"
    if value is None or isinstance(value, (float, list, tuple, t.Mapping)):
        return ""
    return f"is a {type(value).__name__}, which is neither a string nor a number: put it in quotes"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
