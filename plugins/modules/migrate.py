#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migrate
short_description: Convert manifests of Istio 0.1 to 1.5 to what a current cluster takes
version_added: 0.2.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Reads files of YAML or JSON, writes one file for each of them, and reports what was done.
  - Mixer's quotas become rate limits; C(denier), C(listchecker), C(ServiceRole), C(ServiceRoleBinding) and
    C(ClusterRbacConfig) become C(AuthorizationPolicy); C(Policy) and C(MeshPolicy) become C(PeerAuthentication) and
    C(RequestAuthentication); C(RouteRule), C(DestinationPolicy) and C(EgressRule) become C(VirtualService),
    C(DestinationRule) and C(ServiceEntry); fields of current kinds that have gone become their successors.
  - A document that needs no change passes through byte for byte. What cannot be said today is refused with the file,
    the line, the field and the reason. Where the meaning changes, the report says how.
  - Slips of indentation and nesting are mended where there is only one reading, and each of them is reported.
options:
  src:
    description:
      - Files, and directories with files of YAML or JSON and those beneath them.
      - The files of a directory belong together, and so do directories where a document of one names what only another
        has; the nearest one counts. Where two files define the same object each is taken by itself.
    type: list
    elements: path
    required: true
  dest:
    description:
      - The directory to write to. It gets the files under the names that they have in O(src), and the report as
        C(migration-report.md), C(migration-report.html) and C(migration-report.json). With several O(src) the names
        begin in the directory that they have in common.
      - It must lie outside of O(src).
    type: path
    required: true
  namespace:
    description:
      - The namespace of documents that name none. Without it V(default).
    type: str
  root_namespace:
    description:
      - The root namespace of the mesh, where policies for the whole mesh are.
    type: str
    default: istio-system
  quota:
    description:
      - V(global) counts in the rate limit service for all proxies together, as Mixer did.
      - V(local) lets each proxy count alone, which needs no service and takes any duration.
    type: str
    choices: [global, local]
    default: global
  ratelimit_host:
    description:
      - Host name of the rate limit service.
    type: str
    default: ratelimit.mesh-workshop-ratelimit.svc.cluster.local
  ratelimit_port:
    description:
      - Its gRPC port.
    type: int
    default: 8081
  ratelimit_domain:
    description:
      - The domain under which it keeps the limits.
    type: str
    default: mesh-workshop
  facts:
    description:
      - What conversions need to know of Services and workloads and cannot see in O(src).
      - C(services) is a list of mappings with C(name), C(namespace), C(selector) and C(ports), each of these with
        C(port), C(name) and C(target_port).
      - C(workloads) is a list of mappings with C(namespace), C(labels) and C(service_account).
    type: dict
  ask_cluster:
    description:
      - Whether to read Services, Deployments, StatefulSets and DaemonSets of the cluster for what is not in O(src).
        Otherwise nothing is connected to.
    type: bool
    default: false
  refusals:
    description:
      - What to do if a document is refused. With V(report) all others are written, and a comment stands in its place.
      - With V(fail) nothing is written, and the module fails.
    type: str
    choices: [report, fail]
    default: report
  force:
    description:
      - Whether to overwrite files that are there and differ. Otherwise nothing is written, and the module fails.
    type: bool
    default: false
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written.
  diff_mode:
    support: full
    details:
      - Shows the way from each source to its output. Files with a Secret in them are not shown.
  idempotent:
    support: full
requirements:
  - ruamel.yaml on the host that runs the module
seealso:
  - module: mesh.workshop.apply
"""

EXAMPLES = r"""
- name: Convert what is in a directory
  mesh.workshop.migrate:
    src: legacy
    dest: current

- name: Say what is not in the files
  mesh.workshop.migrate:
    src: legacy
    dest: current
    facts:
      services:
        - name: reviews
          namespace: default
          selector: {app: reviews}
          ports: [{port: 9080, target_port: 9080}]
      workloads:
        - namespace: default
          labels: {app: reviews}
          service_account: bookinfo-reviews

- name: Convert directories that belong together
  mesh.workshop.migrate:
    src: [legacy/roles, legacy/bindings, legacy/services.yaml]
    dest: current

- name: Let the cluster say it, and stop if anything is left over
  mesh.workshop.migrate:
    src: legacy
    dest: current
    ask_cluster: true
    refusals: fail
"""

RETURN = r"""
summary:
  description: How many documents became what, in all and by family.
  type: dict
  returned: if the files could be read
  sample: {files: 1, documents: 2, converted: 1, converted_with_differences: 1, unchanged: 0, refused: 0}
refused:
  description: Each refusal, with its file, line and field, the reason and the remedy.
  type: list
  elements: str
  returned: if the files could be read
  sample: []
files:
  description: The files, by their path in O(src).
  type: list
  elements: dict
  returned: if the files could be read
  contains:
    path:
      description: Path of the file.
      type: str
      returned: always
      sample: quota.yaml
    changed:
      description: Whether the output differs from the source.
      type: bool
      returned: always
      sample: true
    refused:
      description: Whether the file as a whole was refused.
      type: bool
      returned: always
      sample: false
table:
  description: The counts by family as a table for people.
  type: str
  returned: if the files could be read
  sample: "| family | converted | with differences | unchanged | refused |"
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.migrate import run_migrate_module


def main():
    run_migrate_module()


if __name__ == "__main__":
    main()
