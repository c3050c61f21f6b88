#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: embedded_images
short_description: Import more images into a running embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - The node gets the images of Kubernetes, Istio and Bookinfo when it starts. This module imports the images that only
    single labs need.
  - It leaves images alone that the node already has with the same content.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: RV(imported) lists what is done.
  idempotent:
    support: full
options:
  name:
    description: Name of the cluster.
    type: str
    default: mesh-workshop
  artifacts:
    description: The value C(artifacts) that M(mesh.workshop.embedded_artifacts) returns.
    type: dict
    required: true
  data:
    description: Folder that holds a folder with the data of each cluster.
    type: path
    default: /var/lib/mesh-workshop
notes:
  - The module needs root, because the node's processes run as root.
seealso:
  - module: mesh.workshop.embedded_artifacts
  - module: mesh.workshop.embedded_node
"""

EXAMPLES = r"""
- name: Build the rate limit service and Redis
  mesh.workshop.embedded_artifacts:
    only: [archive_ratelimit]
  register: parts

- name: Import them into the cluster
  mesh.workshop.embedded_images:
    artifacts: "{{ parts.artifacts }}"
"""

RETURN = r"""
imported:
  description: References of the imported images.
  returned: success
  type: list
  elements: str
  sample:
    - mesh-workshop.local/redis:1f0b6f3d
"""

import os
import typing as t
from pathlib import Path

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host.commands import CommandError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host.files import lock
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import DATA_ROOT, EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.containers import Containers
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.images import bring_in, images_of, lacking
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.spec import NODE


def bring(name: str, containers: Containers, artifacts: t.Mapping[str, t.Any], check: bool) -> list[str]:
    """Import the images that the node of cluster `name` lacks; returns their references."""
    if containers.state(NODE).get("status") != "running":
        raise EmbeddedError(f"The embedded cluster {name} does not run on this machine: run mesh.workshop.setup first.")
    wanted = images_of(artifacts)
    return [image.name for image in (lacking(containers, wanted) if check else bring_in(containers, wanted))]


def main() -> None:
    module = QuietModule(
        argument_spec={
            "name": {"type": "str", "default": "mesh-workshop"},
            "artifacts": {"type": "dict", "required": True},
            "data": {"type": "path", "default": DATA_ROOT},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The embedded cluster needs root: run the task with become, or as root.")
    try:
        layout = Layout(module.params["name"], data_root=Path(module.params["data"]))
        if not layout.data.is_dir():
            raise EmbeddedError(f"There is no embedded cluster {layout.name} here: run mesh.workshop.setup first.")
        module.standing = f"Cluster {layout.name} may have only some of the images."
        with lock(layout.lock):
            imported = bring(layout.name, Containers(layout), module.params["artifacts"], module.check_mode)
    except CommandError as error:
        module.fail_json(msg=f"The images were not imported: {error}; run mesh.workshop.setup, then run this again.")
    except EmbeddedError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or layout.data}: {error.strerror}; correct data and the artifacts.")
    module.exit_json(changed=bool(imported), imported=imported)


if __name__ == "__main__":
    main()
