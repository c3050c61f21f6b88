# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: command_options
short_description: The inventories and variables that this run was given on its command line
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Returns the options C(-i) and C(-e) as they were typed, each quoted for a shell, so that a command which is shown to
    people is about the same cluster and the same workshop.
  - Variables whose text looks like a secret are not repeated; C(<hidden>) stands in their place.
options:
  _terms:
    description:
      - Name of the playbook of this collection that the options are for, such as V(mesh.workshop.status). Variables
        that it does not take are left out, while a file stays. Without one, or with another playbook, all are returned.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say how to go on
  ansible.builtin.debug:
    msg: "ansible-playbook {{ ([playbook] + query('mesh.workshop.command_options', playbook)) | join(' ') }}"
  vars:
    playbook: mesh.workshop.status
"""

RETURN = r"""
_raw:
  description: The options, such as C(-e cluster_name=blue).
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.mesh.workshop.plugins.plugin_utils._commands import (
    inventory_options,
    untaken,
    variable_options,
)


class LookupModule(LookupBase):
    """The lookup mesh.workshop.command_options."""

    def run(self, terms, variables=None, **kwargs):
        """Return the options, in the order in which they count."""
        self.set_options(var_options=variables, direct=kwargs)
        without = {name for playbook in terms for name in untaken(playbook)}
        return [*inventory_options(), *variable_options(without)]
