# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of documents in the form of JSON, from whatever source: a text, a playbook, a lab."""

from __future__ import annotations

import math
import typing as t

from .sources import DocumentError
from .text import DEEPEST

MOST_VALUES = 1_000_000
"""Values of one set of documents. The largest known sets, with every CustomResourceDefinition of Istio, have 50 000."""

_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def type_name(value: t.Any) -> str:
    """What a value is, for messages: an object, a list, a text, a number, a boolean, null."""
    if value is None:
        return "null"
    return next((name for kind, name in _NAMES.items() if isinstance(value, kind)), f"a value of type {_type(value)}")


def _type(value: t.Any) -> str:
    return type(value).__name__


def plain(value: t.Any, what: str = "the definitions") -> t.Any:
    """A copy of the value that consists of JSON's types alone; keys that are numbers or booleans become text.

    Raises DocumentError, which names `what` and the path in it, for what JSON has no form for (bytes, dates, sets, not
    a number), for halves of surrogate pairs, and for a value that is nested too deep, contains itself, or is too large.
    """
    return _Copy(what).of(value, ())


class _Copy:
    def __init__(self, what: str) -> None:
        self._what = what
        self._left = MOST_VALUES

    def of(self, value: t.Any, path: tuple[t.Any, ...]) -> t.Any:
        self._left -= 1
        if self._left < 0:
            raise DocumentError(f"{self._what} hold more than {MOST_VALUES} values; apply them in parts.")
        if isinstance(value, str):
            return self._text(value, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self._number(value, path)
        if not isinstance(value, (dict, list)):
            self._refuse(path, f"is of type {_type(value)}, which JSON cannot express; write it as text.")
        if len(path) >= DEEPEST:
            raise DocumentError(
                f"{self._what} nest more than {DEEPEST} levels, or contain themselves through an alias; flatten them."
            )
        if isinstance(value, list):
            return [self.of(item, (*path, number)) for number, item in enumerate(value)]
        copied: dict[str, t.Any] = {}
        for key, item in value.items():
            name = self._key(key, path)
            if name in copied:
                self._refuse(path, f"has the key {name} twice, once as text; keep one of the two.")
            copied[name] = self.of(item, (*path, name))
        return copied

    def _text(self, value: str, path: tuple[t.Any, ...]) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            self._refuse(path, "holds half of a surrogate pair, which is not a character; correct it.")
        return str(value)

    def _number(self, value: float, path: tuple[t.Any, ...]) -> t.Any:
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(path, "is not a finite number, which JSON cannot express; correct it.")
        if isinstance(value, int) and value.bit_length() > 64:
            self._refuse(path, "is a number of more than 64 bits, which no field takes; correct it, or quote it.")
        return value

    def _key(self, key: t.Any, path: tuple[t.Any, ...]) -> str:
        if isinstance(key, str):
            return self._text(key, path)
        if isinstance(key, bool):
            return "true" if key else "false"
        if not isinstance(key, (int, float)):
            self._refuse(path, f"has a key of type {_type(key)}; a key must be text.")
        return str(self._number(key, path))

    def _refuse(self, path: tuple[t.Any, ...], why: str) -> t.NoReturn:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        shown = place.lstrip(".").encode("utf-8", "replace").decode()
        raise DocumentError(f"{self._what}: {shown} {why}" if shown else f"{self._what}: the value {why}")
