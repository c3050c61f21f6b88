# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mutation of a stage with a form has its counterpart there; forms that lead to the same are walked once."""

from __future__ import annotations

import pytest
from oracle.forms import PLACES, distinct_forms, form_of, forms_of, mutated
from oracle.stages import BASELINE, LABS, states


def stage_of(lab, name):
    (found,) = (stage for stage in LABS[lab]["stages"] if stage["name"] == name)
    return found


def test_each_stage_with_a_form_and_a_mutation_has_a_place():
    with_mutation = {
        (lab, name)
        for lab, name in forms_of(LABS)
        if any(isinstance(check.get("fails_in"), dict) for check in stage_of(lab, name)["checks"])
    }
    assert with_mutation == set(PLACES)


@pytest.mark.parametrize(("lab", "name"), PLACES)
def test_a_mutation_changes_the_one_object(lab, name):
    stage = stage_of(lab, name)
    before = {(one["kind"], one["metadata"]["name"]): one for one in stage["gateway_api"]["resources"]}
    resources, checks = mutated(lab, stage)
    after = {(one["kind"], one["metadata"]["name"]): one for one in resources}
    assert [key for key in before if before[key] != after.get(key)] == [PLACES[lab, name]]
    assert set(after) <= set(before)
    assert checks


def test_forms_that_lead_to_what_another_stage_leads_to_are_left_out():
    distinct = distinct_forms(LABS)
    assert set(forms_of(LABS)) - set(distinct) == {("gateway", "closed"), ("gateway", "login")}
    reached = [states(form_of(stage_of(*one)), LABS[BASELINE[0]])[-1] for one in distinct]
    assert len(reached) == 14
    assert all(one not in reached[:number] for number, one in enumerate(reached))
