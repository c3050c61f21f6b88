# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import health

START = health.moment("2026-05-01T10:00:00Z")


def node(status: str = "True", heartbeat: str = "2026-05-01T10:00:05Z") -> dict[str, t.Any]:
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat, "message": "no network"}
    return {"status": {"conditions": [{"type": "DiskPressure", "status": "False"}, ready]}}


def pod(started: str = "2026-05-01T10:00:05Z", app: str = "kube-dns", ready: str = "True") -> dict[str, t.Any]:
    return {
        "metadata": {"name": "coredns-1", "namespace": "kube-system", "labels": {"k8s-app": app}},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"state": {"running": {"startedAt": started}}}],
        },
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:10.5Z", 10.5),
        ("1970-01-01T00:00:10.123456789Z", 10.123456),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_moment(text: object, seconds: float) -> None:
    assert health.moment(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (node(), ""),
        (None, "not registered"),
        ({"status": {}}, "not reported"),
        (node("False"), "no network"),
        (node("Unknown"), "not ready"),
        (node(heartbeat="2026-05-01T09:59:00Z"), "since its start"),
    ],
)
def test_node_ready(seen: dict[str, t.Any] | None, said: str) -> None:
    answer = health.node_ready(seen, START)
    assert (said in answer) if said else answer == ""


def test_ready_pod() -> None:
    assert health.ready_pod([pod(app="other"), pod()], "kube-dns")
    assert not health.ready_pod([pod(ready="False")], "kube-dns")
    assert not health.ready_pod([pod(app="kube-proxy")], "kube-dns")
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-05-01T10:00:06Z"
    assert not health.ready_pod([leaving], "kube-dns")


def test_what_was_ready_before_the_start_is_not() -> None:
    assert health.stale_pods([pod()], START) == []
    assert health.stale_pods([pod("2026-05-01T09:00:00Z")], START) == ["kube-system/coredns-1"]
    # It has already been told that it is not ready, or that its containers do not run.
    assert health.stale_pods([pod("2026-05-01T09:00:00Z", ready="False")], START) == []
    waiting = pod()
    waiting["status"]["containerStatuses"] = [{"state": {"waiting": {}}}]
    assert health.stale_pods([waiting], START) == []


def test_what_the_controllers_have_not_looked_at_since_the_start() -> None:
    owned = pod()
    owned["metadata"]["ownerReferences"] = [{"uid": "u1"}]
    one = {"metadata": {"namespace": "bookinfo", "name": "details-1", "uid": "u1"}, "status": {"readyReplicas": 1}}
    assert health.stale_sets([one], [owned]) == []
    assert health.stale_sets([one], [pod()]) == ["ReplicaSet bookinfo/details-1"]
    owned["status"]["conditions"][0]["status"] = "False"
    assert health.stale_sets([one], [owned]) == ["ReplicaSet bookinfo/details-1"]
    assert health.stale_sets([{**one, "status": {}}], []) == []


def workload(image: str, **spec: t.Any) -> dict[str, t.Any]:
    return {"spec": {"template": {"spec": {"containers": [{"image": image}]}}, **spec}}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (workload("x:1", replicas=1), True),
        (workload("x:1", replicas=3), True),
        (workload("x:1"), True),
        (workload("x:1", replicas=0), False),
        (workload("x:2", replicas=1), False),
        (None, False),
    ],
)
def test_runs_image(seen: dict[str, t.Any] | None, expected: bool) -> None:
    assert health.runs_image(seen, "x:1") is expected
