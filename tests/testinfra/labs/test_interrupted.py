# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was killed half-way is finished by the next run, and two runs at once come to one result."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from oracle.snapshots import differences, snapshot

NAMESPACE = "bookinfo"


def kill(process):
    """At once, with all that it has started: Ansible's workers are in sessions of their own."""
    for pid in [process.pid, *descendants(process.pid)]:
        os.kill(pid, signal.SIGKILL)
    process.wait()


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


def leave_something(kube, count):
    """ConfigMaps of somebody's own; there are many, so that a reset has something to do."""
    for number in range(count):
        kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": f"left-{number:03d}"}})


def left(kube):
    return [
        one for one in kube.core.list_namespaced_config_map(NAMESPACE).items if one.metadata.name.startswith("left-")
    ]


def test_a_reset_that_was_killed_is_finished_by_the_next(ansible, kube, baseline, eventually):
    leave_something(kube, 200)
    kube.apps.patch_namespaced_deployment_scale("ratings-v1", NAMESPACE, {"spec": {"replicas": 0}})
    killed = ansible.begin("reset", reset_confirm="yes")
    eventually(lambda: len(left(kube)) < 200, "the reset takes away")
    kill(killed)
    assert differences(baseline, snapshot(kube)) != []
    run = ansible.play("reset", reset_confirm="yes")
    assert (run.status, run.changed) == (0, 1), run.output
    assert differences(baseline, snapshot(kube)) == []


def test_a_stage_that_was_killed_is_finished_by_the_next(ansible, kube, baseline, eventually):
    killed = ansible.begin("lab", lab="rbac", stage="full")
    eventually(lambda: policies(kube), "the stage is being applied")
    kill(killed)
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
    other = ansible.begin("lab", lab="request_routing", stage="jason_v2")
    run = ansible.play("lab", lab="request_routing", stage="jason_v2")
    assert other.wait() == 0
    assert run.status == 0, run.output
    assert set(kube.istio("virtualservices")) == {"bookinfo", "reviews"}
    assert ansible.play("lab", lab="request_routing", stage="jason_v2").changed == 0
