# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms of one stage; test_catalogue shows what becomes of a whole lab."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._workshop.forms import form_of, lacks_of, states_of

STEP = {"name": "first", "resources": ["a"], "checks": ["seen"]}
STAGE: dict[str, t.Any] = {"name": "s", "title": "S", "checks": ["c"], "removes": ["r"], "steps": [STEP]}


def test_a_stage_is_its_own_form_of_istio() -> None:
    assert form_of(STAGE, "istio") is STAGE


def test_the_form_of_the_gateway_api_has_its_own_resources_and_the_stages_checks() -> None:
    form = {"resources": ["b"], "steps": [{"name": "first", "resources": ["c"]}]}
    found = form_of({**STAGE, "gateway_api": form}, "gateway")
    assert found == {
        "name": "s",
        "title": "S",
        "checks": ["c"],
        "resources": ["b"],
        "steps": [{"name": "first", "resources": ["c"], "checks": ["seen"]}],
    }


def test_a_form_may_be_nothing_but_baseline() -> None:
    assert form_of({"name": "s", "title": "S", "gateway_api": {}}, "gateway") is not None


def test_a_stage_may_have_no_form() -> None:
    without = {**STAGE, "gateway_api": {"lacks": "has no faults"}}
    assert (form_of(without, "gateway"), lacks_of(without)) == (None, "has no faults")
    assert (form_of(STAGE, "gateway"), lacks_of(STAGE)) == (None, "")


def test_the_states_are_those_of_both_forms() -> None:
    form = {"resources": ["b"], "steps": [{"name": "first"}]}
    stage = {**STAGE, "gateway_api": form}
    assert list(states_of(stage)) == [stage, STEP, form, {"name": "first"}]
