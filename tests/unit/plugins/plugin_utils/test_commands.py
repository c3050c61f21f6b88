# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible import context
from ansible_collections.mesh.workshop.plugins.plugin_utils._commands import command, running_playbook, variable_options


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("lab=rbac", []),
        ("lab=rbac stage=jwt cluster_name=blue", ["-e cluster_name=blue"]),
        ("cluster_name='a room'", ["""-e 'cluster_name='"'"'a room'"'"''"""]),
        ('{"lab": "rbac"}', []),
        ('{"lab": "rbac", "cluster_name": "blue"}', ["""-e '{"cluster_name": "blue"}'"""]),
        ('{"cluster_name":"blue"}', ["""-e '{"cluster_name":"blue"}'"""]),
        ("@lab.yml", ["-e @lab.yml"]),
        ("lab='open", ["""-e 'lab='"'"'open'"""]),
        ("api_key=a lab=b", ["-e '<hidden>'"]),
    ],
)
def test_variables_that_another_playbook_does_not_take_are_left_out(
    monkeypatch: pytest.MonkeyPatch, given: str, left: list[str]
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"extra_vars": (given,)})
    assert variable_options(("lab", "stage")) == left


@pytest.mark.parametrize(
    ("program", "shown"),
    [(".venv/bin/ansible-playbook", ".venv/bin/ansible-playbook"), ("/usr/bin/ansible-playbook", "ansible-playbook")],
)
def test_a_command_names_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(context, "CLIARGS", {"extra_vars": ("a=b",), "inventory": ("rooms.yml",)})
    assert command("mesh.workshop.lab") == f"{shown} mesh.workshop.lab -e a=b -i rooms.yml"


@pytest.mark.parametrize(
    ("program", "arguments", "playbook"),
    [
        ("/usr/bin/ansible-playbook", ("mesh.workshop.lab",), "mesh.workshop.lab"),
        ("/usr/bin/ansible-playbook", ("one.yml", "two.yml"), ""),
        ("/usr/bin/ansible", "localhost", ""),
        ("/usr/bin/pytest", None, ""),
    ],
)
def test_the_running_playbook_is_known(
    monkeypatch: pytest.MonkeyPatch, program: str, arguments: object, playbook: str
) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(context, "CLIARGS", {"args": arguments})
    assert running_playbook() == playbook


def test_a_command_leaves_out_what_its_playbook_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/ansible-playbook"])
    given = ("lab_deadline=5 lab=tls", '{"cluster_name": "blue", "tour_report": "/tmp/x"}')
    monkeypatch.setattr(context, "CLIARGS", {"extra_vars": given})
    blue = """-e '{"cluster_name": "blue"}'"""
    assert command("mesh.workshop.status") == f"ansible-playbook mesh.workshop.status {blue}"
    assert command("mesh.workshop.reset", without={"lab"}) == (
        f"ansible-playbook mesh.workshop.reset -e lab_deadline=5 {blue}"
    )
