# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the source and of the destination: what is read, what would be overwritten, and how it is written."""

from __future__ import annotations

import dataclasses
import os
import stat
import tempfile
import typing as t

from .model import Refused
from .reader import MAX_FILE

ENDINGS = (".yaml", ".yml", ".json", ".yaml.tmpl", ".yml.tmpl", ".yaml.tpl", ".yml.tpl")
REPORTS = ("migration-report.md", "migration-report.html", "migration-report.json")


class Elsewhere(str):
    """Why a linked directory is not read: its files are read under another name."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A file to be written: its path, its text, and the permissions of what it was made from."""

    path: str
    data: bytes
    mode: int = 0o644

    @property
    def before(self) -> bytes | None:
        """What the file holds now; None if there is none."""
        try:
            with open(self.path, "rb") as handle:
                return handle.read(len(self.data) + 1)
        except FileNotFoundError:
            return None


def base_of(sources: t.Sequence[str]) -> str:
    """The folder that the names of all files begin in: the source, or what several sources have in common."""
    folders = [os.path.abspath(src if os.path.isdir(src) else os.path.dirname(src) or ".") for src in sources]
    return os.path.commonpath(folders)


def check_places(sources: t.Sequence[str], dest: str) -> None:
    """Fails where reading and writing would meet.

    :raises Refused: if there is no source, the destination is a file, or one lies in the other
    """
    if os.path.exists(dest) and not os.path.isdir(dest):
        raise Refused(f"{dest} is a file; dest must be a directory.", "dest")
    if not sources:
        raise Refused("src names nothing to convert.", "src")
    for src in sources:
        if not os.path.exists(src):
            raise Refused(f"there is nothing at {src}; correct src.", "src")
    base = base_of(sources)
    for src in sources:
        _check_place(src, dest, base)


def _check_place(src: str, dest: str, base: str) -> None:
    source = os.path.realpath(src)
    target = os.path.realpath(dest)
    if not os.path.isdir(src):
        if os.path.realpath(os.path.join(dest, os.path.relpath(os.path.abspath(src), base))) == source:
            raise Refused(f"the output would be {src} itself; choose another dest.", "dest")
        return
    if source == target:
        raise Refused("src and dest are the same directory; choose another dest.", "dest")
    for inner, outer, text in (
        (target, source, f"dest {dest} lies in src"),
        (source, target, f"src {src} lies in dest"),
    ):
        if inner.startswith(outer.rstrip(os.sep) + os.sep):
            raise Refused(f"{text}, so outputs would be read as inputs; choose another dest.", "dest")


def read_sources(*sources: str) -> list[tuple[str, bytes | str]]:
    """The files of directories and those beneath them, and single files, with their bytes or why they cannot be read.

    Their names are relative to the source, or to the folder that several sources have in common.

    :raises Refused: if a directory holds none
    """
    base = base_of(sources)
    found: dict[str, bytes | str] = {}
    for src in sources:
        for path, data in _of_directory(src) if os.path.isdir(src) else [(src, _read(src))]:
            found.setdefault(os.path.relpath(os.path.abspath(path), base), data)
    return list(found.items())


def _of_directory(src: str) -> list[tuple[str, bytes | str]]:
    found: list[tuple[str, bytes | str]] = []
    seen = {os.path.realpath(src): "src itself"}

    def unreadable(error: OSError) -> None:
        found.append((str(error.filename), _unread(error)))

    for folder, folders, names in os.walk(src, onerror=unreadable, followlinks=True):
        inside = {name: _other_name(os.path.join(folder, name), src, seen) for name in sorted(folders)}
        folders[:] = [name for name, other in inside.items() if not other]
        for name, other in inside.items():
            if other:
                text = f"the link leads to {other}, whose files are written there; make the link anew, or leave it out."
                found.append((os.path.join(folder, name), Elsewhere(text)))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith(ENDINGS) and name not in REPORTS:
                found.append((path, _read(path)))
    if not found:
        raise Refused(f"the directory {src} holds no {', '.join(ENDINGS[:3])} file; correct src.", "src")
    return found


def _other_name(folder: str, src: str, seen: dict[str, str]) -> str:
    """The name under which a directory's files are read too, as a link may lead to its own; empty for none."""
    target = os.path.realpath(folder)
    source = os.path.realpath(src)
    if os.path.islink(folder) and target.startswith(source + os.sep):
        return os.path.relpath(target, source)
    if target in seen:
        return seen[target]
    seen[target] = os.path.relpath(folder, src)
    return ""


def _unread(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it leads to nothing: mend the link or leave it out."
    return f"it cannot be read ({error.strerror}); correct its permissions or leave it out."


def _read(path: str) -> bytes | str:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "it is not a regular file."
        if status.st_size > MAX_FILE:
            return f"it has {status.st_size >> 20} MiB, more than {MAX_FILE >> 20}; split it."
        with open(path, "rb") as handle:
            return handle.read(MAX_FILE + 1)
    except OSError as exc:
        return _unread(exc)


def mode_of(path: str) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(os.stat(path).st_mode) & 0o777


def changed_targets(targets: list[Target], force: bool) -> list[Target]:
    """Those that are to be written.

    :raises Refused: if one would overwrite what is there, unless forced, or leads elsewhere by a link
    """
    changed = []
    taken = []
    for target in targets:
        if os.path.islink(target.path):
            raise Refused(f"{target.path} is a link; remove it, or choose another dest.", "dest")
        if os.path.isdir(target.path):
            raise Refused(f"{target.path} is a directory, and a file is to be written there.", "dest")
        before = target.before
        if before == target.data:
            continue
        changed.append(target)
        if before is not None:
            taken.append(target.path)
    if taken and not force:
        more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise Refused(
            f"{', '.join(taken[:3])}{more} would be overwritten; choose an empty dest, or set force.", "force"
        )
    return changed


def write(targets: list[Target]) -> None:
    """Writes files: each is complete when it has its name."""
    for target in targets:
        folder = os.path.dirname(target.path)
        os.makedirs(folder, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=folder, prefix=".migrate-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(target.data)
            os.chmod(path, target.mode)
            os.replace(path, target.path)
        except BaseException:
            os.unlink(path)
            raise
