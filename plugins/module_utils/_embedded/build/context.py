# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a build reads and writes, and how it runs its commands."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import typing as t

from .failures import BuildError, explain
from .parts import BOOKINFO_APP
from .steps import Planned, Step

#: Mounts and processes of the command vanish with it, however it ends.
CONTAINED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--")

_PR_SET_PDEATHSIG = 1


class Context:
    """The places of a build: the cache, the role's files, Bookinfo's programs, and the current step's log.

    Raises BuildError where a command fails.
    """

    def __init__(self, cache: str, source: str, bookinfo: str) -> None:
        self.cache = os.path.abspath(cache)
        self.source = os.path.abspath(source)
        self.bookinfo = os.path.abspath(bookinfo)
        self.planned: dict[str, Planned] = {}
        self.log = os.devnull

    def place(self, name: str) -> str:
        """Path of an input."""
        return self.bookinfo if name == BOOKINFO_APP else os.path.join(self.source, name)

    def result_of(self, step: str, inside: str = "") -> str:
        """Path of the result of a planned step, or of a file in it."""
        return os.path.join(self.cache, self.planned[step].target, inside).rstrip("/")

    def run(
        self,
        title: str,
        command: t.Sequence[str],
        cwd: str | None = None,
        environment: t.Mapping[str, str] | None = None,
    ) -> str:
        """Run a command with its output in the step's log. Returns what it printed."""
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            start = log.tell()
            try:
                process = subprocess.Popen(
                    list(command),
                    cwd=cwd,
                    env={**os.environ, "PATH": search_path(), "LC_ALL": "C.UTF-8", **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=_death_with_parent(),
                    process_group=0,
                )
            except FileNotFoundError as error:
                raise BuildError(
                    f"{title} was not built: {command[0]} was not found; install it with apt-get."
                ) from error
            try:
                code = process.wait()
            except BaseException:  # a signal ends the module, and its build with all of its processes
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        with open(self.log, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            output = log.read()
        if code != 0:
            cause, remedy = explain("\n".join(output.splitlines()[-40:]), self.cache)
            raise BuildError(f"{title} was not built: {cause}; {remedy} (log: {self.log}).")
        return output


def missing_tools(steps: t.Iterable[Step]) -> list[str]:
    """Names of the programs that these steps call and that this machine lacks."""
    return sorted({tool for step in steps for tool in step.tools if not shutil.which(tool, path=search_path())})


def search_path() -> str:
    """PATH with the folders of system programs, which a user's PATH lacks on Debian."""
    return os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"


def _death_with_parent() -> t.Callable[[], None]:
    """What the child runs first, so that a build does not outlive a module that is killed.

    All that it needs is loaded here: the module has a thread, whose locks nobody would release in the child.
    """
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
