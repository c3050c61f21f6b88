#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: embedded_node
short_description: Start or remove the one node of an embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - The node is one container that C(runc) runs, with a network, processes, mounts and cgroups of its own. In it
    C(s6) supervises containerd and the kubelet, and C(kubeadm) sets up the cluster.
  - The module decides what to do by the live state of the cluster, never by a record of earlier runs. Run it again to
    finish an interrupted start; the cluster keeps its data.
  - If the cached node file system or the node's configuration has changed, the module replaces the container and keeps
    the data.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: RV(actions) lists what would be done.
  diff_mode:
    support: none
    details: RV(actions) lists what is done.
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the cluster and of its node. Clusters of different names share nothing but the cache.
      - 1 to 32 lower-case letters, digits and inner hyphens.
    type: str
    default: mesh-workshop
  state:
    description:
      - V(present) brings the cluster to a working state.
      - V(absent) removes its processes, mounts, links, cgroups, data and kubeconfig, and nothing else.
    type: str
    choices: [present, absent]
    default: present
  artifacts:
    description:
      - The value C(artifacts) that M(mesh.workshop.embedded_artifacts) returns. Required with O(state=present).
    type: dict
  subnet:
    description:
      - The IPv4 network between host and node. The host gets its first address, the node its second.
      - Empty means the cluster's current network, else the first free one of V(172.30.0.0/24) to V(172.30.63.0/24).
    type: str
    default: ""
  listen:
    description:
      - Address of the host on which the gateway is published for other machines, such as V(0.0.0.0).
      - Empty publishes nothing, so that only this machine reaches the cluster.
    type: str
    default: ""
  listen_http_port:
    description: Port of O(listen) that leads to the node's port 80.
    type: int
    default: 80
  listen_https_port:
    description: Port of O(listen) that leads to the node's port 443.
    type: int
    default: 443
  listen_api:
    description: Whether the API server is published on O(listen) as well.
    type: bool
    default: false
  listen_api_port:
    description: Port of O(listen) that leads to the API server.
    type: int
    default: 6443
  kubeconfig:
    description:
      - Where to write the administrator's kubeconfig, with mode 0600. The task fails if that file exists and is not the
        kubeconfig of this cluster.
      - Empty writes none.
    type: path
  kubeconfig_owner:
    description: User id of the owner of O(kubeconfig).
    type: int
    default: 0
  kubeconfig_group:
    description: Group id of O(kubeconfig).
    type: int
    default: 0
  data:
    description: Folder that holds a folder with the data of each cluster.
    type: path
    default: /var/lib/mesh-workshop
  cache:
    description: Folder with what all clusters share.
    type: path
    default: /var/cache/mesh-workshop
  purge_cache:
    description:
      - With O(state=absent), also remove from O(cache) what was built, and the folder itself if nothing else is in it.
        Everything stays while there is another cluster, because that one may run from it.
    type: bool
    default: false
  timeout:
    description: Seconds to wait at most, each time, for the control plane and for the node.
    type: float
    default: 180
notes:
  - The module needs root, and the programs C(runc), C(ip) and C(unshare) on the host.
seealso:
  - module: mesh.workshop.embedded_artifacts
"""

EXAMPLES = r"""
- name: Build all parts
  mesh.workshop.embedded_artifacts:
  register: parts

- name: Start the node
  mesh.workshop.embedded_node:
    name: mesh-workshop
    artifacts: "{{ parts.artifacts }}"
    kubeconfig: ~/.kube/mesh-workshop
  register: node

- name: Remove it
  mesh.workshop.embedded_node:
    name: mesh-workshop
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: [start the node's container, connect the node with the host]
seconds:
  description: How long each step took.
  returned: when state is present and not in check mode
  type: dict
  sample: {create_node: 0.1, control_plane: 5.2, ready: 9.8}
subnet:
  description: The network between host and node.
  returned: when state is present and the network has been chosen
  type: str
  sample: 172.30.0.0/24
host_address:
  description: The host's address in it.
  returned: when state is present and the network has been chosen
  type: str
  sample: 172.30.0.1
node_address:
  description: The node's address in it.
  returned: when state is present and the network has been chosen
  type: str
  sample: 172.30.0.2
gateway_address:
  description:
    - Where users reach the gateway, with the port unless that is 80. With O(listen=0.0.0.0) this is the address of the
      interface with the default route.
  returned: when state is present and the network has been chosen
  type: str
  sample: 172.30.0.2
kubeconfig:
  description: The path of the kubeconfig.
  returned: when state is present
  type: str
  sample: /home/ada/.kube/mesh-workshop
context:
  description: The name of its context.
  returned: when state is present
  type: str
  sample: mesh-workshop
"""

import os
import typing as t
from pathlib import Path

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import files
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host.commands import CommandError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import (
    CACHE,
    DATA_ROOT,
    EmbeddedError,
    Layout,
)
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.lifecycle import absent, present
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.cluster import Cluster
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Request

IDLE = (
    Idle("purge_cache", "state", "absent"),
    *(
        Idle(name, "state", "present")
        for name in (
            "artifacts",
            "subnet",
            "listen",
            "listen_http_port",
            "listen_https_port",
            "listen_api",
            "listen_api_port",
            "kubeconfig_owner",
            "kubeconfig_group",
            "timeout",
        )
    ),
    *(Idle(name, "listen", GIVEN) for name in ("listen_http_port", "listen_https_port", "listen_api")),
    Idle("listen_api_port", "listen_api", True),
    *(Idle(name, "kubeconfig", GIVEN) for name in ("kubeconfig_owner", "kubeconfig_group")),
)


def request_of(params: dict[str, t.Any]) -> Request:
    """The options as the cluster takes them."""
    return Request(
        artifacts=params["artifacts"] or {},
        subnet=params["subnet"],
        listen=params["listen"],
        listen_http_port=params["listen_http_port"],
        listen_https_port=params["listen_https_port"],
        listen_api_port=params["listen_api_port"] if params["listen_api"] else None,
        kubeconfig=params["kubeconfig"] or "",
        kubeconfig_owner=params["kubeconfig_owner"],
        kubeconfig_group=params["kubeconfig_group"],
        timeout=params["timeout"],
    )


def main() -> None:
    module = QuietModule(
        argument_spec={
            "name": {"type": "str", "default": "mesh-workshop"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "artifacts": {"type": "dict"},
            "subnet": {"type": "str", "default": ""},
            "listen": {"type": "str", "default": ""},
            "listen_http_port": {"type": "int", "default": 80},
            "listen_https_port": {"type": "int", "default": 443},
            "listen_api": {"type": "bool", "default": False},
            "listen_api_port": {"type": "int", "default": 6443},
            "kubeconfig": {"type": "path"},
            "kubeconfig_owner": {"type": "int", "default": 0},
            "kubeconfig_group": {"type": "int", "default": 0},
            "data": {"type": "path", "default": DATA_ROOT},
            "cache": {"type": "path", "default": CACHE},
            "purge_cache": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 180.0},
        },
        required_if=[("state", "present", ["artifacts"])],
        supports_check_mode=True,
    )
    params = module.params
    module.refuse_idle(IDLE)
    if os.geteuid() != 0:
        module.fail_json(msg="The embedded cluster needs root: run the task with become, or as root.", actions=[])
    try:
        layout = Layout(params["name"], data_root=Path(params["data"]), cache=Path(params["cache"]))
        cluster = Cluster(layout, request_of(params))
        module.standing = (
            f"Cluster {layout.name} may be {'set up' if params['state'] == 'present' else 'removed'} only in part."
        )
        with files.lock(layout.lock):
            try:
                if params["state"] == "present":
                    result = present(cluster, module.check_mode)
                else:
                    result, warnings = absent(cluster, module.check_mode, params["purge_cache"])
                    for warning in warnings:
                        module.warn(warning)
            finally:
                # Without a cluster, removed or only planned in check mode, its lock goes too.
                if not layout.data.exists():
                    cluster.teardown.remove_lock(gone=params["state"] == "absent" and not module.check_mode)
    except EmbeddedError as error:
        module.fail_json(msg=str(error), actions=[])
    except CommandError as error:
        module.fail_json(msg=f"Cluster {params['name']}: {error}. Run it again to continue from here.", actions=[])
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        module.fail_json(msg=f"Cluster {params['name']}: {why}. Correct that, and run it again.", actions=[])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
