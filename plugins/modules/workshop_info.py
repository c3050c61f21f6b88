#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workshop_info
short_description: Describe what is set up, which lab and stage is applied, and whether the workshop is healthy
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Reads the live objects of a cluster and changes nothing.
extends_documentation_fragment:
  - mesh.workshop.auth
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  namespace:
    description: The workshop namespace.
    type: str
    default: bookinfo
  attendee:
    description:
      - Name of the attendee where there are several. Commands that are suggested then say C(-e attendee=NAME).
    type: str
    default: ""
  gateway_host:
    description: Host name of the gateway.
    type: str
    default: mybookstore.com
  catalogue:
    description: Folder of the catalogue, with one folder per lab.
    type: path
  gateway_namespace:
    description: Namespace of Istio and its gateway, for users who may not list objects in all namespaces.
    type: str
    default: istio-system
  definition:
    description: Content of the applied lab's C(lab.yml), to compare the live objects with. Needs O(baseline).
    type: dict
    default: {}
  lab:
    description:
      - The lab whose content O(definition) is. Where another one has been applied since that was read, nothing is
        compared, and RV(status.troubles) says so. Needs O(baseline).
    type: str
    default: ""
  baseline:
    description: Content of baseline's C(lab.yml). Without it, no object of the stage is compared.
    type: dict
    default: {}
  bookinfo:
    description: Documents of Bookinfo, as C(tasks_from=definitions.yml) of its role lists them, to compare as well.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Read what is applied
  mesh.workshop.workshop_info:
    kubeconfig: ~/.kube/mesh-workshop
  register: workshop

- name: Show it
  mesh.workshop.print_text:
    text: "{{ workshop.page }}"
"""

RETURN = r"""
status:
  description: The state of the workshop.
  returned: success
  type: dict
  contains:
    kubernetes:
      description: Version of the API server.
      type: str
      sample: v1.36.3
    istio:
      description: Version of the control plane; empty if there is none.
      type: str
      sample: 1.31.0
    nodes:
      description: Number of nodes; V(0) if this user may not list them.
      type: int
      sample: 1
    namespace:
      description: The workshop namespace.
      type: str
      sample: bookinfo
    workloads:
      description: Ready and wanted replicas by Deployment.
      type: dict
      sample: {details-v1: 1/1}
    gateway:
      description: Address and port of the gateway.
      type: str
      sample: 172.30.0.2:80
    host:
      description: Host name of the gateway.
      type: str
      sample: mybookstore.com
    lab:
      description: The applied lab; V(baseline) if none is.
      type: str
      sample: request_routing
    stage:
      description: The applied stage.
      type: str
      sample: all_v1
    api:
      description: V(gateway) if the stage is applied in the form of the Gateway API, else V(istio).
      type: str
      sample: istio
    running:
      description:
        - What a run is doing in the namespace right now, since when and for whom; empty where none is. Meanwhile no
          object is compared.
      type: str
      sample: ""
    verified:
      description:
        - When the checks of what is applied passed last, in UTC. It is empty where they have failed since or an object
          differs, as far as objects are compared, and while a run is at work.
        - With an exercise applied, baseline's checks passed then, so it is mended.
      type: str
      sample: "2026-11-28T10:02:03Z"
    failed:
      description: When the last run in the namespace has failed, in UTC; empty once checks pass again.
      type: str
      sample: ""
    failure:
      description: Why it has failed, in one sentence.
      type: str
      sample: ""
    healthy:
      description: Whether RV(status.troubles) is empty.
      type: bool
      sample: true
    troubles:
      description:
        - One sentence with its remedy per fault.
        - If O(bookinfo), O(definition) and O(baseline) are given, this includes each object of Bookinfo and of the
          applied stage that is missing or differs.
      type: list
      elements: str
      sample: []
    unseen:
      description: What this user may not read and the whole status needs, except nodes.
      type: list
      elements: str
      sample: []
labs:
  description: Names of the labs in O(catalogue).
  returned: success
  type: list
  elements: str
  sample: [gateway, request_routing]
page:
  description: The same as a page to read.
  returned: success
  type: str
  sample: |-
    Kubernetes  v1.36.3, 1 node
    Istio       1.31.0
    Bookinfo    details-v1 1/1 (namespace bookinfo)
    Gateway     172.30.0.2:80, host mybookstore.com
    Applied     request_routing, stage all_v1
    Verified    3 min ago (2026-11-28T10:02:03Z)
    Labs        gateway, request_routing
    Health      good
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._ansible.options import GIVEN, Idle
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._apply import DocumentError, checked
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError, lab_names
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import READING, with_all_missing
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import page
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import now
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.view import Asked, status_of


def main() -> None:
    """Entry point."""
    spec: dict[str, t.Any] = {
        "namespace": {"type": "str", "default": "bookinfo"},
        "attendee": {"type": "str", "default": ""},
        "gateway_host": {"type": "str", "default": "mybookstore.com"},
        "catalogue": {"type": "path"},
        "gateway_namespace": {"type": "str", "default": "istio-system"},
        "definition": {"type": "dict", "default": {}},
        "lab": {"type": "str", "default": ""},
        "baseline": {"type": "dict", "default": {}},
        "bookinfo": {"type": "list", "elements": "dict", "default": []},
    }
    module = QuietModule(argument_spec={**AUTH_ARG_SPEC, **spec}, supports_check_mode=True)
    module.refuse_idle([Idle(name, "baseline", GIVEN) for name in ("definition", "lab")])
    try:
        labs = lab_names(module.params["catalogue"]) if module.params["catalogue"] else []
        client = connect(module.params)
    except (ApiError, LabError) as error:
        module.fail_json(msg=str(error))
    try:
        asked = Asked(
            namespace=module.params["namespace"],
            gateway_namespace=module.params["gateway_namespace"],
            gateway_host=module.params["gateway_host"],
            bookinfo=checked(module.params["bookinfo"], "bookinfo"),
            definition=module.params["definition"],
            lab=module.params["lab"],
            baseline=module.params["baseline"],
            attendee=module.params["attendee"],
        )
        status = status_of(client, asked)
    except (DocumentError, LabError) as error:
        module.fail_json(msg=str(error))
    except ApiError as error:
        module.fail_json(msg=with_all_missing(error, client, module.params["namespace"], READING))
    module.exit_json(changed=False, status=status, labs=labs, page=page(status, labs, now()))


if __name__ == "__main__":
    main()
