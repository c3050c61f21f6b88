# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node as an OCI container, as kind has it in Docker: its configuration for runc and its files. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import typing as t

from . import kubeadm
from .layout import API_PORT, NODE_POD_SUBNET, VOLUMES, EmbeddedError, Layout

Document = dict[str, t.Any]

NODE = "node"
PUBLISH = "publish"
SCAN_DIR = "/run/service"
INIT = "/usr/local/sbin/mesh-workshop-init"

# In the kernel's order, capability.h; /proc/<pid>/status shows them as bits.
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
    """The capabilities that a process may hand on, from its /proc/<pid>/status."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return [f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1]
    return []


@dataclasses.dataclass(frozen=True)
class Image:
    """One cached image: its name, where its archive is, and the id that its archive's content has."""

    name: str
    archive: str
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Container:
    """All that makes one of the cluster's containers: compared with what runs, it says whether that is as wanted."""

    lower: str
    spec: Document
    files: t.Mapping[str, str]

    def spec_text(self) -> str:
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


def _spec(layout: Layout, container: str, lower: str, caps: t.Sequence[str], namespaces: t.Sequence[str]) -> Document:
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


def _log_service(directory: str) -> str:
    """A service that keeps what the other one prints: five files of 4 MB at most."""
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

# It is started by hand (`down`) as soon as its configuration and the images of the control plane are there.
_KUBELET_RUN = """#!/bin/sh
exec 2>&1
. /var/lib/kubelet/kubeadm-flags.env
exec kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf $KUBELET_KUBEADM_ARGS
"""


def containerd_config(pause_image: str) -> str:
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
    """A cable of its own for every pod, as kind does it.

    Pods of one bridge would reach each other past iptables on kernels without br_netfilter; so everything is routed.
    The addresses in use are forgotten with the container (/run), as the pods are.
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
    """The node: everything its own, nothing of it confined, its data bound in from the cluster's directory."""
    spec = _spec(layout, NODE, lower, caps, ("pid", "mount", "network", "uts", "ipc", "cgroup"))
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
    # The kubelet reads the kernel's messages to notice what was killed for lack of memory.
    spec["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600}]
    services = "etc/mesh-workshop/services"
    files = {
        INIT.lstrip("/"): _INIT,
        f"{services}/containerd/run": _CONTAINERD_RUN,
        f"{services}/containerd/log/run": _log_service("containerd"),
        f"{services}/kubelet/run": _KUBELET_RUN,
        f"{services}/kubelet/down": "",
        f"{services}/kubelet/log/run": _log_service("kubelet"),
        "etc/containerd/config.toml": containerd_config(pause_image),
        "etc/cni/net.d/10-mesh-workshop.conflist": cni_config(),
        "etc/hostname": f"{layout.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{node_address} {layout.name}\n{host_address} host\n",
        "etc/resolv.conf": "",
    }
    for name, text in kubeadm.patches().items():
        files[f"{kubeadm.PATCHES_DIR.lstrip('/')}/{name}"] = text
    return Container(lower=lower, spec=spec, files=files)


def parse_listen(address: str) -> None:
    """Refuse what is no address at all; whether this machine has it, only it can say."""
    try:
        ipaddress.IPv4Address(address)
    except ValueError as exc:
        raise EmbeddedError(
            f"{address!r} is no address to publish the cluster on: give an IPv4 address of this machine, "
            "or 0.0.0.0 for all of them."
        ) from exc


@dataclasses.dataclass(frozen=True)
class Publication:
    """Which of the node's ports are offered on which address of the host."""

    address: str
    ports: t.Mapping[int, int]

    @staticmethod
    def of(address: str, http: int, https: int, api: int | None) -> Publication | None:
        if not address:
            return None
        ports = {http: 80, https: 443}
        if api is not None:
            ports[api] = API_PORT
        return Publication(address, ports)


def envoy_config(publication: Publication, node_address: str) -> Document:
    """Envoy as a plain forwarder of TCP connections; it never looks inside."""

    def endpoint(address: str, port: int) -> Document:
        return {"socket_address": {"address": address, "port_value": port}}

    listeners: list[Document] = []
    clusters: list[Document] = []
    for port, target in sorted(publication.ports.items()):
        name = f"node_{target}"
        proxy = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": name,
            # A watch of the API or a browser's pooled connection may be silent for longer than an hour.
            "idle_timeout": "0s",
        }
        listeners.append(
            {
                "name": name,
                "address": endpoint(publication.address, port),
                "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
            }
        )
        clusters.append(
            {
                "name": name,
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": endpoint(node_address, target)}}]}],
                },
            }
        )
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


_PUBLISH_INIT = """#!/bin/sh
# First process of the container that publishes the node's ports on the host.
set -eu
cp -a /etc/mesh-workshop/services /run/service
exec s6-svscan /run/service
"""

# Hot restart's sockets have one name for all Envoys of a network, and nothing here is ever reloaded.
_ENVOY_RUN = """#!/bin/sh
exec 2>&1
exec /usr/local/bin/envoy --disable-hot-restart --concurrency 1 --log-level warning --config-path /etc/envoy.json
"""


def publish_container(layout: Layout, lower: str, envoy: str, publication: Publication, node_address: str) -> Container:
    """A second, small container: in the host's network, with no right but to listen on low ports."""
    spec = _spec(
        layout, PUBLISH, lower, ("CAP_NET_BIND_SERVICE", "CAP_KILL", "CAP_DAC_OVERRIDE"), ("pid", "mount", "uts", "ipc")
    )
    spec["process"]["noNewPrivileges"] = True
    spec["mounts"] += [
        {
            "destination": "/usr/local/bin/envoy",
            "type": "bind",
            "source": envoy,
            "options": ["bind", "ro", "nosuid", "nodev"],
        },
        {
            "destination": "/var/log",
            "type": "bind",
            "source": str(layout.volumes / "log"),
            "options": ["rbind", "rprivate", "rw"],
        },
    ]
    services = "etc/mesh-workshop/services"
    files = {
        INIT.lstrip("/"): _PUBLISH_INIT,
        f"{services}/envoy/run": _ENVOY_RUN,
        f"{services}/envoy/log/run": _log_service("publish"),
        "etc/envoy.json": json.dumps(envoy_config(publication, node_address), indent=1, sort_keys=True) + "\n",
    }
    return Container(lower=lower, spec=spec, files=files)
