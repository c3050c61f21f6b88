# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a user wrote, value by value, and says in one sentence which of them is wrong and why."""

from __future__ import annotations

import difflib
import json
import re
import typing as t

from ..._observe.errors import CheckError

T = t.TypeVar("T")


class Reader:
    """One mapping of the input, read key by key; knows where it is, to say so."""

    def __init__(self, value: object, where: str, allowed: t.Sequence[str], title: str) -> None:
        self.where = where
        self.title = title
        if not isinstance(value, t.Mapping):
            raise self.error("", f"must be a mapping with any of {names(allowed)}, not {shown(value)}")
        self.value: t.Mapping[t.Any, t.Any] = value
        for key in value:
            if key not in allowed:
                close = difflib.get_close_matches(str(key), allowed, n=1)
                meant = f"did you mean {close[0]}? " if close else ""
                raise self.error(str(key), f"is not known: {meant}allowed here: {names(allowed)}")

    def error(self, key: str, problem: str) -> CheckError:
        path = " ".join(".".join(part for part in (self.where, str(key)) if part).split())
        return CheckError(f"{self.title}: {path} {problem}." if path else f"{self.title} {problem}.")

    def has(self, key: str) -> bool:
        return self.value.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.value.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or str(value) == "":
            raise self.error(key, f"must be a string, not {shown(value)}")
        return str(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.value.get(key, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "yes", "false", "no"):  # a rendered Jinja2 template
            return value.lower() in ("true", "yes")
        raise self.error(key, f"must be true or false, not {shown(value)}")

    def number(self, key: str, least: float, most: float) -> float | None:
        value = self.value.get(key)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool) else None
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or not least <= number <= most:
            raise self.error(key, f"must be a number from {least:g} to {most:g}, not {shown(value)}")
        return number

    def whole(self, key: str, least: int, most: int) -> int | None:
        number = self.number(key, least, most)
        if number is None:
            return None
        if number != int(number):
            raise self.error(key, f"must be a whole number, not {shown(self.value[key])}")
        return int(number)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.value.get(key)
        if value is None:
            return ()
        values = value if isinstance(value, (list, tuple)) else [value]
        if not values or any(isinstance(v, (t.Mapping, list, bool)) or v is None or str(v) == "" for v in values):
            raise self.error(key, f"must be a string or a list of strings, not {shown(value)}")
        return tuple(str(v) for v in values)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        value = self.value.get(key)
        if value is None:
            return ()
        if not isinstance(value, t.Mapping):
            raise self.error(key, f"must be a mapping of names to strings, not {shown(value)}")
        for name, content in value.items():
            if content is None or isinstance(content, (t.Mapping, list)):
                raise self.error(f"{key}.{name}", f"must be a string, not {shown(content)}")
            if re.search(r"[\r\n]", f"{name}{content}"):
                raise self.error(f"{key}.{name}", "must not contain a line break")
        return tuple((str(name), plain(content)) for name, content in value.items())


def plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def names(allowed: t.Sequence[str]) -> str:
    return ", ".join(allowed)


def shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def default_to(value: T | None, default: T) -> T:
    return default if value is None else value


def percent(value: float | None) -> float | None:
    return None if value is None else value / 100.0
