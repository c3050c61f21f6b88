# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints text as it is, line by line: what setup and status end with."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    """The action of mesh.workshop.print_text."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Print and return the text."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec({"text": {"type": "str", "required": True}})
        Display().display("\n" + arguments["text"].rstrip() + "\n")
        return {"changed": False}
