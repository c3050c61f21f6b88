# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove every trace of a cluster from the host."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..host import cgroups, files, interfaces
from ..layout import Layout
from . import inotify_limit
from .containers import Containers
from .kubeconfig import KubeconfigFile
from .spec import NODE, PUBLISH


@dataclasses.dataclass(frozen=True)
class Teardown:
    """Finds and removes what one cluster left on this machine."""

    layout: Layout
    containers: Containers
    kubeconfig: KubeconfigFile

    def traces(self) -> list[str]:
        """What is there of the cluster, in the words of the report; empty when nothing is."""
        layout = self.layout
        found = []
        if any(self.containers.state(name) for name in (NODE, PUBLISH)) or cgroups.cgroup_directories(
            layout.cluster_cgroup
        ):
            found.append("containers and their processes")
        if Path("/sys/class/net", layout.link).exists():
            found.append(f"network link {layout.link}")
        if layout.run.exists():
            found.append(f"run-time files {layout.run}")
        if layout.data.exists():
            found.append(f"data {layout.data}")
        return [*found, *(f"kubeconfig {path}" for path in self.kubeconfig.own())]

    def remove(self) -> list[str]:
        """Remove every trace and return the list of them. The data goes last, because it knows of the rest."""
        layout = self.layout
        found = self.traces()
        for container in (PUBLISH, NODE):
            self.containers.remove(container)
        cgroups.remove_cgroup(layout.cluster_cgroup)
        interfaces.remove_link(layout.link)
        for path in self.kubeconfig.own():
            path.unlink()
        files.remove_tree(layout.run)
        files.remove_tree(layout.data)
        for directory in (*cgroups.cgroup_directories(f"/{layout.cgroup_root}"), layout.data_root):
            files.remove_if_empty(directory)
        return found

    def remove_lock(self, *, gone: bool) -> None:
        """Remove the lock, as its holder. With the last cluster `gone`, remove what all clusters share as well."""
        layout = self.layout
        layout.lock.unlink(missing_ok=True)
        if gone and not self.others():
            layout.subnets_lock.unlink(missing_ok=True)
            inotify_limit.restore_limit(layout.previous_inotify_limit)
        files.remove_if_empty(layout.run_root)

    def others(self) -> list[str]:
        """Names of the other clusters on this machine: with data in the same folder, or running from another one."""
        stored = {path.parent.name for path in self.layout.data_root.glob("*/cluster.json")}
        running = {path.name for path in self.layout.run_root.glob("*") if path.is_dir()}
        return sorted((stored | running) - {self.layout.name})
