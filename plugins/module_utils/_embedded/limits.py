# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one limit of the host that a mesh outgrows: inotify instances, counted per user over all containers.

Each proxy's agent watches its certificates and the kubelet, containerd and istiod watch files as well, so the default
of 128 ends with "too many open files" in the agents of a second cluster. It is raised while a cluster is there
and put back by the teardown of the last one.
"""

from __future__ import annotations

from pathlib import Path

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
NEEDED = 1024


def sufficient(limit: Path = INSTANCES) -> bool:
    return int(limit.read_text()) >= NEEDED


def raise_limit(memory: Path, limit: Path = INSTANCES) -> None:
    """Raise the limit; what it was is kept in the file ``memory``, unless an earlier value is there already."""
    if not memory.exists():
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(limit.read_text())
    limit.write_text(f"{NEEDED}\n")


def restore_limit(memory: Path, limit: Path = INSTANCES) -> None:
    """Put the limit back, unless somebody else has changed it since."""
    if memory.exists():
        if int(limit.read_text()) == NEEDED:
            limit.write_text(memory.read_text())
        memory.unlink()
