#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reset
short_description: Bring a workshop namespace back to baseline, and prove it by traffic
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Removes everything that labs or people have added to a workshop namespace. That is all configuration of Istio and of
    the Gateway API, workloads, Services, ConfigMaps, Secrets and ServiceAccounts that are neither Bookinfo's nor the
    cluster's own.
  - What carries the attendee's label in other places, a Secret or a Telemetry of the gateway's namespace for example,
    goes as well. What lies in another workshop namespace stays.
  - Bookinfo and the gateway's configuration are restored, whether they were edited, scaled or deleted. Fields that
    somebody added to them are removed.
  - If a service that a role has installed for labs was changed since, its objects are removed and RV(services) names
    it. The role then has to reinstall it.
  - Roles, role bindings, quotas and limits of the namespace stay, and so does what carries the label
    C(mesh.workshop/managed=true).
  - The checks of baseline are then proven by traffic.
  - A namespace without the label C(mesh.workshop/managed=true) is refused.
  - Only one run at a time changes a namespace; it holds the Lease C(mesh-workshop) there. Another one says who that is
    and waits for O(wait_timeout) at most. That baseline was proven, or why the run has failed, is noted there for
    M(mesh.workshop.workshop_info).
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: partial
    details: Lists what would be removed and what would be restored. The checks are skipped and reported as skipped.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  lab:
    description:
      - Name of the lab whose resources are reset. If it is the lab that is applied, the gateway's configuration is
        restored as well.
      - Empty resets everything.
    type: str
    default: ""
  catalogue:
    description:
      - Folder of the catalogue, with one folder per lab.
      - Without it, the collection's own catalogue.
    type: path
  baseline:
    description:
      - Content of the baseline's C(lab.yml).
      - Without it, that of the collection, for the gateway host that setup has noted on the namespace.
    type: dict
  bookinfo:
    description:
      - Documents of Bookinfo, as the role P(mesh.workshop.bookinfo#role) lists them.
      - A reset of everything needs them, since it removes what is neither theirs nor the baseline's.
    type: list
    elements: dict
  services:
    description:
      - What roles install for labs in namespaces of their own. A namespace that does not exist is skipped.
    type: list
    elements: dict
    default: []
    suboptions:
      role:
        description: Name of the role that installs it.
        type: str
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
      objects:
        description: All that the role installs there, each as C(Kind/name) of a Deployment, ConfigMap or Service.
        type: list
        elements: str
        required: true
  namespace:
    description: The workshop namespace.
    type: str
    required: true
  gateway:
    description: Address and port of the gateway as C(host:port); if empty, it is looked up in the API.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait until removed objects are gone and restored ones are ready.
    type: int
    default: 120
  deadline:
    description:
      - Seconds after which a check that has not passed fails, unless it sets its own deadline. By default 60.
      - A check that keeps failing ends earlier once nothing is left that could change, see M(mesh.workshop.verify).
    type: float
  progress:
    description: File to which a line is appended per step and verdict, while the module runs. The action shows them.
    type: path
"""

EXAMPLES = r"""
- name: Back to baseline
  mesh.workshop.reset:
    namespace: bookinfo
    bookinfo: "{{ bookinfo_definitions }}"

- name: Take away what the lab tls has added
  mesh.workshop.reset:
    lab: tls
    namespace: bookinfo
"""

RETURN = r"""
listing:
  description: What was done, or would be done in check mode, a line per object.
  type: str
  returned: always
  sample: removed       VirtualService bookinfo/reviews
services:
  description: Roles that are to install their service anew.
  type: list
  elements: str
  returned: always
  sample: []
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
    installed_by:
      description: The role that is to install the object anew.
      type: str
      returned: if a role has installed it
      sample: ratelimit
    labels_dropped:
      description: Labels of the mesh that somebody had put on the namespace.
      type: list
      elements: str
      returned: if there were any
      sample:
        - istio.io/rev
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

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.reset import run_reset_module


def main() -> None:
    """Entry point."""
    run_reset_module()


if __name__ == "__main__":
    main()
