# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run programs of the host."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ..layout import EmbeddedError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandError(Exception):
    """A command failed; `said` is the last line that it printed."""

    def __init__(self, argv: t.Sequence[str], code: int, said: str) -> None:
        super().__init__(f"{argv[0]} ended with {code}: {said}")
        self.argv = list(argv)
        self.code = code
        self.said = said


def run(
    argv: t.Sequence[str],
    *,
    timeout: float = 60.0,
    stdin: t.IO[bytes] | None = None,
    check: bool = True,
    output: t.IO[bytes] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command of the host, and return what it printed unless `output` takes it.

    `output` is for a command whose children outlive it. Raises CommandError where the command fails (unless not
    `check`) or exceeds `timeout` seconds, and EmbeddedError where it is missing."""
    try:
        done = subprocess.run(
            list(argv),
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=output if output is not None else subprocess.PIPE,
            stderr=output if output is not None else subprocess.PIPE,
            timeout=timeout,
            check=False,
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
            text=True,
            errors="replace",
        )
    except FileNotFoundError as exc:
        raise EmbeddedError(
            f"The program {argv[0]} is missing on this machine: install the package that has it (runc, iproute2)."
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise CommandError(argv, -1, f"it did not end within {timeout:.0f} s") from exc
    if check and done.returncode != 0:
        said = [line for line in f"{done.stdout or ''}\n{done.stderr or ''}".splitlines() if line.strip()]
        raise CommandError(argv, done.returncode, said[-1].strip() if said else "no message")
    return done
