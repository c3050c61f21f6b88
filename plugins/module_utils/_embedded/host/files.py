# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, locks and mounts of the host."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import typing as t
from pathlib import Path

from ..layout import EmbeddedError
from .commands import run


@contextlib.contextmanager
def lock(path: Path) -> t.Iterator[None]:
    """Hold a lock; the kernel frees it when the process ends."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = path.open("w")
        except FileNotFoundError:  # the last cluster's teardown has just removed the directory
            continue
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # A teardown that held the lock has removed the file; a lock on a removed file excludes nobody.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                    yield
                    return


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file atomically; it is never readable by more than `mode` allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    temporary.chmod(mode)
    temporary.replace(path)


def read(path: Path) -> str | None:
    """Text of a file; None where there is none."""
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


def mounts_below(mountinfo: str, directory: Path) -> list[str]:
    """Mount points at or beneath a directory, innermost first, from the text of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        if len(line.split()) > 4:
            point = _mount_point(line)
            if Path(point) == directory or directory in Path(point).parents:
                found.append(point)
    return sorted(found, key=len, reverse=True)


def file_system(folder: str, mountinfo: str = "/proc/self/mountinfo") -> str:
    """Kind of the file system that a folder is or would be on, such as ext4."""
    kinds: dict[str, str] = {}
    with open(mountinfo, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            left, _dash, right = line.partition(" - ")
            # Of two mounts at one place, the later one is visible.
            kinds[_mount_point(left).rstrip("/")] = right.split()[0]
    place = os.path.realpath(folder)
    while place.rstrip("/") not in kinds and place != "/":
        place = os.path.dirname(place)
    return kinds.get(place.rstrip("/"), "")


def _mount_point(line: str) -> str:
    """Mount point in a line of /proc/self/mountinfo, where space, tab, newline and backslash are octal (proc(5))."""
    return line.split()[4].encode().decode("unicode_escape")


def remove_tree(directory: Path) -> bool:
    """Remove a directory with all in it. Mounts are unmounted first, so their content stays."""
    if not os.path.lexists(directory):
        return False
    for point in mounts_below(Path("/proc/self/mountinfo").read_text(), directory):
        run(["umount", "--lazy", point], check=False)
    if mounts_below(Path("/proc/self/mountinfo").read_text(), directory):
        raise EmbeddedError(
            f"Something is mounted beneath {directory} and cannot be unmounted: unmount it, then rerun."
        )
    shutil.rmtree(directory)
    return True


def remove_entries(directory: Path, patterns: t.Sequence[str]) -> None:
    """Remove the entries of a directory that match. Raises EmbeddedError, and removes none, where one has a mount."""
    entries = matching(directory, patterns)
    mountinfo = Path("/proc/self/mountinfo").read_text()
    for entry in entries:
        for point in mounts_below(mountinfo, entry):
            raise EmbeddedError(f"{entry} was not removed, because {point} is mounted there: unmount it, then rerun.")
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def matching(directory: Path, patterns: t.Sequence[str]) -> list[Path]:
    """Entries of a directory that match any of the patterns."""
    return sorted({entry for pattern in patterns for entry in directory.glob(pattern)})


def remove_if_empty(directory: Path) -> None:
    """Remove a directory unless it has content, is a link or is in use."""
    try:
        directory.rmdir()
    except OSError as exc:
        # A cgroup that holds another one, and a place where something is mounted, answer EBUSY; a link ENOTDIR.
        if exc.errno not in (errno.ENOTEMPTY, errno.ENOENT, errno.EEXIST, errno.EBUSY, errno.ENOTDIR):
            raise
