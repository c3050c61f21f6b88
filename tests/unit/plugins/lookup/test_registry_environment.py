# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.lookup.registry_environment import NAMES, LookupModule

ROLES = Path(__file__).resolve().parents[4] / "roles"
EXPRESSION = "{{ lookup('mesh.workshop.registry_environment') }}"


def test_those_that_are_set_are_handed_on_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    assert LookupModule().run([]) == [{}]
    wanted = {"https_proxy": "http://proxy:3128", "NO_PROXY": "localhost", "PIP_INDEX_URL": "https://mirror/simple"}
    for name, value in {**wanted, "GOPROXY": "", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}.items():
        monkeypatch.setitem(os.environ, name, value)
    assert LookupModule().run([]) == [wanted]


@pytest.mark.parametrize(
    "path",
    [
        "cluster/tasks/embedded.yml",
        "tracing/tasks/images.yml",
        "ratelimit/tasks/images.yml",
        "dashboard/tasks/kiali.yml",
        "dashboard/tasks/pages.yml",
    ],
)
def test_every_task_that_fetches_something_as_root_has_them(path: str) -> None:
    fetching = [
        task
        for task in yaml.safe_load((ROLES / path).read_text())
        if "ansible.builtin.apt" in task or task.get("mesh.workshop.embedded_artifacts", {}).get("build", True) is True
        if set(task) & {"ansible.builtin.apt", "mesh.workshop.embedded_artifacts"}
    ]
    assert fetching
    assert [task["name"] for task in fetching if task.get("environment") != EXPRESSION] == []
