# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module is doing, told line by line while it runs.

What a module prints arrives when its task ends. So it appends lines to a file that its action plugin made and reads.
"""

from __future__ import annotations

import collections
import os
import time
import typing as t

Json = dict[str, t.Any]


class Progress:
    """Appends lines to a file; without one, or where it cannot be written, it keeps silent."""

    def __init__(self, path: str | None) -> None:
        self._started = time.monotonic()
        self._file: int | None = None
        if path:
            try:
                # The file is there already: nothing is made at a path that somebody else chose.
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
            except OSError:
                self._file = None

    def say(self, text: str) -> None:
        """One line, with the time since the module began."""
        if self._file is not None:
            line = f"{time.monotonic() - self._started:6.1f} s  {' '.join(text.split(chr(10)))}\n"
            try:
                os.write(self._file, line.encode("utf-8", "replace"))  # one write: threads do not mix their lines
            except OSError:
                self._file = None

    def applied(self, results: t.Sequence[Json]) -> None:
        """Say how many objects were created, changed and so on."""
        self.say(tally(results))

    def waiting(self, check: t.Mapping[str, t.Any]) -> None:
        """Say what is still wrong with a check that is asked again; its name says what it expects."""
        self.say(f"waiting {check['name']}: so far {check['observed']}")

    def verdict(self, result: t.Mapping[str, t.Any]) -> None:
        """Say what a check has shown."""
        self.say(verdict_line(result))


def tally(results: t.Sequence[Json]) -> str:
    """The objects of a report in numbers."""
    counts = collections.Counter(str(one["action"]).replace("_", " ") for one in results)
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "nothing to apply"


def verdict_line(result: t.Mapping[str, t.Any]) -> str:
    """A verdict in one line. Why a check failed is told at the end, with the cause and the remedy."""
    return f"{'passed' if result['passed'] else 'FAILED'}  {result['name']}"
