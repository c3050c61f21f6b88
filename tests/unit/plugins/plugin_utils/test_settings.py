# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""That each playbook takes exactly those variables of the roles that it reads."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.plugin_utils._settings import (
    DEFINITIONS,
    FORM,
    NEEDS,
    OTHERWISE,
    PLACE,
    SERVICES,
    SETTINGS,
    WORKSHOP,
    unmet,
)

ROOT = Path(__file__).parents[4]
ROLES = ROOT / "roles"
# Includes whose names a variable holds.
HELD = {
    "mesh.workshop.{{ lab_need }}": tuple(
        f"mesh.workshop.{name}" for name in ("dashboard", "gateway_api", "metrics", "ratelimit", "tracing")
    ),
    "mesh.workshop.{{ lab_service }}": tuple(
        f"mesh.workshop.{name}" for name in ("dashboard", "metrics", "ratelimit", "tracing")
    ),
    "{{ dashboard_shown }}.yml": ("kiali.yml", "pages.yml"),
    "{{ cluster_provider }}.yml": ("embedded.yml", "existing.yml"),
    "{{ lab_tour_tasks }}": ("main.yml", "reset.yml"),
}
# A stage that is only verified installs and waits for nothing, and baseline needs no service. The state of Bookinfo is
# for whoever deploys it, and attendees_state says that of an attendee; the lists of its documents only look at it.
# Explaining names the host in a message.
UNREAD = {
    "setup": SERVICES | FORM | DEFINITIONS,
    "break": SERVICES | FORM | DEFINITIONS,
    "verify": SERVICES | DEFINITIONS | {"lab_wait_timeout"},
    "attendees": SERVICES | FORM | DEFINITIONS | {"bookinfo_state"},
    **dict.fromkeys(("status", "reset", "tour"), frozenset({"bookinfo_state"})),
}


def declared() -> set[str]:
    """The variables that the roles offer."""
    names: set[str] = {"lab_catalogue"}
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            names |= set(entry.get("options") or {})
    return names


def definitions() -> dict[str, str]:
    """The text of each variable that a role defines."""
    return {
        name: str(value)
        for part in ("defaults", "vars")
        for path in ROLES.glob(f"*/{part}/main.yml")
        for name, value in (yaml.safe_load(path.read_text()) or {}).items()
    }


def text_of(path: Path, role: Path | None, seen: set[Path]) -> str:
    """A file of tasks without its comments, with all that it includes and renders."""
    if path in seen:
        return ""
    seen.add(path)
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    parts = ["\n".join(lines)]
    for found in walk(yaml.safe_load(path.read_text())):
        if "ansible.builtin.include_role" in found:
            asked = found["ansible.builtin.include_role"]
            for name in HELD.get(asked["name"], (asked["name"],)):
                other = ROLES / name.removeprefix("mesh.workshop.")
                parts.append(text_of(other / "tasks" / asked.get("tasks_from", "main.yml"), other, seen))
        for key in ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks"):
            for name in HELD.get(found.get(key, ""), (found[key],)) if key in found else ():
                folder = role / "tasks" if role else ROOT / "playbooks"
                parts.append(text_of(folder / name, role, seen))
    folder = (role or ROOT / "playbooks") / "templates"
    parts += [(folder / name).read_text() for name in re.findall(r"[\w.-]+\.j2", parts[0])]
    return "\n".join(parts)


def walk(tasks: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Every mapping in some YAML."""
    for one in tasks.values() if isinstance(tasks, dict) else tasks if isinstance(tasks, list) else ():
        yield from walk(one)
    if isinstance(tasks, dict):
        yield tasks


def read_by(playbook: str) -> set[str]:
    """The variables that the roles offer, as far as a playbook reads them, be it in the value of another."""
    texts = definitions()
    names = declared()
    waiting = [text_of(ROOT / "playbooks" / f"{playbook}.yml", None, set())]
    found: set[str] = set()
    while waiting:
        for name in set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", waiting.pop())) - found:
            found.add(name)
            if name in texts:
                waiting.append(texts[name])
    return found & names - set(OTHERWISE)


@pytest.mark.parametrize("playbook", SETTINGS)
def test_a_playbook_takes_what_its_roles_read(playbook: str) -> None:
    read, takes = read_by(playbook), SETTINGS[playbook]
    # What says which workshop is meant is taken in any case.
    assert takes - read <= WORKSHOP | PLACE
    given = {"cluster_kubeconfig", "cluster_context"} if playbook == "migrate" else set()
    assert read - UNREAD.get(playbook, frozenset()) - given <= takes


def test_every_variable_of_the_playbooks_roles_is_known() -> None:
    offered = declared() - set(OTHERWISE)
    assert offered == frozenset().union(*SETTINGS.values())
    assert set(NEEDS) <= offered


def test_what_a_variable_needs_is_judged_by_all_variables() -> None:
    assert unmet("cluster_listen_api_port", {"cluster_listen": "0.0.0.0", "cluster_listen_api": "no"})
    assert not unmet("cluster_listen_api_port", {"cluster_listen": "0.0.0.0", "cluster_listen_api": True})
    assert unmet("bookinfo_wait_timeout", {"bookinfo_wait": "false"}) == "bookinfo_wait=true"
    assert unmet("cluster_platform", {"cluster_provider": ""}) == "cluster_provider=existing"
