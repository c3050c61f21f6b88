#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attendees_info
short_description: Say who the attendees of a workshop are, and whether others can be added
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Reads the attendees from the labels of the namespaces, and changes nothing.
  - With O(wanted) it fails with one sentence if a name is no name of a namespace, if two become the same, if a
    namespace of such a name is somebody else's, or if so many do not fit into the cluster.
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
  kubeconfig:
    description: Path of the kubeconfig.
    type: path
  context:
    description: Context of the kubeconfig; without one, its current one.
    type: str
  chosen:
    description:
      - Who of those that are there is meant, as a list or a text with commas. V(all) means everybody.
      - Without it, the only one is meant; O(otherwise) says what happens if there are several.
    type: raw
  otherwise:
    description: Whether several attendees are all meant where O(chosen) names nobody, or the module asks by failing.
    type: str
    choices: [ask, all]
    default: ask
  wanted:
    description:
      - Who is to be added, or with O(state=absent) removed, instead of O(chosen).
      - A number means V(attendee-01) and so on. A list, or a text with commas, holds names. A text that ends with
        C(.csv) is the path of a CSV file with a column C(name); nothing else in the file is read.
      - A name is written in small letters, without accents, and with hyphens between its parts.
    type: raw
  state:
    description: Whether O(wanted) is to be added or removed.
    type: str
    choices: [present, absent]
    default: present
  host:
    description: The host of an attendee who is added; C({name}) stands for the name. Who is there keeps their host.
    type: str
    default: "{name}.mybookstore.com"
  machine:
    description:
      - Whether the cluster will be made on this machine. Where there is none yet, O(wanted) is judged by the machine.
    type: bool
    default: false
  resources:
    description: Requests of every container of Bookinfo, by which it is judged whether so many fit.
    type: dict
    default:
      requests:
        cpu: 2m
        memory: 32Mi
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Read who is there
  mesh.workshop.attendees_info:
    kubeconfig: ~/.kube/mesh-workshop
    otherwise: all
  register: room

- name: Find out whether a class fits
  mesh.workshop.attendees_info:
    kubeconfig: ~/.kube/mesh-workshop
    wanted: registration.csv
"""

RETURN = r"""
attendees:
  description: Who is meant, or is to be added or removed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The attendee's name, which is that of their namespace.
      type: str
      sample: ada
    host:
      description: Name by which users reach the attendee's page through the gateway.
      type: str
      sample: ada.mybookstore.com
    elsewhere:
      description: With O(state=absent), the attendee's objects outside of their namespace.
      type: list
      elements: dict
      sample: []
there:
  description: Who was there, with name and host.
  returned: success
  type: list
  elements: dict
  sample: [{name: ada, host: ada.mybookstore.com}]
shared:
  description:
    - Whether there are several attendees, so that the gateway is not one's own.
    - A user who may not list namespaces learns it from the quota that attendees in a room have.
  returned: where there is a cluster
  type: bool
  sample: true
bounds:
  description:
    - What each of them may take of the cluster, from what a Bookinfo and its proxies request.
    - C(quota) is what a ResourceQuota says, C(container) what a LimitRange says of a container.
  returned: with O(wanted) and O(state=present), where there is a cluster
  type: dict
  sample:
    quota: {pods: "24", requests.cpu: 96m, requests.memory: 2304Mi}
    container:
      defaultRequest: {cpu: 2m, memory: 32Mi}
      default: {cpu: 1000m, memory: 512Mi}
      max: {cpu: 2000m, memory: 1024Mi}
expected:
  description:
    - How long it takes to add those who are not there yet, and the memory that they will use, by what was measured.
    - Empty where there is nobody new, or where the user may not see the nodes.
  returned: with O(wanted) and O(state=present)
  type: str
  sample: Adding 12 attendees takes about 2 minutes and 4.6 GiB of memory.
room:
  description: Who has been added as an attendee, which whoever setup alone has made is not.
  returned: with O(wanted), where there is a cluster
  type: list
  elements: str
  sample: [ada, bob]
"""
