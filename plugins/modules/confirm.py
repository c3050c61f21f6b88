#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Ask before something happens that cannot be taken back
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Asks a question in the terminal. The task succeeds where the answer is the expected one, and fails with O(refusal)
    for every other answer, for Ctrl-C, and where nobody can answer because there is no terminal.
extends_documentation_fragment:
  - mesh.workshop.attributes
attributes:
  check_mode:
    support: full
    details: In check mode nothing happens that needs a confirmation, so nothing is asked.
  diff_mode:
    support: none
  idempotent:
    support: none
options:
  question:
    description: What is shown. It may have several lines.
    type: str
    required: true
  answer:
    description: What has to be typed.
    type: str
    required: true
  refusal:
    description: What the task says when it fails.
    type: str
    required: true
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Remove the namespace only if somebody wants it
  mesh.workshop.confirm:
    question: Everything in the namespace bookinfo will be removed. Type its name to go on.
    answer: bookinfo
    refusal: "Nothing was removed: its name was not typed."
"""

RETURN = r""" # """
