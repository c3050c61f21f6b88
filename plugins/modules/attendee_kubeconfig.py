#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attendee_kubeconfig
short_description: Write the kubeconfig that an attendee is handed
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Asks the API server for a token of the attendee's ServiceAccount, and writes it to a file of mode 0600 with what is
    needed to reach the API server. Neither the result nor a message shows the token.
  - A file that is there stays as long as its token has half of its time left and belongs to the same account.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: A diff would show the token.
  idempotent:
    support: partial
    details: A token whose time is half over is replaced.
options:
  kubeconfig:
    description: Path of the kubeconfig of those who run the workshop.
    type: path
  context:
    description: Context of the kubeconfig; without one, its current one.
    type: str
  name:
    description: The attendee, whose ServiceAccount of that name is in the namespace C(mesh-workshop-attendees).
    type: str
    required: true
  path:
    description:
      - The file to write. A folder that is not there is made with mode 0700.
      - With O(state=absent) the folder goes with the last file in it.
    type: path
    required: true
  hours:
    description: How long the token holds, from 1 to 48. The API server may grant less.
    type: int
    default: 12
  server:
    description: The URL by which the attendee reaches the API server, if it is not that of O(kubeconfig).
    type: str
  state:
    description: Whether the file is there.
    type: str
    choices: [present, absent]
    default: present
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Hand ada a kubeconfig for a day
  mesh.workshop.attendee_kubeconfig:
    kubeconfig: ~/.kube/mesh-workshop
    name: ada
    path: handouts/ada
    hours: 24
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: handouts/ada
expires:
  description: When the token ends, in UTC.
  returned: when there is one
  type: str
  sample: "2026-11-28T18:00:00Z"
"""
