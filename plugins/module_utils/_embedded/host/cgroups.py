# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Control groups of the host, on cgroup v1 and v2 alike."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from pathlib import Path

from ..layout import EmbeddedError

_CGROUPS = Path("/sys/fs/cgroup")


def cgroup_directories(cgroup: str) -> list[Path]:
    """Directories of a cgroup: one on cgroup v2, one per hierarchy on v1."""
    relative = cgroup.lstrip("/")
    candidates = [_CGROUPS / relative]
    if not (_CGROUPS / "cgroup.controllers").exists():
        # Links such as cpu -> cpu,cpuacct name the same hierarchy twice.
        candidates += [entry / relative for entry in _CGROUPS.iterdir() if entry.is_dir() and not entry.is_symlink()]
    return [directory for directory in candidates if directory.is_dir()]


def has_processes(cgroup: str) -> bool:
    """Whether a process runs in a cgroup or beneath it."""
    return any(
        _processes(Path(where))
        for directory in cgroup_directories(cgroup)
        for where, _subdirectories, _files in os.walk(directory)
    )


def remove_cgroup(cgroup: str, *, timeout: float = 30.0) -> bool:
    """Kill every process in a cgroup and beneath it, then remove it from all hierarchies.

    Returns whether it was there. Raises EmbeddedError where processes outlive the timeout in seconds."""
    directories = cgroup_directories(cgroup)
    if not directories:
        return False
    deadline = time.monotonic() + timeout
    while True:
        left = False
        for directory in directories:
            for where, _subdirectories, _files in os.walk(directory, topdown=False):
                for pid in _processes(Path(where)):
                    left = True
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                try:
                    Path(where).rmdir()
                except FileNotFoundError:
                    continue
                except OSError as exc:
                    if exc.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                        raise
                    left = True
        if not left:
            return True
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Processes of the cgroup {cgroup} do not end: restart the machine, then rerun.")
        # A killed process leaves its cgroup when the kernel has cleaned it up, which nothing reports.
        time.sleep(0.05)


def _processes(directory: Path) -> list[int]:
    try:
        return [int(line) for line in (directory / "cgroup.procs").read_text().split()]
    except OSError:
        return []
