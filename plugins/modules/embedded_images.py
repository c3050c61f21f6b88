#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: embedded_images
short_description: Bring more images into a running embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - The images of Kubernetes, Istio and Bookinfo enter the node when it is started. What only a single lab needs
    is built and brought in when that lab is applied for the first time.
  - Images that are there with the same content are left alone.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: RV(imported) says what is done.
  idempotent:
    support: full
options:
  name:
    description: Name of the cluster.
    type: str
    default: mesh-workshop
  artifacts:
    description: What M(mesh.workshop.embedded_artifacts) returns under that name.
    type: dict
    required: true
  data:
    description: Folder below which each cluster has its own.
    type: path
    default: /var/lib/mesh-workshop
notes:
  - Needs root, because the node's processes are those of root.
seealso:
  - module: mesh.workshop.embedded_artifacts
  - module: mesh.workshop.embedded_node
"""

EXAMPLES = r"""
- name: Have the rate limit service and Redis
  mesh.workshop.embedded_artifacts:
    only: [archive_ratelimit]
  register: parts

- name: Bring them into the cluster
  mesh.workshop.embedded_images:
    artifacts: "{{ parts.artifacts }}"
"""

RETURN = r"""
imported:
  description: References of the images that were brought in.
  returned: success
  type: list
  elements: str
  sample:
    - mesh-workshop.local/redis:1f0b6f3d
"""

import os
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import machine, node
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.cluster import (
    Cluster,
    Request,
    images_of,
    missing_images,
)
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout

CTR = ("ctr", "--namespace", "k8s.io", "images")
IMPORT_SECONDS = 600.0


def bring(cluster: t.Any, artifacts: t.Mapping[str, t.Any], check: bool) -> list[str]:
    """Import the images that the node lacks; returns their references."""
    name = cluster.layout.name
    if cluster.state(node.NODE).get("status") != "running":
        raise EmbeddedError(f"The embedded cluster {name} does not run on this machine: run mesh.workshop.setup first.")
    wanted = images_of(artifacts)
    missing = missing_images(wanted, cluster.execute(*CTR, "ls").stdout)
    if check:
        return [image.name for image in missing]
    for archive in dict.fromkeys(image.archive for image in missing):
        try:
            with open(archive, "rb") as stream:
                cluster.execute(*CTR, "import", "-", stdin=stream, timeout=IMPORT_SECONDS)
        except OSError as error:
            raise EmbeddedError(
                f"The image archive {archive} cannot be read ({error.strerror}): have mesh.workshop.embedded_artifacts"
                " build it again."
            ) from error
    left = missing_images(missing, cluster.execute(*CTR, "ls").stdout)
    if left:
        raise EmbeddedError(
            f"The image archive {left[0].archive} does not hold {left[0].name}: remove it and have"
            " mesh.workshop.embedded_artifacts build it again."
        )
    return [image.name for image in missing]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "mesh-workshop"},
            "artifacts": {"type": "dict", "required": True},
            "data": {"type": "path", "default": "/var/lib/mesh-workshop"},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The embedded cluster needs root: run the task with become, or as root.")
    try:
        layout = Layout(module.params["name"], data_root=Path(module.params["data"]))
        if not layout.data.is_dir():
            raise EmbeddedError(f"There is no embedded cluster {layout.name} here: run mesh.workshop.setup first.")
        with machine.lock(layout.lock):
            imported = bring(
                Cluster(layout, Request(module.params["artifacts"])), module.params["artifacts"], module.check_mode
            )
    except machine.CommandError as error:
        module.fail_json(
            msg=f"The images did not enter the cluster: {error}; run mesh.workshop.setup, then this again."
        )
    except EmbeddedError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(imported), imported=imported)


if __name__ == "__main__":
    main()
