# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module from its arguments to its exit: where it applies a stage, over what, and what it verifies."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import ROUTING

Json = dict[str, t.Any]


@pytest.fixture(name="stage")
def stage_fixture(run: t.Callable[..., Json]) -> t.Callable[..., Json]:
    """Run the module for a stage of the lab routing."""

    def call(name: str = "", **options: t.Any) -> Json:
        return run("stage", **{"lab": "routing", "definition": ROUTING, "stage": name, "wait_timeout": 5, **options})

    return call


@pytest.mark.parametrize("check", [False, True])
def test_a_namespace_that_is_not_ours_is_refused(stage: t.Callable[..., Json], api: FakeApi, check: bool) -> None:
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}})
    before = api.versions()
    result = stage(namespace="theirs", check=check)
    assert result["failed"]
    assert "Namespace theirs is not the workshop's" in result["msg"]
    assert api.versions() == before


def test_a_namespace_that_is_only_pretended_is_none_to_refuse(stage: t.Callable[..., Json], api: FakeApi) -> None:
    assert "does not exist" in stage(namespace="nowhere")["msg"]
    result = stage(namespace="nowhere", check=True)
    assert not result.get("failed"), result
    assert [one["kind"] for one in result["results"]][0] == "Namespace"
    assert api.find("Namespace", "nowhere") is None
