# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a build: digests, hard links, and removal that never crosses a mount."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import typing as t
from pathlib import Path

from ..host.files import mounts_below
from .context import Context
from .failures import BuildError
from .steps import Planned

MOUNTS = "/proc/self/mountinfo"


def digest_of(path: str) -> str:
    """Hash over a file, or over names, contents and modes below a folder, without Python's compiled files."""
    total = hashlib.sha256()
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            total.update(stream.read())
        return total.hexdigest()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if name.endswith(".pyc"):
                continue
            full = os.path.join(folder, name)
            with open(full, "rb") as stream:
                content = hashlib.sha256(stream.read()).hexdigest()
            executable = bool(os.stat(full).st_mode & 0o100)
            total.update(f"{os.path.relpath(full, path)}\0{executable}\0{content}\n".encode())
    return total.hexdigest()


def remove(path: str) -> None:
    """Delete a file or a tree. Raises BuildError where something is mounted in it."""
    if not os.path.isdir(path) or os.path.islink(path):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        return
    below = mounts_below(Path(MOUNTS).read_text(encoding="utf-8", errors="replace"), Path(path))
    if below:
        raise BuildError(f"{path} was not removed: {below[-1]} is mounted there; unmount it and run it again.")
    shutil.rmtree(path)


def make_readable(tree: str) -> None:
    """Let every user read a tree: the files may have been checked out under a strict umask."""
    for folder, _folders, files in os.walk(tree):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)


def hard_link(source: str, target: str) -> str:
    """Link a file, or copy it where the file system does not allow links. Returns the target."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def link(folder: str, links: t.Mapping[str, str]) -> None:
    """Make symbolic links below a folder, from their names to their targets."""
    for name, to in links.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(to, path)


def lay_out(context: Context, item: Planned, folder: str) -> None:
    """Put the files of `context` and `links` into a folder."""
    for name, source in item.step.recipe["context"].items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if source in item.step.inputs:
            found = context.place(source)
        else:
            step, _colon, inside = source.partition(":")
            found = context.result_of(step, inside)
        if os.path.isdir(found):
            shutil.copytree(found, path, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            make_readable(path)
        else:
            hard_link(found, path)
    link(folder, item.step.recipe["links"])
