# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks in the terminal, and fails on every answer but one."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

OPTIONS = {name: {"type": "str", "required": True} for name in ("question", "answer", "refusal")}


class ActionModule(ActionBase):
    """The action of mesh.workshop.confirm."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Ask, and compare the answer."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(OPTIONS)
        if self._task.check_mode:
            return {"changed": False, "skipped": True}
        try:
            typed = Display().prompt_until(f"\n{arguments['question'].rstrip()}")
        except (AnsiblePromptInterrupt, AnsiblePromptNoninteractive):
            typed = b""
        if typed.decode("utf-8", "replace").strip() != arguments["answer"]:
            return {"changed": False, "failed": True, "msg": arguments["refusal"]}
        return {"changed": False}
