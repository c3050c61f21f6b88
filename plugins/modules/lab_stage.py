#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_stage
short_description: Bring a workshop namespace to one stage of a lab, and prove it by traffic
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - The desired state is baseline, less what the stage removes, plus what it adds. It is applied as one ordered batch,
    and whatever else of ours is left from another stage or lab is pruned, so the result is the same from any state.
  - Configuration of the mesh that has the name of an object of another stage of the same lab is removed, whoever
    applied it.
  - Fields that somebody has added to an object of the stage are removed. Configuration of the mesh that no lab
    has applied stays; a warning names it.
  - The checks of the stage are then proven by traffic.
  - Only one run at a time changes a namespace; it holds the Lease C(mesh-workshop) there. Another one says who that is
    and waits for O(wait_timeout) at most. If the holder was killed, its Lease is taken over after 15 s.
  - A lab may be an exercise, whose C(lab.yml) has the part C(exercise). The checks of its stage prove that it is
    broken. O(state=verified) runs baseline's checks instead, and says that it is mended, or the symptom and hints. It
    then notes in the ConfigMap C(mesh-workshop-exercise) of the namespace how many hints were told.
  - What was proven, or why the run has failed, is noted in annotations of that Lease, for
    M(mesh.workshop.workshop_info).
  - A namespace without the label C(mesh.workshop/managed=true) is refused, as M(mesh.workshop.reset) refuses it.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: partial
    details: The resources go through a server-side dry run. The checks are skipped and reported as skipped.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(applied) applies the stage and verifies it.
      - V(verified) changes nothing but these notes, and runs the stage's checks on what is there, whoever has applied
        it and how.
    type: str
    choices: [applied, verified]
    default: applied
  lab:
    description: Name of the lab; V(baseline) is the state with no lab applied.
    type: str
    required: true
  stage:
    description: Name of the stage; empty is the lab's last stage.
    type: str
    default: ""
  api:
    description:
      - V(gateway) takes the stage's resources of the Kubernetes Gateway API, whose definitions must be there.
      - A stage that this API cannot say is refused. Baseline, to which a stage adds, is in Istio's own API in either.
    type: str
    choices: [istio, gateway]
    default: istio
  catalogue:
    description: Folder of the catalogue, with one folder per lab.
    type: path
    required: true
  definition:
    description: Content of the lab's C(lab.yml); empty where there is no such lab.
    type: dict
    default: {}
  baseline:
    description: Content of the baseline's C(lab.yml).
    type: dict
    required: true
  namespace:
    description: The workshop namespace.
    type: str
    required: true
  attendee:
    description:
      - Name of the attendee where there are several. Commands that are suggested then say C(-e attendee=NAME).
    type: str
    default: ""
  gateway_namespace:
    description: Namespace of Istio and its gateway; what the attendee's labs have left there is pruned as well.
    type: str
    default: istio-system
  gateway:
    description: Address and port of the gateway as C(host:port); if empty, it is looked up in the API.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait for what is applied.
    type: int
    default: 120
  deadline:
    description:
      - Seconds after which a check that has not passed fails, unless it sets its own deadline. By default 60.
      - A check that keeps failing ends earlier once nothing is left that could change, see M(mesh.workshop.verify).
    type: float
  hint:
    description:
      - Of an exercise that is verified and not mended, the number of the hint up to which hints are told, from 1.
      - V(0) is one more than were told before, which is noted in the namespace.
    type: int
    default: 0
  cause:
    description: Whether the cause of an exercise that is verified and not mended is told in place of hints.
    type: bool
    default: false
  progress:
    description: File to which a line is appended per step and verdict, while the module runs. The action shows them.
    type: path
"""

EXAMPLES = r"""
- name: Send jason to reviews v2 and prove it
  mesh.workshop.lab_stage:
    lab: request_routing
    stage: jason_v2
    catalogue: catalogue
    definition: "{{ lookup('ansible.builtin.template', 'catalogue/request_routing/lab.yml') | from_yaml }}"
    baseline: "{{ lookup('ansible.builtin.template', 'catalogue/baseline/lab.yml') | from_yaml }}"
    namespace: bookinfo
"""

RETURN = r"""
lab:
  description: The lab that is applied or verified.
  type: str
  returned: always
  sample: request_routing
stage:
  description: The stage that is applied or verified.
  type: str
  returned: always
  sample: jason_v2
exercise:
  description: Of an exercise, what is told of it, the symptom where it was applied; empty otherwise.
  type: str
  returned: always
  sample: The page is complete, and takes nearly three seconds.
before:
  description: >-
    What was applied before, whose place the stage takes; the values are empty where nothing was.
  type: dict
  returned: if a stage is applied
  contains:
    lab:
      description: The lab, or C(baseline).
      type: str
      returned: always
      sample: request_routing
    stage:
      description: Its stage.
      type: str
      returned: always
      sample: all_v1
    api:
      description: The API that it was applied in.
      type: str
      returned: always
      sample: istio
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
    written_by:
      description: Who had written to the object besides this collection.
      type: list
      elements: str
      returned: if somebody had
      sample:
        - kubectl-edit
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

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.stage import run_stage_module


def main() -> None:
    """Entry point."""
    run_stage_module()


if __name__ == "__main__":
    main()
