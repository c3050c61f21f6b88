#!/usr/bin/python
# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: check_options
short_description: Refuse variables of the command line that have no effect
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Looks at what was given with C(-e) to one of this collection's playbooks. It fails on an option of another playbook,
    on a variable of a role that the playbook does not read, on one that needs another option which is not given, on one
    that the playbooks set themselves, and on a misspelt variable of this collection.
  - A file, as in C(-e @room.yml), may hold the variables of roles that any of the playbooks reads, so that one file
    serves them all. Every playbook about a workshop also takes the variables that say which workshop is meant.
  - Names that are neither this collection's nor close to one of them are left alone, since inventories may use them.
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
  playbook:
    description: Name of the playbook.
    type: str
    choices: [setup, lab, verify, break, status, reset, tour, explain, dashboard, migrate, teardown]
    required: true
notes:
  - This is an action plugin, so it runs on the control node.
"""

EXAMPLES = r"""
- name: Check the options
  mesh.workshop.check_options:
    playbook: verify
"""

RETURN = r""" # """
