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
  description: One sentence per fault of the machine.
  returned: when the machine was looked at
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.builder import Builder
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.failures import BuildError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import CACHE, DATA_ROOT, EmbeddedError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.machine import look
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.publish import parse_listen
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.preflight import Wanted, problems


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "cluster_name": {"type": "str", "required": True},
        "data": {"type": "path", "default": DATA_ROOT},
        "cache": {"type": "path", "default": CACHE},
        "src": {"type": "path", "required": True},
        "bookinfo": {"type": "path", "required": True},
        "subnet": {"type": "str", "default": ""},
        "listen": {"type": "str", "default": ""},
        "ports": {"type": "list", "elements": "int", "default": []},
    }
    module = QuietModule(argument_spec=spec, supports_check_mode=True)
    params = module.params
    module.refuse_idle([Idle("ports", "listen", GIVEN)])
    for port in params["ports"]:
        if not 1 <= port <= 65535:
            module.fail_json(msg=f"ports holds {port}; give it ports from 1 to 65535.")
    try:
        if params["listen"]:
            parse_listen(params["listen"])
        wanted = Wanted(params["cluster_name"], params["data"], params["subnet"], params["listen"])
        builder = Builder(params["cache"], params["src"], params["bookinfo"])
        facts = look(wanted, params["cache"], params["ports"], builder)
    except (BuildError, EmbeddedError) as error:
        module.fail_json(msg=str(error))
    found = problems(facts, wanted)
    if found:
        module.fail_json(msg="Setup cannot begin. " + " ".join(found), problems=found)
    module.exit_json(changed=False, build=list(facts.missing), problems=[])


if __name__ == "__main__":
    main()
