# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a YAML text would grow to, known from its events, before anything of it is built.

An alias stands for all that its anchor holds, so a text of 1 KB can describe more than any machine has memory for; and
PyYAML builds nested values with a function that calls itself, which ends the process where the nesting is deep.
"""

from __future__ import annotations

import typing as t

_GROWTH = 10  # A longer text is taken as well, if its aliases make little of its length.


class GrowthError(Exception):
    """A text that would grow too large; the message is the line and what is wrong there."""


def check_growth(text: str | bytes, loader: t.Any, *, deepest: int, longest: int) -> None:
    """Raises GrowthError for a text that nests too deep, contains itself, or grows too long by its aliases.

    `deepest` is how many levels may be nested. `longest` is how many characters a text may have with its aliases
    replaced by what they stand for. Raises YAMLError for what is not YAML.
    """
    import yaml  # only texts need it

    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    total = line = 0
    for event in yaml.parse(text, Loader=loader):
        anchor = getattr(event, "anchor", None)
        line = event.start_mark.line + 1 if event.start_mark else line
        if isinstance(event, yaml.DocumentStartEvent):
            sizes = {}
        elif isinstance(event, yaml.AliasEvent):
            if any(name == anchor for name, _begin in open_anchors):
                raise GrowthError(f"line {line}: the alias *{anchor} is within its own anchor; write the value out.")
            total += sizes.get(str(anchor), 0)
            if total > max(longest, _GROWTH * len(text)):
                raise GrowthError(
                    f"line {line}: with its aliases written out, the text is longer than {_size(longest)}; "
                    "use fewer aliases."
                )
        elif isinstance(event, yaml.ScalarEvent):
            total += len(event.value) + 1
            if anchor is not None:
                sizes[anchor] = len(event.value) + 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append((anchor, total))
            total += 1
            if len(open_anchors) > deepest:
                raise GrowthError(f"line {line}: more than {deepest} levels are nested; flatten them.")
        elif isinstance(event, yaml.CollectionEndEvent):
            name, begin = open_anchors.pop()
            if name is not None:
                sizes[name] = total - begin


def _size(characters: int) -> str:
    return f"{characters >> 20} MiB" if characters >= 2**20 else f"{characters >> 10} KiB"
