# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and paths of one embedded cluster. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

DATA_ROOT = "/var/lib/mesh-workshop"
RUN_ROOT = "/run/mesh-workshop"
CACHE = "/var/cache/mesh-workshop"

POD_SUBNET = "10.244.0.0/16"
# The node's part of the pod network. It has room for far more than 250 pods, because an address is free again only
# after its pod's sandbox has been removed.
NODE_POD_PREFIX = 20
NODE_POD_SUBNET = f"10.244.0.0/{NODE_POD_PREFIX}"
SERVICE_SUBNET = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
API_PORT = 6443

# Directories of the node that outlive its container. They are plain directories of the host, because containerd's
# overlay snapshots and etcd's files must not lie on an overlay.
VOLUMES = {
    "containerd": "/var/lib/containerd",
    "etcd": "/var/lib/etcd",
    "kubelet": "/var/lib/kubelet",
    "kubernetes": "/etc/kubernetes",
    "log": "/var/log",
}

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
# The kernel's limit for the name of an interface (IFNAMSIZ less the final zero).
_LINK_LENGTH = 15


class EmbeddedError(Exception):
    """One sentence for the user: object, cause, remedy."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Names and paths of the cluster called ``name``."""

    name: str
    data_root: Path = Path(DATA_ROOT)
    run_root: Path = Path(RUN_ROOT)
    cache: Path = Path(CACHE)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise EmbeddedError(
                f"Cluster name {self.name!r} cannot be used: it becomes a host name and part of paths; "
                "use 1 to 32 lower-case letters, digits and inner hyphens."
            )

    @property
    def data(self) -> Path:
        return self.data_root / self.name

    @property
    def settings(self) -> Path:
        return self.data / "cluster.json"

    @property
    def upper(self) -> Path:
        """What containers have written over the cached root file system. Each part is removed with its container."""
        return self.data / "root"

    @property
    def programs(self) -> Path:
        return self.data / "bin"

    @property
    def volumes(self) -> Path:
        return self.data / "volumes"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.volumes / "kubernetes" / "admin.conf"

    @property
    def run(self) -> Path:
        return self.run_root / self.name

    @property
    def runc_root(self) -> Path:
        return self.run / "runc"

    @property
    def lock(self) -> Path:
        return self.run_root / f"{self.name}.lock"

    @property
    def subnets_lock(self) -> Path:
        """Held while a cluster chooses its subnet."""
        return self.run_root / "subnets.lock"

    @property
    def previous_inotify_limit(self) -> Path:
        """Record of the host's limit of inotify instances before the first cluster."""
        return self.run_root / "inotify-instances"

    @property
    def store(self) -> Path:
        """containerd's root with all images unpacked, copied into new clusters."""
        return self.cache / "containerd"

    @property
    def cgroup_root(self) -> str:
        return "mesh-workshop"

    @property
    def cluster_cgroup(self) -> str:
        """The parent of the cgroups of the cluster's containers."""
        return f"/{self.cgroup_root}/{self.name}"

    def cgroup(self, container: str) -> str:
        """The container's cgroup in every hierarchy of the host."""
        return f"{self.cluster_cgroup}/{container}"

    @property
    def link(self) -> str:
        """The host's end of the veth pair: at most 15 characters, different for every cluster."""
        plain = f"mw-{self.name}"
        if len(plain) <= _LINK_LENGTH:
            return plain
        return f"mw-{self.name[:6]}-{hashlib.sha256(self.name.encode()).hexdigest()[:5]}"
