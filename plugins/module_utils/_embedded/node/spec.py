# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node as an OCI container: its configuration for runc and its files. Pure."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ..layout import NODE_POD_SUBNET, VOLUMES, Layout
from . import kubeadm

Document = dict[str, t.Any]

NODE = "node"
PUBLISH = "publish"
SCAN_DIR = "/run/service"
SERVICES = {name: f"{SCAN_DIR}/{name}" for name in ("containerd", "kubelet")}
INIT = "/usr/local/sbin/mesh-workshop-init"

# In the order of the kernel's capability.h; /proc/<pid>/status shows them as bits.
CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]


def capabilities(status: str) -> list[str]:
    """Names of the capabilities in a process's bounding set, from the text of its /proc/<pid>/status."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return [f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1]
    return []


@dataclasses.dataclass(frozen=True)
class Container:
    """Everything that a container is made from. What runs is compared with it."""

    lower: str
    spec: Document
    files: t.Mapping[str, str]

    def spec_text(self) -> str:
        """The configuration as the file config.json."""
        return json.dumps(self.spec, indent=1, sort_keys=True) + "\n"


def _mounts() -> list[Document]:
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        },
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/run", "type": "tmpfs", "source": "run", "options": ["nosuid", "nodev", "mode=755"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmp", "options": ["nosuid", "nodev", "mode=1777"]},
    ]


def base_spec(
    layout: Layout, container: str, lower: str, caps: t.Sequence[str], namespaces: t.Sequence[str]
) -> Document:
    """The part of runc's configuration that all containers of the cluster share."""
    return {
        "ociVersion": "1.0.2",
        "annotations": {"mesh.workshop/lower": lower},
        "hostname": layout.name,
        "root": {"path": "rootfs"},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": [INIT],
            "cwd": "/",
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
                "KUBECONFIG=/etc/kubernetes/admin.conf",
            ],
            "capabilities": {kind: list(caps) for kind in ("bounding", "effective", "permitted")},
        },
        "mounts": _mounts(),
        "linux": {
            "cgroupsPath": layout.cgroup(container),
            "namespaces": [{"type": kind} for kind in namespaces],
            "resources": {"devices": [{"allow": True, "access": "rwm"}]},
        },
    }


def log_service(directory: str) -> str:
    """The script of a logger beside a service, which keeps at most five files of 4 MB."""
    return f"#!/bin/sh\nexec s6-log -b n4 s4000000 T /var/log/{directory}\n"


_INIT = """#!/bin/sh
# First process of the container: makes the container's own file systems ready, then supervises.
set -eu
mount --make-rshared /
cgroup=/sys/fs/cgroup
if [ -f "$cgroup/cgroup.controllers" ]; then
  # cgroup v2 lets a group either have processes or hand controllers on: the processes move into a group of their own.
  mkdir -p "$cgroup/init"
  while read -r pid; do
    echo "$pid" > "$cgroup/init/cgroup.procs" || true
  done < "$cgroup/cgroup.procs"
  for controller in $(cat "$cgroup/cgroup.controllers"); do
    echo "+$controller" > "$cgroup/cgroup.subtree_control" || true
  done
fi
ulimit -n "$(ulimit -Hn)"
echo 1 > /proc/sys/net/ipv4/ip_forward
# Settings of the whole host, which the kubelet sets to these values where it finds others (kubelet: container_manager
# setupKernelTunables). It finds them here, and the host keeps its own.
mkdir -p /run/mesh-workshop/kernel /run/mesh-workshop/vm
set_in_node() {
  echo "$2" > "/run/mesh-workshop/$1"
  mount --bind "/run/mesh-workshop/$1" "/proc/sys/$1"
}
set_in_node vm/overcommit_memory 1
set_in_node vm/panic_on_oom 0
set_in_node kernel/panic 10
set_in_node kernel/panic_on_oops 1
# kube-proxy looks for kernel modules there; the node loads none.
mkdir -p /lib/modules
cp -a /etc/mesh-workshop/services /run/service
exec s6-svscan /run/service
"""

_CONTAINERD_RUN = """#!/bin/sh
exec 2>&1
exec containerd
"""

# Not started with the others (`down`), but once its configuration and the control plane's images are there.
_KUBELET_RUN = """#!/bin/sh
exec 2>&1
. /var/lib/kubelet/kubeadm-flags.env
exec kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf $KUBELET_KUBEADM_ARGS
"""


def containerd_config(pause_image: str) -> str:
    """containerd's configuration, in TOML."""
    return f"""version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  disable_apparmor = true
  # The node may lack the right to lower a process's score (CAP_SYS_RESOURCE).
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def cni_config() -> str:
    """A veth pair for each pod, as kind does it.

    On kernels without br_netfilter, pods on one bridge would bypass iptables, so all traffic is routed instead.
    The addresses in use are recorded in /run, so they vanish with the container, as the pods do.
    """
    document = {
        "cniVersion": "0.4.0",
        "name": "mesh-workshop",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-ipam-state",
                    "ranges": [[{"subnet": NODE_POD_SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def node_container(
    layout: Layout, lower: str, caps: t.Sequence[str], node_address: str, host_address: str, pause_image: str
) -> Container:
    """The node: namespaces of its own, no confinement, and its data bound in from the cluster's directory."""
    spec = base_spec(layout, NODE, lower, caps, ("pid", "mount", "network", "uts", "ipc", "cgroup"))
    spec["mounts"] += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "rw"]},
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", "rw"],
        },
    ]
    for volume, destination in VOLUMES.items():
        spec["mounts"].append(
            {
                "destination": destination,
                "type": "bind",
                "source": str(layout.volumes / volume),
                "options": ["rbind", "rshared" if volume == "kubelet" else "rprivate", "rw"],
            }
        )
    # The kubelet reads the kernel's messages to learn which processes were killed for lack of memory.
    spec["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600}]
    services = "etc/mesh-workshop/services"
    files = {
        INIT.lstrip("/"): _INIT,
        f"{services}/containerd/run": _CONTAINERD_RUN,
        f"{services}/containerd/log/run": log_service("containerd"),
        f"{services}/kubelet/run": _KUBELET_RUN,
        f"{services}/kubelet/down": "",
        f"{services}/kubelet/log/run": log_service("kubelet"),
        "etc/containerd/config.toml": containerd_config(pause_image),
        "etc/cni/net.d/10-mesh-workshop.conflist": cni_config(),
        "etc/hostname": f"{layout.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{node_address} {layout.name}\n{host_address} host\n",
        "etc/resolv.conf": "",
    }
    for name, text in kubeadm.patches().items():
        files[f"{kubeadm.PATCHES_DIR.lstrip('/')}/{name}"] = text
    return Container(lower=lower, spec=spec, files=files)
