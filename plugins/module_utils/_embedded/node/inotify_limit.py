# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's limit of inotify instances, which the kernel counts per user over all containers.

Each proxy's agent, the kubelet, containerd and istiod watch files. With the default of 128 the agents of a second
cluster, or of a seventh attendee, fail with "too many open files". The limit is raised while a cluster is there, and
the teardown of the last one restores it.
"""

from __future__ import annotations

from pathlib import Path

from .kubeadm import MOST_PODS

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
# Three of each proxy's agent, measured with 5 to 30 attendees, and less than 50 of the node. Two clusters may be full.
NEEDED = 2 * (3 * MOST_PODS + 50)


def sufficient(limit: Path = INSTANCES) -> bool:
    """Whether the host allows as many instances as several clusters need."""
    return int(limit.read_text()) >= NEEDED


def raise_limit(record: Path, limit: Path = INSTANCES) -> None:
    """Raise the limit. The file `record` keeps the previous value, and an earlier record stays."""
    if not record.exists():
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(limit.read_text())
    limit.write_text(f"{NEEDED}\n")


def restore_limit(record: Path, limit: Path = INSTANCES) -> None:
    """Restore the recorded limit, unless it was changed since."""
    if record.exists():
        if int(limit.read_text()) == NEEDED:
            limit.write_text(record.read_text())
        record.unlink()
