# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses variables of the command line that have no effect in a playbook."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS, option_faults

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def internal_names(roles: Path = ROLES) -> set[str]:
    """The names of the variables that the roles define for themselves."""
    names: set[str] = set()
    for path in roles.glob("*/vars/main.yml"):
        names |= set(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {})
    return names


def filed_names(loader: DataLoader) -> set[str]:
    """The names of the variables that files of the command line give, and nothing else on it."""
    files: set[str] = set()
    typed: set[str] = set()
    for one in context.CLIARGS.get("extra_vars") or ():
        if one.startswith("@"):
            files |= set(loader.load_from_file(one[1:]) or {})
        else:
            typed |= set(loader.load(one) if one[:1] in ("[", "{") else parse_kv(one))
    return files - typed


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
        if given:
            filed = filed_names(self._loader)
            faults = option_faults(arguments["playbook"], given, internal_names(), filed, task_vars)
            if faults:
                raise AnsibleActionFail(" ".join(faults))
        return {"changed": False}
