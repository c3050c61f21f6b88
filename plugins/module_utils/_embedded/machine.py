# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight has to know of this machine: looks around and changes nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

from .build.builder import Builder
from .build.context import missing_tools
from .build.toolchain import compilers, find_pip
from .host import cgroups, files, interfaces
from .layout import EmbeddedError, Layout
from .node.network import networks_in_use
from .node.spec import PUBLISH
from .preflight import DISK_GO, Facts, Wanted


def may_become_root() -> bool:
    """Whether the user is root or sudo would let them become it, with a password or without."""
    if os.geteuid() == 0:
        return True
    try:
        # The message is translated in other locales.
        environ = {**os.environ, "LC_ALL": "C"}
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, text=True, check=False, env=environ)
    except OSError:
        return False
    return asked.returncode == 0 or "password is required" in asked.stderr


def free_disk(path: str) -> int:
    """Free bytes of the file system that a path is or would be on."""
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def size_below(folder: str) -> int:
    """Bytes of disk that the files below a folder take, as far as they may be seen."""
    total = 0
    for where, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone meanwhile
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
    return total


def available_memory() -> int:
    """Bytes of memory that are available."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", stream.read(), re.M)
    return int(found.group(1)) * 1024 if found else 0


def system() -> str:
    """Name and version of the operating system."""
    with contextlib.suppress(OSError):
        release = platform.freedesktop_os_release()
        return f"{release.get('ID', 'this system')} {release.get('VERSION_ID', '')}".strip()
    return "this system"


def taken(listen: str, ports: t.Sequence[int]) -> tuple[int, ...]:
    """Those of the ports that a program holds on an address."""
    held = []
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listen, port))
            except OSError as error:
                # Without the right to the port, the bind fails before it is known to be taken.
                if error.errno == errno.EADDRINUSE or (
                    error.errno == errno.EACCES and interfaces.listens(listen, port)
                ):
                    held.append(port)
    return tuple(held)


def look(wanted: Wanted, cache: str, ports: t.Sequence[int], builder: Builder) -> Facts:
    """The facts of this machine. ``ports`` are those to publish on the wanted address."""
    planned = builder.plan(None)
    missing = builder.present(planned).missing
    try:
        layout = Layout(wanted.cluster_name, data_root=Path(wanted.data))
    except EmbeddedError:
        layout = None
    link = layout.link if layout else ""
    # Its publisher holds the ports that it was given. If other ports are wanted now, setup checks those itself.
    published = layout is not None and cgroups.has_processes(layout.cgroup(PUBLISH))
    links = interfaces.addresses() if shutil.which("ip") else []
    routes = interfaces.routes() if links else []
    installable = shutil.which("apt-get") is not None
    steps = [item.step for item in planned if item.name in missing]
    return Facts(
        root=may_become_root(),
        python=sys.version_info[:2],
        system=system(),
        missing_tools=() if installable else tuple(missing_tools(steps)),
        go=max((version for _path, version in compilers(builder.cache)), default=None),
        pip=find_pip() is not None,
        missing=tuple(missing),
        # Takes seconds, so only where a Go build is to come.
        go_caches=size_below(os.path.join(builder.cache, "go")) if set(DISK_GO) & set(missing) else 0,
        data=layout is not None and os.path.exists(layout.settings),
        alive=layout is not None and cgroups.has_processes(layout.cluster_cgroup),
        disk_cache=free_disk(cache),
        disk_data=free_disk(wanted.data),
        file_system=files.file_system(wanted.data),
        memory=available_memory(),
        networks=networks_in_use(links, routes, link),
        addresses=tuple(
            entry["local"] for item in links for entry in item.get("addr_info", []) if entry.get("family") == "inet"
        ),
        ports=taken(wanted.listen, ports) if wanted.listen and not published else (),
    )
