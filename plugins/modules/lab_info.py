#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_info
short_description: Read a lab of a catalogue
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Renders a lab's C(lab.yml) with the variables of the task, parses it, and validates its layout. The templates of the
    catalogue use the variable C(workshop), a mapping with the facts of an attendee.
  - An error names the file and the line of the template.
  - The result may hold keys and tokens. Register it, and do not print it.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  catalogue:
    description: Folder of the catalogue, with one folder per lab.
    type: path
    required: true
  lab:
    description: Name of the lab; V(baseline) is the state with no lab applied.
    type: str
    default: baseline
  stage:
    description: Name of a stage that the lab must have; empty is its last stage. Baseline takes none.
    type: str
    default: ""
  exercises:
    description: Whether O(lab) is one of the exercises, which are in the folder C(exercises) of the catalogue.
    type: bool
    default: false
  api:
    description: With V(gateway), only the stages that the Kubernetes Gateway API can say, and what they need.
    type: str
    choices: [istio, gateway]
    default: istio
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Read the lab
  mesh.workshop.lab_info:
    catalogue: catalogue
    lab: request_routing
  vars:
    workshop:
      namespace: bookinfo
      host: mybookstore.com
  register: read

- name: Show its stages
  mesh.workshop.print_text:
    text: "{{ read.stages | join(', ') }}"
"""

RETURN = r"""
lab:
  description: Name of the lab.
  returned: success
  type: str
  sample: request_routing
labs:
  description: Names of the labs in the catalogue.
  returned: success
  type: list
  elements: str
  sample: [request_routing, tracing]
stage:
  description: Name of the requested stage; empty if the lab has none in this O(api).
  returned: success
  type: str
  sample: jason_v2
stages:
  description: Names of the stages in order.
  returned: success
  type: list
  elements: str
  sample: [all_v1, jason_v2]
experimental:
  description: Names of those that need the experimental channel of the Gateway API.
  returned: success
  type: list
  elements: str
  sample: [retries]
needs:
  description: Roles that the lab needs installed first.
  returned: success
  type: list
  elements: str
  sample: [tracing]
definition:
  description: The content of C(lab.yml), for the option O(mesh.workshop.lab_stage#module:definition).
  returned: success
  type: dict
  sample: {title: Request routing}
baseline:
  description: The content of baseline's C(lab.yml).
  returned: success
  type: dict
  sample: {title: Baseline}
"""
