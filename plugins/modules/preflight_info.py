#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Say whether a machine can carry the embedded cluster, before anything is changed
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Looks at rights, disk, memory, ports, networks, versions and at what has to be built. Changes nothing.
  - It fails with one sentence per fault, each with what to do.
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
    description: Folder that holds the data of embedded clusters.
    type: path
    default: /var/lib/mesh-workshop
  cache:
    description: Folder that holds what is built.
    type: path
    default: /var/cache/mesh-workshop
  src:
    description: Folder of the build's inputs.
    type: path
    required: true
  bookinfo:
    description: Folder of Bookinfo's programs.
    type: path
    required: true
  subnet:
    description: The network that is asked for; empty takes the first free one.
    type: str
    default: ""
  listen:
    description: Address of this machine on which the gateway is published; empty publishes nothing.
    type: str
    default: ""
  ports:
    description: Ports that are published on O(listen).
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Look before anything is changed
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import machine
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import Builder, BuildError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.network import networks_in_use
from ansible_collections.mesh.workshop.plugins.module_utils._preflight import Facts, Wanted, problems


def may_become_root() -> bool:
    """Whether the user is root or sudo would let them become it, with a password or without."""
    if os.geteuid() == 0:
        return True
    try:
        # In another language "password is required" would read otherwise.
        environ = {**os.environ, "LC_ALL": "C"}
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, text=True, check=False, env=environ)
    except OSError:
        return False
    return asked.returncode == 0 or "password is required" in asked.stderr


def free_disk(path: str) -> int:
    """Free bytes of the file system that a path is or would be on."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


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
    """Those of the ports that another program holds on an address."""
    held = []
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listen, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    held.append(port)
    return tuple(held)


def look(params: dict[str, t.Any], builder: Builder) -> tuple[Facts, list[str]]:
    """The facts of this machine, and the names of the steps that have to be built."""
    planned = builder.plan(None)
    missing = builder.present(planned).missing
    try:
        link = Layout(params["cluster_name"]).link
    except EmbeddedError:
        link = ""
    interfaces = machine.addresses() if shutil.which("ip") else []
    routes = machine.routes() if interfaces else []
    installable = shutil.which("apt-get") is not None
    steps = [item.step for item in planned if item.name in missing]
    return (
        Facts(
            root=may_become_root(),
            python=sys.version_info[:2],
            system=system(),
            missing_tools=() if installable else tuple(builder.missing_tools(steps)),
            go=max((version for _path, version in builder.compilers()), default=None),
            pip=builder.pip() is not None,
            cached=not missing,
            running=any(item.get("ifname") == link for item in interfaces),
            disk_cache=free_disk(params["cache"]),
            disk_data=free_disk(params["data"]),
            memory=available_memory(),
            networks=networks_in_use(interfaces, routes, link),
            addresses=tuple(
                entry["local"]
                for item in interfaces
                for entry in item.get("addr_info", [])
                if entry.get("family") == "inet"
            ),
            ports=taken(params["listen"], params["ports"]) if params["listen"] else (),
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
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    params = module.params
    try:
        facts, missing = look(params, Builder(params["cache"], params["src"], params["bookinfo"]))
    except BuildError as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    found = problems(facts, Wanted(params["cluster_name"], params["subnet"], params["listen"]))
    if found:
        module.fail_json(msg="Setup cannot begin. " + " ".join(found), problems=found)
    module.exit_json(changed=False, build=missing, problems=[])


if __name__ == "__main__":
    main()
