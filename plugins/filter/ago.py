# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ago
short_description: Say how long ago a moment was
version_added: 0.1.0
author:
  - mesh.workshop contributors (@mesh-workshop)
description:
  - Says in words how long ago a moment was, such as C(3 min ago), by the clock of the control node.
options:
  _input:
    description: The moment in ISO 8601 with its time zone.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say when the stage was verified
  mesh.workshop.print_text:
    text: "Verified {{ workshop.status.verified | mesh.workshop.ago }}."
"""

RETURN = r"""
_value:
  description: How long ago it was; empty for a text that is no moment.
  type: str
"""

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import ago, now


def since(moment: t.Any) -> str:
    """How long ago that was."""
    return ago(str(moment), now())


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"ago": since}
