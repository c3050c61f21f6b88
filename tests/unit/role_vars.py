# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's variables as Ansible renders them, for unit tests."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load(path: Path) -> t.Any:
    """What a YAML file of ours holds, its templates not yet rendered."""
    return DataLoader().load_from_file(str(path), trusted_as_template=True)


def render(role: str, value: t.Any, given: t.Mapping[str, t.Any]) -> t.Any:
    """A value with its templates rendered by a role's variables, where these are given on the command line."""
    variables: dict[str, t.Any] = {}
    for part in ("defaults", "vars"):
        path = ROLES / role / part / "main.yml"
        if path.is_file():
            variables |= load(path)
    return Templar(loader=DataLoader(), variables={**variables, **given}).template(value)


def variable(role: str, name: str, **given: t.Any) -> t.Any:
    """A variable of a role."""
    return render(role, trust_as_template("{{ " + name + " }}"), given)


def task(role: str, name: str, **given: t.Any) -> dict[str, t.Any]:
    """A task of a role's main.yml: the arguments of its module and whether it runs."""
    (found,) = (one for one in load(ROLES / role / "tasks" / "main.yml") if one["name"] == name)
    (arguments,) = (value for key, value in found.items() if "." in key)
    given = {**found.get("vars", {}), "omit": "(omitted)", **given}
    conditions = [found["when"]] if isinstance(found.get("when"), str) else found.get("when", [])
    runs = all(render(role, trust_as_template("{{ " + one + " }}"), given) for one in conditions)
    return {"runs": runs, "arguments": render(role, arguments, given) if runs else None}
