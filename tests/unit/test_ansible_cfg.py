# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.config.manager import ConfigManager

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT_STDOUT_CALLBACK", "mesh.workshop.room"),
        ("LOCALHOST_WARNING", False),
        ("INVENTORY_UNPARSED_WARNING", False),
    ],
)
def test_commands_from_the_repositorys_root_end_with_the_diagnosis_and_without_noise(
    name: str, value: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ansible reads the file: a key in another section would be ignored without a word."""
    monkeypatch.delenv(f"ANSIBLE_{name.removeprefix('DEFAULT_')}", raising=False)
    assert ConfigManager(conf_file=str(ROOT / "ansible.cfg")).get_config_value(name) == value


def test_it_is_the_repositorys_and_not_the_collections() -> None:
    assert "ansible.cfg" in yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
