# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which options a playbook takes, and that its text and the table say the same."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.action.check_options import role_variables
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS, option_faults

ROOT = pathlib.Path(__file__).parents[4]
VARIABLES = role_variables()


@pytest.mark.parametrize(
    ("playbook", "given"),
    [
        ("lab", {"lab": "faults", "stage": "delay", "cluster_name": "blue", "lab_wait_timeout": 60}),
        ("verify", {}),
        ("verify", {"lab": "", "stage": ""}),
        ("verify", {"lab": "faults"}),
        ("reset", {"reset_confirm": "yes", "env": "prod", "ansible_become_pass": "x"}),
        ("tour", {"labs": "tls,rbac", "tour_report": "/tmp/tour.xml"}),
        ("setup", {"istio_version": "1.31.0", "tracing_backend": "zipkin"}),
    ],
)
def test_what_has_an_effect_is_taken(playbook: str, given: dict[str, t.Any]) -> None:
    assert option_faults(playbook, given, VARIABLES) == []


@pytest.mark.parametrize(
    ("playbook", "given", "said"),
    [
        ("verify", {"stage": "delay"}, "stage has no effect without lab: add -e lab=NAME."),
        ("lab", {"lab": "", "stage": "delay"}, "stage has no effect without lab: add -e lab=NAME."),
        ("status", {"lab": "faults"}, "lab has no effect in mesh.workshop.status: leave it out."),
        (
            "reset",
            {"stage": "delay"},
            "stage has no effect in mesh.workshop.reset, which takes -e lab, ",
        ),
        ("lab", {"labs": "faults"}, "labs has no effect in mesh.workshop.lab"),
        ("lab", {"lab": "faults", "stagee": "delay"}, "stagee is not a variable of mesh.workshop: did you mean stage?"),
        ("setup", {"cluster_nmae": "x"}, "cluster_nmae is not a variable of mesh.workshop: did you mean cluster_name?"),
        ("setup", {"istio_zzz": "x"}, "istio_zzz is not a variable of mesh.workshop"),
        ("tour", {"lab": "tls", "labs": "rbac"}, "lab and labs exclude each other: give one of them."),
    ],
)
def test_what_has_none_is_named_with_what_to_do(playbook: str, given: dict[str, t.Any], said: str) -> None:
    (fault,) = option_faults(playbook, given, VARIABLES)
    assert fault.startswith(said)


def test_every_fault_is_told_at_once() -> None:
    assert len(option_faults("lab", {"labs": "a", "cluster_nmae": "b", "stage": "c"}, VARIABLES)) == 3


def test_each_playbook_checks_first_and_uses_what_it_takes() -> None:
    paths = {path.stem: path for path in (ROOT / "playbooks").glob("*.yml")}
    assert set(paths) == set(PLAYBOOKS)
    for name, path in paths.items():
        (play,) = yaml.safe_load(path.read_text())
        assert play["tasks"][0]["mesh.workshop.check_options"] == {"playbook": name}
        text = path.read_text() + "".join(
            one.read_text() for one in (ROOT / "roles" / "lab" / "tasks").glob(f"{name}*.yml")
        )
        for option in PLAYBOOKS[name]:
            assert re.search(rf"\b{option}\s*\|", text), f"{name}: {option}"
