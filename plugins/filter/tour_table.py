# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tour_table
short_description: Show the steps of a tour as a table that fits the screen
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Makes a table with a row per step. It is no wider than the terminal, or than E(COLUMNS) says, or than 79 characters
    where there is neither. On narrow screens long names of labs and stages are folded.
options:
  _input:
    description: The steps of a tour, as the role P(mesh.workshop.lab#role) records them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a step
  mesh.workshop.print_text:
    text: "{{ steps | mesh.workshop.tour_table }}"
  vars:
    steps:
      - {lab: mirroring, stage: mirror, passed: true, seconds: 3.2, checks: [{passed: true}, {passed: true}]}
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.report import fitted
from ansible_collections.mesh.workshop.plugins.plugin_utils._screen import columns

HEAD = ("lab", "stage", "result", "checks", "took")


def row_of(step: t.Mapping[str, t.Any]) -> list[str]:
    """The cells of a step."""
    passed = sum(1 for one in step["checks"] if one["passed"])
    return [
        str(step["lab"]),
        str(step["stage"]),
        "passed" if step["passed"] else "failed",
        f"{passed}/{len(step['checks'])}",
        f"{float(step['seconds']):.1f} s",
    ]


def tour_table(steps: t.Any) -> str:
    """The table of these steps; AnsibleFilterError where they are something else."""
    try:
        return fitted([row_of(step) for step in steps], HEAD, HEAD[:2], columns())
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"mesh.workshop.tour_table: these are not steps of a tour ({error!r}): give it a list of steps, each with "
            "lab, stage, passed, checks and seconds."
        ) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"tour_table": tour_table}
