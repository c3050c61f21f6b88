# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was killed half-way is finished by the next run, and two runs at once come to one result."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from oracle.snapshots import differences, snapshot

NAMESPACE = "bookinfo"


def kill(process):
    """At once, with all that it has started: Ansible's workers are in sessions of their own."""
    if process.poll() is not None:
        return
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):  # ended meanwhile
            os.kill(pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def begun(ansible, name, **variables):
    """A playbook that runs beside what follows, and not any longer."""
    process = ansible.begin(name, **variables)
    try:
        yield process
    finally:
        kill(process)


def descendants(pid):
    """The processes that this one has started, and theirs."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


@pytest.fixture(name="baseline")
def baseline_fixture(ansible, kube):
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    return snapshot(kube)


@pytest.fixture(name="held")
def held_fixture(kube):
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


def test_a_reset_that_was_killed_is_finished_by_the_next(ansible, kube, baseline, held, eventually):
    is_going, let_go = held
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


def test_a_stage_that_ctrl_c_has_ended_is_taken_back_by_a_reset(ansible, kube, baseline, eventually):
    with begun(ansible, "lab", lab="rbac", stage="full") as process:
        eventually(lambda: policies(kube), "the stage is being applied")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    assert differences(baseline, snapshot(kube)) == []
