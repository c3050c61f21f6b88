# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._observe.snapshot import event_line, pod_line, snapshot

Json = dict[str, t.Any]


class Cluster:
    """One with a pod in each namespace, of whose containers one has not started."""

    def server_version(self) -> Json:
        return {"gitVersion": "v1.36.0"}

    def list(self, _api_version: str, kind: str, namespace: str) -> list[Json]:
        if kind == "Pod":
            spec = {"initContainers": [{"name": "init"}], "containers": [{"name": "app"}]}
            return [{"metadata": {"name": "p", "namespace": namespace}, "spec": spec}]
        return [{"metadata": {}, "message": f"{namespace} {number}", "lastTimestamp": number} for number in ("2", "1")]

    def logs(self, _namespace: str, _name: str, container: str, *, tail_lines: int) -> bytes:
        if container == "app":
            raise ApiError(400, "BadRequest", "container app is waiting to start")
        return f"the last {tail_lines} lines".encode()


def test_namespaces_become_files_with_what_can_be_read() -> None:
    files = snapshot(t.cast(Client, Cluster()), ["a", "b"])
    assert files["api.txt"] == b"Kubernetes v1.36.0\n"
    assert [line.partition(" ")[0] for line in files["pods.txt"].decode().splitlines()] == ["a/p", "b/p"]
    assert [line[-3:] for line in files["events.txt"].decode().splitlines()] == ["a 1", "b 1", "a 2", "b 2"]
    assert files["logs/b/p/init.log"] == b"the last 300 lines"
    assert b"container app is waiting to start" in files["logs/a/p/app.log"]


def test_a_pod_that_cannot_start_says_why() -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "n"},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {
                    "name": "c",
                    "ready": False,
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
                }
            ],
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}],
        },
    }
    text = pod_line(pod)
    assert "n/p Pending" in text
    assert "ImagePullBackOff no such image" in text
    assert "PodScheduled: no node" in text


def test_an_event_is_one_line() -> None:
    event = {
        "metadata": {},
        "type": "Warning",
        "reason": "FailedCreate",
        "involvedObject": {"kind": "ReplicaSet", "namespace": "n", "name": "r"},
        "message": "quota",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    assert event_line(event) == "2026-01-01T00:00:00Z Warning FailedCreate ReplicaSet/n/r: quota"
