# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's containers as runc runs them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ..host import cgroups, files
from ..host.commands import CommandError, run
from ..layout import VOLUMES, EmbeddedError, Layout
from .spec import NODE, Container


class Containers:
    """Makes, starts, inspects and removes the containers of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def _runc(self, *arguments: str, **options: t.Any) -> t.Any:
        self._layout.runc_root.mkdir(parents=True, exist_ok=True)
        return run(["runc", "--root", str(self._layout.runc_root), *arguments], **options)

    def _bundle(self, container: str) -> Path:
        return self._layout.run / container

    def _upper(self, container: str) -> Path:
        return self._layout.upper / container / "upper"

    def state(self, container: str) -> dict[str, t.Any]:
        """State of a container as runc reports it; empty where there is none."""
        if not (self._layout.runc_root / container).exists():
            return {}
        done = self._runc("state", container, check=False)
        if done.returncode != 0:
            # runc cannot read its own file: it was killed while it wrote.
            return {"status": "broken"}
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else {"status": "broken"}

    def pid(self, container: str) -> int:
        """Process id of the container's first process, as the host sees it."""
        return int(self.state(container)["pid"])

    def made_from(self, container: str, wanted: Container) -> bool:
        """Whether a container was made from this configuration and these files."""
        if files.read(self._bundle(container) / "config.json") != wanted.spec_text():
            return False
        upper = self._upper(container)
        return all(files.read(upper / path) == text for path, text in wanted.files.items())

    def remove(self, container: str) -> None:
        """Kill and remove a container with all that it wrote outside its volumes."""
        if self.state(container):
            self._runc("delete", "--force", container, check=False)
        cgroups.remove_cgroup(self._layout.cgroup(container))
        files.remove_tree(self._layout.runc_root / container)
        files.remove_tree(self._bundle(container))
        files.remove_tree(self._upper(container).parent)

    def create(self, container: str, wanted: Container) -> None:
        """Make a container whose first process has not started. Raises EmbeddedError.

        Its root file system is mounted in a mount namespace that only the container keeps. So the host shows none of
        its mounts, and they vanish with the container.
        """
        if not Path(wanted.lower, "usr/bin/s6-svscan").exists():
            raise EmbeddedError(
                f"The cached node file system {wanted.lower} is missing or incomplete: "
                "remove it and run setup again to rebuild it."
            )
        layout = self._layout
        upper = self._upper(container)
        work = upper.parent / "work"
        bundle = self._bundle(container)
        for directory in (upper, work, bundle / "rootfs", *(layout.volumes / volume for volume in VOLUMES)):
            directory.mkdir(parents=True, exist_ok=True)
        for path, text in wanted.files.items():
            files.write(upper / path, text, 0o755 if text.startswith("#!") else 0o644)
        files.write(bundle / "config.json", wanted.spec_text(), 0o600)
        layout.runc_root.mkdir(parents=True, exist_ok=True)
        script = (
            'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4/rootfs" && '
            'exec runc --root "$5" create --bundle "$4" "$6"'
        )
        arguments = [wanted.lower, str(upper), str(work), str(bundle), str(layout.runc_root), container]
        log = layout.volumes / "log" / f"{container}.log"
        with log.open("wb") as output:
            argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *arguments]
            try:
                run(argv, output=output)
            except CommandError as exc:
                said = (files.read(log) or "").strip().splitlines()
                raise EmbeddedError(
                    f"The container {container} of cluster {layout.name} could not be created: "
                    f"{said[-1] if said else exc.said}; run setup again, and look at {log} if that does not help."
                ) from exc

    def start(self, container: str) -> None:
        """Start the first process of a container."""
        self._runc("start", container)

    def execute(self, *argv: str, **options: t.Any) -> t.Any:
        """Run a command in the node; options as for `commands.run`."""
        return self._runc("exec", NODE, *argv, **options)

    def script(self, script: str, **options: t.Any) -> t.Any:
        """Run a shell script in the node; options as for `commands.run`."""
        return self.execute("sh", "-c", script, **options)
