# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that end early: killed with all that they have started, or interrupted."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
import typing as t
from pathlib import Path

# Seconds that an interrupted run may take to end where the machine has nothing else to do.
LIMIT = 3.0


def limit() -> float:
    """The same with what a busy machine adds."""
    return LIMIT * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def kill(process: subprocess.Popen[bytes]) -> None:
    """At once, with all that it has started: Ansible's workers are in sessions of their own."""
    if process.poll() is not None:
        return
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):  # ended meanwhile
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


@contextlib.contextmanager
def begun(ansible: t.Any, name: str, **options: t.Any) -> t.Iterator[subprocess.Popen[bytes]]:
    """A playbook that runs beside what follows, and not any longer."""
    process = ansible.begin(name, **options)
    try:
        yield process
    finally:
        kill(process)


class Told(t.NamedTuple):
    """What an interrupted run has said."""

    changes: list[str]
    text: str
    steps: dict[str, str]
    output: str


def read_told(output: str) -> Told:
    """The one report of an interruption, at the end of what a run has printed."""
    before, *reports = output.split("INTERRUPTED  ")
    assert len(reports) == 1, output
    assert "Traceback" not in output, output
    (report,) = reports
    changes = re.findall(r"^    ((?:created|changed|deleted) .*)$", report, flags=re.MULTILINE)
    steps = dict(re.findall(r"^  (To .*):\n    (.*)$", report, flags=re.MULTILINE))
    return Told(changes, " ".join(report.split()), steps, before)


def interrupt(process: subprocess.Popen[bytes], log: Path, signum: signal.Signals = signal.SIGINT) -> Told:
    """End a run by a signal; what it has said. All of its processes end within that time.

    Ctrl-C in a terminal reaches ansible-playbook alone as well: its workers are in sessions of their own.
    """
    others = descendants(process.pid)
    until = time.monotonic() + limit()
    process.send_signal(signum)
    assert process.wait(60) != 0
    while any(is_running(pid) for pid in others):
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    assert time.monotonic() < until, log.read_text()
    return read_told(log.read_text())


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
