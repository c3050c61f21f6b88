#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle
short_description: Gather in one archive what helps to find out why a setup failed
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Writes events, the states of pods, the logs of containers, of the node and of builds, and versions to one archive
    with mode 0600. It does not read Secrets, and it replaces what looks like a key, token or password.
  - It gathers what it can read, and notes in the archive what it could not. If O(kubeconfig) names a file that does not
    exist, it asks no API; it never asks another cluster instead.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written.
  diff_mode:
    support: none
  idempotent:
    support: none
options:
  dest:
    description: Path of the archive.
    type: path
    required: true
  owner:
    description: Id of the user who will own the archive, if the module runs as root. The default is root.
    type: int
  cluster_name:
    description: Name of the embedded cluster whose node logs to add. Without it, there are no node logs.
    type: str
  data:
    description: Folder that holds the data of embedded clusters. It has an effect with O(cluster_name) only.
    type: path
    default: /var/lib/mesh-workshop
  cache:
    description: Folder with what is built, whose build logs to add. Without it, there are no build logs.
    type: path
  versions:
    description: Versions to note, by name, besides those of this collection and of Ansible.
    type: dict
    default: {}
  namespaces:
    description: Namespaces whose pods and events to gather.
    type: list
    elements: str
    required: true
  failed_task:
    description: Name of the task that failed.
    type: str
    default: ""
  reason:
    description: The message of that task.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Gather what helps to find out why setup failed
  mesh.workshop.support_bundle:
    kubeconfig: ~/.kube/mesh-workshop
    cluster_name: mesh-workshop
    cache: /var/cache/mesh-workshop
    dest: ~/mesh-workshop-report.tar.gz
    namespaces: [bookinfo, istio-system, kube-system]
"""

RETURN = r"""
dest:
  description: Path of the archive.
  returned: success
  type: str
  sample: /home/instructor/mesh-workshop-report.tar.gz
files:
  description: Names of the files in the archive.
  returned: success
  type: list
  elements: str
  sample: [message.txt, pods.txt]
"""

import os
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import bundle
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import DATA_ROOT
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._observe.snapshot import snapshot


def gather(params: dict[str, t.Any]) -> dict[str, bytes]:
    """The files of the archive by name."""
    data = os.path.join(params["data"], params["cluster_name"]) if params["cluster_name"] else None
    files = {
        "message.txt": f"{params['failed_task']}\n{params['reason']}\n".encode(),
        **bundle.from_machine(params["versions"], params["cache"], data),
    }
    try:
        files.update(snapshot(connect(params), params["namespaces"]))
    except ApiError as error:
        files["api.txt"] = f"The API could not be read: {error}\n".encode()
    return files


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "dest": {"type": "path", "required": True},
        "owner": {"type": "int"},
        "cluster_name": {"type": "str"},
        "data": {"type": "path", "default": DATA_ROOT},
        "cache": {"type": "path"},
        "versions": {"type": "dict", "default": {}},
        "namespaces": {"type": "list", "elements": "str", "required": True},
        "failed_task": {"type": "str", "default": ""},
        "reason": {"type": "str", "default": ""},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    module.refuse_idle([Idle("data", "cluster_name", GIVEN)])
    files = gather(module.params)
    dest = os.path.abspath(module.params["dest"])
    if not module.check_mode:
        try:
            bundle.write(dest, files, module.params["owner"])
        except OSError as error:
            module.fail_json(msg=f"{dest} cannot be written ({error.strerror}): name another place with dest.")
    module.exit_json(changed=False, dest=dest, files=sorted(files))


if __name__ == "__main__":
    main()
