# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of figures that tools/bench writes: a head about the machine, and a section for each measurement."""

from __future__ import annotations

import re
import typing as t

HEADING = "## "
DAY = re.compile(r"\d{4}-\d\d-\d\d")
MEASURED = re.compile(r"Measured on ([-\d]+)\.\n*")


def page(head: t.Sequence[str], measured: t.Sequence[str], today: str, earlier: str = "") -> str:
    """The whole page: the head, what was measured today, and the sections of an earlier page that were not.

    They keep their places. A section of another day than the head's says on which.
    """
    sections = split("\n".join(measured))[1]
    old_head, old = split(earlier)
    found = DAY.search(old_head)
    kept = {title: dated(text, found[0] if found else "", today) for title, text in old.items()}
    parts = ["\n".join(head), *{**kept, **sections}.values()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def split(text: str) -> tuple[str, dict[str, str]]:
    """What comes before the first section, and the sections by their headings."""
    head, *rest = re.split(rf"^(?={HEADING})", text, flags=re.M)
    return head, {part.partition("\n")[0]: part for part in rest}


def dated(section: str, day: str, today: str) -> str:
    """A section that says when it was measured, where that was not today; ``day`` is when, unless it says so itself."""
    title, _newline, body = section.partition("\n")
    body = body.strip()
    told = MEASURED.match(body)
    if told is not None:
        day, body = told[1], body[told.end() :]
    said = [f"Measured on {day}."] if day not in ("", today) else []
    return "\n\n".join([title, *said, body])
