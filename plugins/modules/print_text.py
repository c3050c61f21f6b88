#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: print_text
short_description: Print text for people as it is
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Prints several lines without quotes or escapes, whatever the callback is.
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
  text:
    description: The text.
    type: str
    required: true
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Tell the way in
  mesh.workshop.print_text:
    text: |
      Open http://mybookstore.com/productpage
"""

RETURN = r""" # """
