# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module, and show what it is doing as it comes."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.action.lab_stage import ActionModule as StageAction


class ActionModule(StageAction):
    """The action of mesh.workshop.reset."""

    def _tells(self, arguments: dict[str, t.Any]) -> bool:
        """In check mode the module returns a list of what would change, which tells more."""
        return super()._tells(arguments) and not self._task.check_mode
