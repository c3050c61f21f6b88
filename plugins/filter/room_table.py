# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: room_table
short_description: Show the attendees of a workshop as a table that fits the screen
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Makes a table with a row per attendee, which says who they are, at which stage of which lab they are, when it was
    verified, and whether their workshop is healthy. Below it stand runs at work, failures and troubles, a line each.
  - The table is no wider than the terminal, or than E(COLUMNS) says, or than 79 characters where there is neither. On
    screens of less than 70 characters it leaves out the host.
options:
  _input:
    description: The status of each attendee, as M(mesh.workshop.workshop_info) returns it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the board
  mesh.workshop.print_text:
    text: "{{ [workshop.status] | mesh.workshop.room_table }}"
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

import datetime
import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.report import fitted
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import failure
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import ago, now
from ansible_collections.mesh.workshop.plugins.plugin_utils._screen import columns

HEAD = ("attendee", "lab", "stage", "verified", "host", "health")
ROOMY = 70
# Of somebody's troubles the first ones are shown; the rest may follow from them.
SHOWN = 2


def row_of(status: t.Mapping[str, t.Any], moment: datetime.datetime) -> dict[str, str]:
    """The cells of an attendee, by the words of the head."""
    cells = {name: str(status[name] or "nothing") for name in ("lab", "stage", "host")}
    verified = "in progress" if status["running"] else ago(status["verified"], moment) or "no"
    health = "good" if status["healthy"] else "see below"
    return {**cells, "attendee": str(status["namespace"]), "verified": verified, "health": health}


def lines_of(status: t.Mapping[str, t.Any], moment: datetime.datetime) -> list[str]:
    """The lines about an attendee below the table."""
    troubles = list(status["troubles"])
    more = [f"and {len(troubles) - SHOWN} more"] if len(troubles) > SHOWN else []
    running = f"in progress: {status['running']}" if status["running"] else ""
    said = filter(None, (running or failure(status, moment), *troubles[:SHOWN], *more))
    return [f"{status['namespace']}: {line}" for line in said]


def room_table(statuses: t.Any) -> str:
    """The table of these attendees; AnsibleFilterError where they are something else."""
    try:
        ordered, moment, width = sorted(statuses, key=lambda one: str(one["namespace"])), now(), columns()
        head = [name for name in HEAD if name != "host" or width >= ROOMY]
        rows = [row_of(one, moment) for one in ordered]
        table = fitted([[row[name] for name in head] for row in rows], head, HEAD[:-1], width)
        below = [line for one in ordered for line in lines_of(one, moment)]
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"mesh.workshop.room_table: these are not the attendees' statuses ({error!r}): give it a list of what "
            "mesh.workshop.workshop_info returns as status."
        ) from None
    return "\n\n".join(filter(None, (table, "\n".join(below))))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"room_table": room_table}
