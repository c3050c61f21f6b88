#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Check whether a machine can run the embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Checks rights, disk, memory, ports, networks and versions, and finds out what has to be built. It changes nothing.
  - The disk that is required depends on what has to be built, less what an interrupted build has left in Go's caches.
    A cluster whose data is on the disk needs no more disk for it, and one that runs needs no more memory.
  - Fails with one sentence per fault, each with a remedy.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  cluster_name:
    description: Name of the embedded cluster.
    type: str
    required: true
  data:
    description: Folder that holds the data of embedded clusters. Its file system must not be an overlay.
    type: path
    default: /var/lib/mesh-workshop
  cache:
    description: Folder with what is built.
    type: path
    default: /var/cache/mesh-workshop
  src:
    description: Folder with the inputs of the build.
    type: path
    required: true
  bookinfo:
    description: Folder with Bookinfo's programs.
    type: path
    required: true
  subnet:
    description: The requested network; empty takes the first free one.
    type: str
    default: ""
  listen:
    description: Address of this machine on which the gateway is published; empty publishes nothing.
    type: str
    default: ""
  ports:
    description: Ports to publish on O(listen), which has to be given with them.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Check the machine before anything is changed
  mesh.workshop.preflight_info:
    cluster_name: mesh-workshop
    src: "{{ role_path }}/files"
    bookinfo: "{{ role_path }}/../bookinfo/files/app"
"""

RETURN = r"""
build:
  description: Names of the steps that have to be built.
  returned: success
  type: list
  elements: str
  sample: [kubernetes, istio]
problems:
  description: One sentence per fault.
  returned: always
  type: list
  elements: str
  sample: []
"""

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

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.builder import Builder
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.context import missing_tools
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.failures import BuildError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.toolchain import compilers, find_pip
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import cgroups, files, interfaces
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.network import networks_in_use
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.publish import parse_listen
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.spec import PUBLISH
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.preflight import DISK_GO, Facts, Wanted, problems


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


def look(params: dict[str, t.Any], builder: Builder) -> tuple[Facts, list[str]]:
    """The facts of this machine, and the names of the steps that have to be built."""
    planned = builder.plan(None)
    missing = builder.present(planned).missing
    try:
        layout = Layout(params["cluster_name"], data_root=Path(params["data"]))
    except EmbeddedError:
        layout = None
    link = layout.link if layout else ""
    # Its publisher holds the ports that it was given. If other ports are wanted now, setup checks those itself.
    published = layout is not None and cgroups.has_processes(layout.cgroup(PUBLISH))
    links = interfaces.addresses() if shutil.which("ip") else []
    routes = interfaces.routes() if links else []
    installable = shutil.which("apt-get") is not None
    steps = [item.step for item in planned if item.name in missing]
    return (
        Facts(
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
            disk_cache=free_disk(params["cache"]),
            disk_data=free_disk(params["data"]),
            file_system=files.file_system(params["data"]),
            memory=available_memory(),
            networks=networks_in_use(links, routes, link),
            addresses=tuple(
                entry["local"] for item in links for entry in item.get("addr_info", []) if entry.get("family") == "inet"
            ),
            ports=taken(params["listen"], params["ports"]) if params["listen"] and not published else (),
        ),
        missing,
    )


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "cluster_name": {"type": "str", "required": True},
        "data": {"type": "path", "default": "/var/lib/mesh-workshop"},
        "cache": {"type": "path", "default": "/var/cache/mesh-workshop"},
        "src": {"type": "path", "required": True},
        "bookinfo": {"type": "path", "required": True},
        "subnet": {"type": "str", "default": ""},
        "listen": {"type": "str", "default": ""},
        "ports": {"type": "list", "elements": "int", "default": []},
    }
    module = QuietModule(argument_spec=spec, supports_check_mode=True)
    params = module.params
    if params["ports"] and not params["listen"]:
        told = "ports has no effect without listen; leave it out, or give listen the address to publish them on."
        module.fail_json(msg=told, problems=[])
    for port in params["ports"]:
        if not 1 <= port <= 65535:
            module.fail_json(msg=f"ports holds {port}; give it ports from 1 to 65535.", problems=[])
    try:
        if params["listen"]:
            parse_listen(params["listen"])
        facts, missing = look(params, Builder(params["cache"], params["src"], params["bookinfo"]))
    except (BuildError, EmbeddedError) as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    found = problems(facts, Wanted(params["cluster_name"], params["data"], params["subnet"], params["listen"]))
    if found:
        module.fail_json(msg="Setup cannot begin. " + " ".join(found), problems=found)
    module.exit_json(changed=False, build=missing, problems=[])


if __name__ == "__main__":
    main()
