# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was killed half-way is finished by the next run, and two runs at once come to one result."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess

import pytest
from oracle.processes import begun, interrupt
from oracle.rooms import held, is_held
from oracle.snapshots import differences, snapshot

NAMESPACE = "bookinfo"


@pytest.fixture(name="baseline")
def baseline_fixture(ansible, kube):
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    return snapshot(kube)


@pytest.fixture(name="stuck")
def stuck_fixture(kube):
    """Something of somebody's own that does not go until it is let go: a reset waits for it half-way."""
    name = "left"
    metadata = {"name": name, "finalizers": ["mesh.workshop/held"]}
    kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": metadata})

    def let_go():
        for item in kube.core.list_namespaced_config_map(NAMESPACE).items:
            if item.metadata.name == name and item.metadata.finalizers:
                kube.core.patch_namespaced_config_map(name, NAMESPACE, {"metadata": {"finalizers": None}})

    def is_going():
        return kube.core.read_namespaced_config_map(name, NAMESPACE).metadata.deletion_timestamp is not None

    yield is_going, let_go
    let_go()


def test_a_reset_that_was_killed_is_finished_by_the_next(ansible, kube, baseline, stuck, eventually):
    is_going, let_go = stuck
    kube.apps.patch_namespaced_deployment_scale("ratings-v1", NAMESPACE, {"spec": {"replicas": 0}})
    with begun(ansible, "reset", reset_confirm="yes"):
        eventually(is_going, "the reset takes away")
    let_go()
    assert "Deployment bookinfo/ratings-v1 differs" in "\n".join(differences(baseline, snapshot(kube)))
    run = ansible.play("reset", reset_confirm="yes")
    assert (run.status, run.changed) == (0, 1), run.output
    assert differences(baseline, snapshot(kube)) == []


def test_a_stage_that_was_killed_is_finished_by_the_next(ansible, kube, baseline, eventually):
    with begun(ansible, "lab", lab="rbac", stage="full"):
        eventually(lambda: policies(kube), "the stage is being applied")
    info = ansible.module("mesh_info").result
    assert "rbac" in json.dumps(info["owned"]), "what was applied says whose it is"
    run = ansible.play("lab", lab="rbac", stage="full")
    assert run.status == 0, run.output
    assert ansible.play("lab", lab="rbac", stage="full").changed == 0
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    assert differences(baseline, snapshot(kube)) == []


def policies(kube):
    return kube.custom.list_namespaced_custom_object("security.istio.io", "v1", NAMESPACE, "authorizationpolicies")[
        "items"
    ]


def test_two_runs_at_once_come_to_one_result(ansible, kube, baseline):
    with begun(ansible, "lab", lab="request_routing", stage="jason_v2") as other:
        run = ansible.play("lab", lab="request_routing", stage="jason_v2")
        assert other.wait() == 0
    assert run.status == 0, run.output
    assert set(kube.istio("virtualservices")) == {"bookinfo", "reviews"}
    assert ansible.play("lab", lab="request_routing", stage="jason_v2").changed == 0


def test_a_reset_beside_a_lab_waits_for_its_turn(ansible, kube, baseline, eventually):
    with begun(ansible, "lab", lab="rbac", stage="full") as other:
        eventually(lambda: policies(kube), "the stage is being applied")
        run = ansible.play("reset", reset_confirm="yes")
        assert other.wait(60) == 0
    assert run.status == 0, run.output
    assert policies(kube) == []
    assert differences(baseline, snapshot(kube)) == []


def test_bookinfo_is_not_applied_while_somebody_is_at_work(ansible, kube):
    """As setup would do."""
    before = kube.generations()
    with held(kube, NAMESPACE, "ada@desk"):
        run = ansible.role("bookinfo", bookinfo_wait_timeout=2)
    assert run.status != 0
    assert "namespace bookinfo is held by ada@desk since " in run.message
    assert kube.generations() == before


CALLBACKS = pytest.mark.parametrize(
    ("callback", "signum"),
    [("ansible.builtin.default", signal.SIGTERM), ("mesh.workshop.room", signal.SIGINT)],
    ids=["default", "room"],
)


def run_command(line):
    """A command as it was shown; all of them are about the cluster of this test."""
    words = shlex.split(line)
    assert words[0].endswith("ansible-playbook")
    assert "cluster_name" in line
    done = subprocess.run([*words, "-e", "reset_confirm=yes"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="in_the_way")
def in_the_way_fixture(kube):
    """A VirtualService that is going and not gone: a stage that has one of its name waits half-way."""
    where = ("networking.istio.io", "v1", NAMESPACE, "virtualservices")
    held = {"name": "reviews", "finalizers": ["mesh.workshop/held"]}
    route = [{"route": [{"destination": {"host": "reviews"}}]}]
    body = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": held}
    kube.custom.create_namespaced_custom_object(*where, {**body, "spec": {"hosts": ["reviews"], "http": route}})
    kube.custom.delete_namespaced_custom_object(*where, "reviews")

    def let_go():
        found = kube.istio("virtualservices").get("reviews", {"metadata": {}})
        if found["metadata"].get("finalizers"):
            kube.custom.patch_namespaced_custom_object(*where, "reviews", {"metadata": {"finalizers": None}})

    yield let_go
    let_go()


@CALLBACKS
def test_a_stage_that_is_interrupted_says_what_it_has_changed(
    ansible, kube, baseline, in_the_way, eventually, tmp_path, callback, signum
):
    log = tmp_path / "log"
    variables = {"lab": "request_routing", "stage": "all_v1"}
    with begun(ansible, "lab", log=log, callback=callback, **variables) as process:
        eventually(lambda: "reviews" in kube.istio("destinationrules"), "the stage is being applied")
        assert is_held(kube, NAMESPACE)
        told = interrupt(process, log, signum)
    half = kube.istio("virtualservices")["reviews"]
    assert half["metadata"]["deletionTimestamp"], "the stage's own VirtualService was not applied"
    assert not is_held(kube, NAMESPACE)
    assert "created DestinationRule bookinfo/reviews" in told.changes
    assert not [line for line in told.changes if "VirtualService" in line]
    assert "Namespace bookinfo has not reached stage all_v1 of lab request_routing." in told.text
    in_the_way()
    again, back = told.steps["To reach the stage"], told.steps["To go back to baseline"]
    assert (" mesh.workshop.lab " in again, "request_routing" in again) == (True, True)
    assert (" mesh.workshop.reset " in back, "request_routing" in back) == (True, False)
    if signum == signal.SIGINT:
        done = ansible.play("lab", **variables)
        assert done.status == 0, done.output
    run_command(back)
    assert differences(baseline, snapshot(kube)) == []


@CALLBACKS
def test_a_reset_that_is_interrupted_says_what_it_has_changed(
    ansible, kube, baseline, stuck, eventually, tmp_path, callback, signum
):
    is_going, let_go = stuck
    log = tmp_path / "log"
    kube.apps.patch_namespaced_deployment_scale("ratings-v1", NAMESPACE, {"spec": {"replicas": 0}})
    with begun(ansible, "reset", log=log, callback=callback, reset_confirm="yes") as process:
        eventually(is_going, "the reset takes away")
        told = interrupt(process, log, signum)
    half = kube.apps.read_namespaced_deployment_scale("ratings-v1", NAMESPACE)
    assert not half.spec.replicas, "what the reset puts back comes after what it takes away"
    assert not is_held(kube, NAMESPACE)
    assert told.changes == ["deleted ConfigMap bookinfo/left"]
    assert "Namespace bookinfo may not be back at baseline." in told.text
    let_go()
    assert list(told.steps) == ["To finish it"]
    run_command(told.steps["To finish it"])
    assert differences(baseline, snapshot(kube)) == []


@CALLBACKS
def test_a_verification_that_is_interrupted_has_changed_nothing(
    ansible, kube, baseline, eventually, tmp_path, callback, signum
):
    log = tmp_path / "log"
    kube.apps.patch_namespaced_deployment_scale("productpage-v1", NAMESPACE, {"spec": {"replicas": 0}})
    with begun(ansible, "verify", log=log, callback=callback) as process:
        eventually(lambda: re.search(" s  waiting ", log.read_text()), "a check is asked again")
        told = interrupt(process, log, signum)
    assert told.changes == []
    assert "Nothing was changed. The checks did not finish." in told.text
    assert list(told.steps) == ["To run it again"]
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    assert differences(baseline, snapshot(kube)) == []
