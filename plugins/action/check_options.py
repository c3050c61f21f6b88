# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses variables of the command line that have no effect in a playbook."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS, option_faults

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def role_variables(roles: Path = ROLES) -> set[str]:
    """The names of all variables that the roles declare."""
    names: set[str] = set()
    for path in (*roles.glob("*/defaults/main.yml"), *roles.glob("*/vars/main.yml")):
        names |= set(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {})
    for path in roles.glob("*/meta/argument_specs.yml"):
        for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)["argument_specs"].values():
            names |= set(entry.get("options") or {})
    return names


class ActionModule(ActionBase):
    """The action of mesh.workshop.check_options."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Fail with a sentence per variable that has no effect."""
        super().run(tmp, task_vars)
        spec = {"playbook": {"type": "str", "required": True, "choices": list(PLAYBOOKS)}}
        _result, arguments = self.validate_argument_spec(spec)
        given = load_extra_vars(self._loader)
        faults = option_faults(arguments["playbook"], given, role_variables()) if given else []
        if faults:
            raise AnsibleActionFail(" ".join(faults))
        return {"changed": False}
