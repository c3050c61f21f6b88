#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Apply, remove and verify any number of resources as one ordered set
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Applies documents of any kind server-side, in one process and in waves, so that an object exists before others
    refer to it; a C(DestinationRule) before the C(VirtualService) that names its subsets. Removal is in reverse order.
  - After everything is applied, it waits until all of it is ready.
  - It warns of what in the set can have no effect, such as a route to a host, port or subset that is not there, a
    selector of no pod, or a fault of 0 %. For that it reads what the set refers to. It says nothing about what the user
    may not read.
  - With O(verify), traffic proves that the set does what it should.
options:
  definitions:
    description:
      - The documents, as a list of mappings or as YAML text, or a list of such texts.
      - One of O(definitions), O(src) and O(template) is required.
    type: raw
  src:
    description:
      - A file of YAML or JSON documents, a directory whose C(.yaml), C(.yml) and C(.json) files are read
        in the order of their names, or a pattern such as V(manifests/*.yaml).
      - It is read on the controller. A relative path is looked up as in other actions, in
        C(files) of the role and beside the playbook.
    type: path
  template:
    description:
      - A Jinja2 template of YAML documents, rendered on the controller. A relative path is looked up
        in C(templates) of the role and beside the playbook.
    type: path
  namespace:
    description:
      - Namespace of the documents that do not name one, if their kind has namespaces. If empty, the namespace of
        the kubeconfig's context, else V(default).
    type: str
  state:
    description:
      - V(present) makes the objects what the documents say. Fields that an earlier run has set and that are
        no longer in the document are removed; fields that others have set stay.
      - V(absent) removes the objects. A kind that the cluster does not serve is an error, unless the cluster has
        nothing of its API group; then its objects count as absent, and a warning says so.
    type: str
    choices: [present, absent]
    default: present
  lab:
    description:
      - Name of the lab that the documents belong to. It becomes their label C(mesh.workshop/lab).
    type: str
  stage:
    description:
      - Name of the stage that the documents belong to. It becomes their label C(mesh.workshop/stage).
    type: str
  attendee:
    description:
      - Name of the attendee that the documents belong to. It becomes their label C(mesh.workshop/attendee).
    type: str
  labels:
    description:
      - Labels for all objects.
    type: dict
  annotations:
    description:
      - Annotations for all objects.
    type: dict
  prune:
    description:
      - Whether to remove what an earlier run applied and the documents no longer contain.
      - With O(attendee) and O(lab) these are the objects of that attendee that belong to any lab,
        with O(attendee) alone all objects of that attendee, with O(lab) alone all objects of that lab
        in O(prune_namespaces).
      - An object that does not carry these labels is never touched. Namespaces are not pruned.
      - Without any documents it is refused, unless O(state=absent), since it would remove everything.
    type: bool
    default: false
  prune_namespaces:
    description:
      - Prune in these namespaces only. Without it, in all of them; with O(lab) and no O(attendee) in those of the
        documents and O(namespace) only, since other attendees may be at the same lab.
      - It is refused unless O(prune=true).
    type: list
    elements: str
  atomic:
    description:
      - Whether to restore the previous state if a document or the verification fails.
      - An object that somebody else has changed since is left as it is, and the message says so.
    type: bool
    default: false
  force:
    description:
      - Whether to take over fields that another field manager owns. Otherwise they are an error, which names the
        manager and the fields.
    type: bool
    default: false
  lease:
    description:
      - A workshop namespace that no other run may change meanwhile. Its Lease C(mesh-workshop) is held, as
        M(mesh.workshop.lab_stage) and M(mesh.workshop.reset) hold it; one of somebody else's is waited for, for
        O(wait_timeout) at most.
      - Nothing is held in check mode, or where there is no such namespace yet.
    type: str
extends_documentation_fragment:
  - mesh.workshop.wait
  - mesh.workshop.verify
  - mesh.workshop.auth
  - mesh.workshop.attributes
  - mesh.workshop.attributes.applies
notes:
  - The field manager is C(mesh-workshop).
  - Documents of APIs that Istio has removed are refused; the message names their replacement.
seealso:
  - module: mesh.workshop.verify
"""

EXAMPLES = r"""
- name: Split reviews 90 to 10 between v1 and v2
  mesh.workshop.apply:
    namespace: bookinfo
    definitions:
      - apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: reviews}
        spec:
          host: reviews
          subsets:
            - {name: v1, labels: {version: v1}}
            - {name: v2, labels: {version: v2}}
      - apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: reviews}
        spec:
          hosts: [reviews]
          http:
            - route:
                - {destination: {host: reviews, subset: v1}, weight: 90}
                - {destination: {host: reviews, subset: v2}, weight: 10}

- name: All manifests of a directory, or none of them
  mesh.workshop.apply:
    src: manifests
    namespace: bookinfo
    atomic: true

- name: A stage of a lab, and nothing left of other stages
  mesh.workshop.apply:
    template: stage.yml.j2
    namespace: bookinfo
    attendee: alice
    lab: traffic_shifting
    stage: canary
    prune: true

- name: Remove it again
  mesh.workshop.apply:
    src: manifests/*.yaml
    namespace: bookinfo
    state: absent
"""

RETURN = r"""
results:
  description: One entry per object, with what was done about it.
  type: list
  elements: dict
  returned: always
  contains:
    api_version:
      description: API version of the object.
      type: str
      returned: always
      sample: networking.istio.io/v1
    kind:
      description: Kind of the object.
      type: str
      returned: always
      sample: VirtualService
    namespace:
      description: Namespace of the object; empty if its kind has none.
      type: str
      returned: always
      sample: bookinfo
    name:
      description: Name of the object.
      type: str
      returned: always
      sample: reviews
    action:
      description:
        - >-
          What was done, or would be done in check mode. One of V(created), V(changed), V(unchanged), V(deleted),
          V(absent), V(failed) and V(not_applied).
      type: str
      returned: always
      sample: created
    error:
      description: What went wrong with this object, and what to do about it.
      type: str
      returned: if it failed
      sample: >-
        VirtualService bookinfo/reviews: the API has no field spec.htttp; correct the spelling or the place of that
        field.
    put_back:
      description: What was done to undo the change.
      type: str
      returned: if O(atomic=true) and the change was undone
      sample: reverted
checks:
  description:
    - One entry per check, as M(mesh.workshop.verify) returns them.
    - In check mode each entry has V(skipped) set to V(true) instead of a verdict.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the check.
      type: str
      returned: always
      sample: the page
    passed:
      description: Whether traffic showed what was expected.
      type: bool
      returned: always
      sample: true
    expected:
      description: What was expected.
      type: str
      returned: if it was run
      sample: status 200
    observed:
      description: What was observed in the attempt that decided.
      type: str
      returned: if it was run
      sample: status 200 in 44 requests
side_effects:
  description: What the verification has left in the cluster, such as probe containers in pods.
  type: list
  elements: str
  returned: always
  sample: []
table:
  description: The checks as a table for people; empty if none was run.
  type: str
  returned: always
  sample: |-
    check     from  result  expected    observed                   took
    --------  ----  ------  ----------  -------------------------  -----
    the page  host  passed  status 200  status 200 in 44 requests  0.1 s
message:
  description: What was done and shown, in a sentence each.
  type: str
  returned: success
  sample: 1 created. 1 check passed.
"""

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.module import run_apply_module


def main():
    run_apply_module()


if __name__ == "__main__":
    main()
