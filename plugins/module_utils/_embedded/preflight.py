# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check what a machine needs before setup changes anything: facts in, one sentence with a remedy per fault. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .build.parts import GO_AT_LEAST
from .layout import EmbeddedError, Layout
from .node.network import choose_subnet

GIB = 1024**3

# What each Go build adds to Go's module and build caches, in build order. Measured on a build from nothing: 3.9, 3.1
# and 0.7 GiB, and next to nothing for the last.
DISK_GO = {"kubernetes": 4.5 * GIB, "istio": 3.5 * GIB, "coredns": 1.0 * GIB, "grpc-health": 0.3 * GIB}
# What each step needs besides: its result and what that is made from. With all steps missing the sum is 15 GiB, of
# which a build from nothing left 10.5 in the cache.
DISK_STEP = 0.3 * GIB
# Measured with everything running: images in the node 1.5 GB, etcd, logs.
DISK_DATA = 4 * GIB
# Measured with everything running: within 3 GiB.
MEMORY = 3 * GIB
# containerd mounts overlays over the cluster's data, and the kernel accepts no overlay as an upper layer.
OVERLAYS = ("overlay", "fuse.fuse-overlayfs", "aufs")
PYTHON_MINIMUM = (3, 11)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What was seen on the machine."""

    root: bool
    """Whether the user is root or may become it."""
    python: tuple[int, int]
    """Version of the Python that runs it."""
    system: str
    """ID and version of the operating system, as in os-release: debian 12."""
    missing_tools: tuple[str, ...]
    """Missing programs that the build or the node need and that cannot be installed."""
    go: tuple[int, int] | None
    """Version of the newest Go that was found, None where there is none."""
    pip: bool
    """Whether there is a pip, which can fetch a Go."""
    missing: tuple[str, ...]
    """Names of the steps that have to be built."""
    go_caches: int
    """Bytes that Go's module and build caches hold already."""
    data: bool
    """Whether the cluster of that name has its data on the disk, running or not."""
    alive: bool
    """Whether processes of that cluster run, so that its memory is already taken."""
    disk_cache: int
    """Free bytes where the cache is."""
    disk_data: int
    """Free bytes where the data is."""
    file_system: str
    """Kind of the file system where the data is."""
    memory: int
    """Available bytes of memory."""
    networks: t.Mapping[ipaddress.IPv4Network, str]
    """Networks of the machine's other interfaces and routes, and the interface that has each."""
    addresses: tuple[str, ...]
    """Addresses of the machine."""
    ports: tuple[int, ...]
    """Ports of the wanted listen address that a program other than this cluster's holds."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be set up."""

    cluster_name: str
    data: str = ""
    subnet: str = ""
    listen: str = ""


def problems(facts: Facts, wanted: Wanted) -> list[str]:
    """One sentence per fault, each with what to do; empty when setup can begin."""
    found: list[str] = []
    try:
        Layout(wanted.cluster_name)
    except EmbeddedError as error:
        found.append(str(error))
    if not facts.root:
        found.append("The embedded cluster needs root: run as root or as a user who may use sudo.")
    if facts.python < PYTHON_MINIMUM:
        found.append(f"Python {_dotted(facts.python)} is too old: {_dotted(PYTHON_MINIMUM)} or later is needed.")
    if facts.missing_tools:
        found.append(
            f"These programs are missing and {facts.system} does not offer them: {', '.join(facts.missing_tools)}. "
            "Install them, or use Debian 12."
        )
    if facts.missing:
        found.extend(_build_problems(facts))
    if facts.file_system in OVERLAYS:
        found.append(
            f"cluster_data {wanted.data} is on a file system of type {facts.file_system}, which cannot hold the "
            "overlays of containers: name a folder on a disk or volume with cluster_data."
        )
    if not facts.data and facts.disk_data < DISK_DATA:
        found.append(_disk("the cluster's data", facts.disk_data, DISK_DATA, "cluster_data"))
    if not facts.alive and facts.memory < MEMORY:
        found.append(
            f"{_gib(facts.memory)} GiB of memory are available and {_gib(MEMORY)} are needed: stop other programs."
        )
    found.extend(_network_problems(facts, wanted))
    return found


def disk_of_build(missing: t.Collection[str], go_caches: int) -> int:
    """Bytes that a build of these steps still needs, where Go's caches hold that much already.

    Cache content beyond the share of the steps that are complete comes from an interrupted build or an earlier version,
    whose modules are mostly the same.
    """
    still = sum(share for name, share in DISK_GO.items() if name in missing)
    spare = go_caches - sum(share for name, share in DISK_GO.items() if name not in missing)
    return int(max(0, still - max(0, spare)) + len(missing) * DISK_STEP)


def _build_problems(facts: Facts) -> list[str]:
    found = []
    if (facts.go or (0, 0)) < GO_AT_LEAST and not facts.pip:
        seen = f"Go {_dotted(facts.go)} is too old" if facts.go else "There is no Go"
        found.append(
            f"{seen}, and pip, which could fetch one, is missing: "
            f"install Go {_dotted(GO_AT_LEAST)} or later, or python3-venv and pip."
        )
    needed = disk_of_build(facts.missing, facts.go_caches)
    if facts.disk_cache < needed:
        found.append(_disk("the build", facts.disk_cache, needed, "cluster_cache"))
    return found


def _network_problems(facts: Facts, wanted: Wanted) -> list[str]:
    found = []
    if not facts.data:  # a cluster with data has its subnet
        try:
            choose_subnet(wanted.subnet, "", facts.networks, {})
        except EmbeddedError as error:
            found.append(str(error))
    if wanted.listen:
        anyway = ("0.0.0.0", "127.0.0.1")
        # Without `ip`, which setup installs, the addresses are unknown.
        if facts.addresses and wanted.listen not in (*facts.addresses, *anyway):
            found.append(
                f"cluster_listen {wanted.listen} is not an address of this machine, "
                f"which has {', '.join(facts.addresses)}."
            )
        for port in facts.ports:
            found.append(
                f"Port {port} of {wanted.listen} is taken by another program: "
                "stop it, or choose another with cluster_listen_http_port, cluster_listen_https_port."
            )
    return found


def _disk(what: str, free: int, needed: int, variable: str) -> str:
    return (
        f"{_gib(free)} GiB of disk are free for {what} and {_gib(needed)} are needed: "
        f"free some, or name another place with {variable}."
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.1f}"


def _dotted(version: t.Sequence[int]) -> str:
    return ".".join(str(part) for part in version)
