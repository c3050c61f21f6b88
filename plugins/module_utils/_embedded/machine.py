# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as the embedded cluster uses it: commands, cgroups, mounts, locks. Thin; nothing is decided here."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

from .layout import EmbeddedError

_CGROUPS = Path("/sys/fs/cgroup")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandError(Exception):
    """A command failed; ``said`` is the last thing that it printed."""

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
    """Run a command of the host; its output goes to ``output`` where it outlives the call (a container's start)."""
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
        raise CommandError(argv, -1, f"no end within {timeout:.0f} s") from exc
    if check and done.returncode != 0:
        said = [line for line in f"{done.stdout or ''}\n{done.stderr or ''}".splitlines() if line.strip()]
        raise CommandError(argv, done.returncode, said[-1].strip() if said else "no message")
    return done


def addresses() -> list[dict[str, t.Any]]:
    answer = json.loads(run(["ip", "-j", "address"]).stdout or "[]")
    return t.cast("list[dict[str, t.Any]]", answer)


def routes() -> list[dict[str, t.Any]]:
    answer = json.loads(run(["ip", "-j", "-4", "route"]).stdout or "[]")
    return t.cast("list[dict[str, t.Any]]", answer)


def remove_link(link: str) -> bool:
    """Remove an interface; it may vanish meanwhile, as it does some time after its other end."""
    if not Path("/sys/class/net", link).exists():
        return False
    run(["ip", "link", "delete", link], check=False)
    return True


@contextlib.contextmanager
def lock(path: Path) -> t.Iterator[None]:
    """One run at a time; the kernel frees the lock of a process that died."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = path.open("w")
        except FileNotFoundError:  # the last cluster's teardown has just taken the directory along
            continue
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # The one who had it before may have removed the file (teardown): then this lock keeps nobody out.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                    yield
                    return


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that it is there whole or not at all, and never readable by more than ``mode`` allows."""
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
            # Of two that are mounted at one place, the later one is seen.
            kinds[_mount_point(left).rstrip("/")] = right.split()[0]
    place = os.path.realpath(folder)
    while place.rstrip("/") not in kinds and place != "/":
        place = os.path.dirname(place)
    return kinds.get(place.rstrip("/"), "")


def _mount_point(line: str) -> str:
    """Of a line of /proc/self/mountinfo; proc(5): space, tab, newline and backslash are written as octal numbers."""
    return line.split()[4].encode().decode("unicode_escape")


def remove_tree(directory: Path) -> bool:
    """Remove a directory and all in it; what is mounted there is unmounted first and never emptied."""
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
    """Remove what matches in a directory; refused as a whole where something is mounted on it or in it."""
    entries = matching(directory, patterns)
    mountinfo = Path("/proc/self/mountinfo").read_text()
    for entry in entries:
        for point in mounts_below(mountinfo, entry):
            raise EmbeddedError(f"{entry} is not removed, because {point} is mounted there: unmount it, then rerun.")
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def matching(directory: Path, patterns: t.Sequence[str]) -> list[Path]:
    """What is in a directory of that which the patterns describe."""
    return sorted({entry for pattern in patterns for entry in directory.glob(pattern)})


def remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError as exc:
        # A cgroup that holds another one, and a place where something is mounted, answer EBUSY; a link ENOTDIR.
        if exc.errno not in (errno.ENOTEMPTY, errno.ENOENT, errno.EEXIST, errno.EBUSY, errno.ENOTDIR):
            raise


def refuse_taken(address: str, port: int) -> None:
    """Refuse an address and port that no program of ours could listen on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Envoy does: connections of an earlier listener that linger are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                cause, remedy = "is taken by another program", "stop that, or choose another port"
            elif exc.errno == errno.EADDRNOTAVAIL:
                cause, remedy = "is on no interface of this machine", "choose one of its own addresses"
            else:
                cause, remedy = f"cannot be had ({exc.strerror})", "choose another address or port"
            raise EmbeddedError(f"Port {port} of {address}, to publish the cluster on, {cause}: {remedy}.") from exc


def listens(address: str, port: int) -> bool:
    """Whether somebody answers on one of this machine's addresses."""
    target = "127.0.0.1" if address == "0.0.0.0" else address
    try:
        with socket.create_connection((target, port), timeout=1):
            return True
    except OSError:
        return False


def cgroup_directories(cgroup: str) -> list[Path]:
    """The directories of a cgroup: one on cgroup v2, one for each hierarchy on v1."""
    relative = cgroup.lstrip("/")
    candidates = [_CGROUPS / relative]
    if not (_CGROUPS / "cgroup.controllers").exists():
        # Links such as cpu -> cpu,cpuacct name the same hierarchy twice.
        candidates += [entry / relative for entry in _CGROUPS.iterdir() if entry.is_dir() and not entry.is_symlink()]
    return [directory for directory in candidates if directory.is_dir()]


def has_processes(cgroup: str) -> bool:
    """Whether a process lives in a cgroup or beneath."""
    return any(
        _processes(Path(where))
        for directory in cgroup_directories(cgroup)
        for where, _subdirectories, _files in os.walk(directory)
    )


def remove_cgroup(cgroup: str, *, timeout: float = 30.0) -> bool:
    """End every process in a cgroup and beneath, then remove it from all hierarchies."""
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
        # A killed process leaves its cgroup only when the kernel has taken it apart; nothing reports that.
        time.sleep(0.05)


def _processes(directory: Path) -> list[int]:
    try:
        return [int(line) for line in (directory / "cgroup.procs").read_text().split()]
    except OSError:
        return []
