# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: check_table
short_description: Show the results of checks as a table that fits the screen
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Makes a table with a row per check. It is as wide as the terminal, or as E(COLUMNS) says, or 79 characters where
    there is neither. On screens of less than 100 characters it leaves out what was expected.
options:
  _input:
    description: RV(mesh.workshop.verify#module:checks), as the modules return it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Prove that the page is there
  mesh.workshop.verify:
    checks:
      - name: the page
        request: {url: "http://mybookstore.com/productpage"}
        expect: {status: 200}
  register: proof

- name: Show it
  mesh.workshop.print_text:
    text: "{{ proof.checks | mesh.workshop.check_table }}"
"""

RETURN = r"""
_value:
  description: The table. It is empty where no check was asked, as in check mode.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.report import table_of
from ansible_collections.mesh.workshop.plugins.plugin_utils._screen import columns


def check_table(checks: t.Any) -> str:
    """The table of these results; AnsibleFilterError for anything else."""
    try:
        asked = [one for one in checks if isinstance(one["passed"], bool)]
        return table_of(asked, columns()) if asked else ""
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"mesh.workshop.check_table: these are not results of checks ({error!r}): give it the checks that a module "
            "of this collection returned."
        ) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"check_table": check_table}
