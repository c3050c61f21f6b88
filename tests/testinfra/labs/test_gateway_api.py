# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that the Kubernetes Gateway API can say pass the same checks in it, and fail the same ones elsewhere.

Their guides lead there: whoever reads one in this API sees what it prints.
"""

from __future__ import annotations

import pytest
from oracle.forms import PLACES, definitions, forms_of, mutated
from oracle.stages import CATALOGUE, LABS, read

FORMS = forms_of(LABS)
ROUTES = ("gateway.networking.k8s.io", "v1", "bookinfo", "httproutes")


@pytest.fixture(autouse=True, scope="module")
def _definitions(ansible):
    """The cluster has the definitions of the experimental channel; afterwards it has none again, and no lab."""
    installed = ansible.role("gateway_api", gateway_api_channel="experimental")
    assert installed.status == 0, installed.output
    yield
    assert ansible.play("reset", reset_confirm="yes").status == 0
    gone = ansible.module("apply", src=str(definitions()), state="absent", wait_timeout=60)
    assert gone.status == 0, gone.output


def failing_in(content, world):
    """The checks of a lab that say of themselves that they fail in one of its stages."""
    states = [state for stage in content["stages"] for state in (*stage.get("steps", ()), stage)]
    return [check for state in states for check in state.get("checks", ()) if check.get("fails_in") == world]


@pytest.mark.parametrize(("lab", "stage"), FORMS)
def test_a_guide_leads_to_a_stage_that_passes_its_checks_and_fails_those_that_it_should(
    ansible, images, credentials, reader_of, lab, stage
):
    reader, complaints, applied = reader_of(lab, "gateway"), [], False
    for step in reader.steps_of(stage):
        complaints += reader.follow(step)
        if step.command.startswith("ansible-playbook mesh.workshop.lab "):
            applied = not complaints
            checks = failing_in(read(lab, images, credentials(lab)), stage) if applied else []
            if checks:
                all_fail(ansible, checks)
    assert not complaints, "\n".join(complaints)
    assert applied, "the guide leads to the stage"


def all_fail(ansible, checks):
    failed = ansible.module("verify", checks=checks, namespace="bookinfo", once=True)
    assert {one["name"]: one["passed"] for one in failed.result["checks"]} == {one["name"]: False for one in checks}
    return failed.result["checks"]


@pytest.mark.parametrize(("lab", "stage"), PLACES)
def test_checks_fail_in_the_mutation_of_the_form(ansible, images, credentials, lab, stage):
    content = read(lab, images, credentials(lab))
    (world,) = (one for one in content["stages"] if one["name"] == stage)
    world["gateway_api"]["resources"], checks = mutated(lab, world)
    world["gateway_api"]["steps"] = []
    world.update(steps=[], checks=[])
    missing = (lab, stage) == ("traffic_shifting", "red_black")
    run = ansible.module(
        "lab_stage",
        lab=lab,
        stage=stage,
        api="gateway",
        catalogue=str(CATALOGUE),
        definition=content,
        baseline=read("baseline"),
        namespace="bookinfo",
        # A route to a Service that does not exist is never ready.
        **({"wait_timeout": 5} if missing else {}),
    )
    assert "BackendNotFound" in run.output if missing else run.status == 0, run.output
    told = [one["diagnosis"] for one in all_fail(ansible, checks)]
    if missing:
        assert all(one.startswith("The status of HTTPRoute bookinfo/reviews says what is wrong:") for one in told), told


def test_what_is_applied_is_compared_and_verified_in_its_own_api_and_reset(ansible, kube):
    stage = {"lab": "mirroring", "stage": "mirror"}
    assert ansible.play("lab", **stage, lab_api="gateway").status == 0
    again = ansible.play("lab", **stage, lab_api="gateway")
    assert (again.status, again.changed) == (0, 0), again.output
    verified = ansible.play("verify")
    assert (verified.status, verified.changed) == (0, 0), verified.output
    status = ansible.play("status").output
    assert "Applied     mirroring, stage mirror, in the Gateway API" in status
    assert "Health      good" in status
    assert ansible.play("lab", **stage).status == 0, "the same stage in Istio's API takes its place"
    assert kube.custom.list_namespaced_custom_object(*ROUTES)["items"] == []
    assert ansible.play("lab", **stage, lab_api="gateway").status == 0
    reset = ansible.play("reset", reset_confirm="yes")
    assert reset.status == 0, reset.output
    assert kube.custom.list_namespaced_custom_object(*ROUTES)["items"] == []


def test_a_stage_that_the_gateway_api_cannot_say_is_refused_before_anything_is_changed(ansible):
    run = ansible.play("lab", lab="resilience", stage="outlier", lab_api="gateway")
    assert (run.status != 0, run.changed) == (True, 0), run.output
    assert "which has no outlier detection: leave out lab_api, or take stage timeout, retries." in run.output
