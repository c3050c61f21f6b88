# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import ApplyOptions, Report, apply_set, waiting
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]


def deployment(name: str) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "bookinfo"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
    }


def roll_out(api: FakeApi, name: str) -> None:
    live = api.find("Deployment", name, "bookinfo")
    if live is not None:
        counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
        api.put({**live, "status": {"observedGeneration": live["metadata"]["generation"], **counts}})


def pod(name: str, app: str, waiting_reason: str) -> Json:
    state = {"waiting": {"reason": waiting_reason}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "bookinfo", "labels": {"app": app}},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "c", "image": "x:1", "state": state}]},
    }


def run(client: Client, docs: list[Json], timeout: float) -> Report:
    return apply_set(client, docs, ApplyOptions(wait_timeout=timeout))


def test_workloads_are_waited_for_after_all_are_applied(client: Client, api: FakeApi) -> None:
    rolled_out = []

    def roll_out_late() -> None:
        rolled_out.extend(roll_out(api, name) for name in ("a", "b"))

    api.when_watched(roll_out_late)
    report = run(client, [deployment("a"), deployment("b")], 10)
    assert not report.failed
    assert rolled_out
    assert len(api.asked("GET", "watch=true")) == 1


def test_what_is_ready_already_is_not_watched(client: Client, api: FakeApi) -> None:
    api.put(deployment("a"))
    client.apply(deployment("a"))
    roll_out(api, "a")
    run(client, [deployment("a")], 10)
    assert api.asked("GET", "watch=true") == []


def test_a_timeout_names_the_pod_and_its_reason(client: Client, api: FakeApi) -> None:
    api.put(pod("a-1", "a", "ImagePullBackOff"))
    report = run(client, [deployment("a")], 0.3)
    assert report.failed
    assert report.message.startswith(
        "Deployment bookinfo/a is not ready within the time given: pod a-1, container c: ImagePullBackOff, image x:1; "
        "correct the image or make it available to the node."
    )


def test_a_reason_that_is_final_ends_the_wait(client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LOOK", 0.2)
    api.put(pod("a-1", "a", "InvalidImageName"))
    started = time.monotonic()
    report = run(client, [deployment("a")], 60)
    assert "cannot become ready: pod a-1, container c: InvalidImageName" in report.message
    assert time.monotonic() - started < 30


def versions(api: FakeApi, old: Json, new: Json) -> None:
    """A Deployment in the middle of a rollout: its revision is 2, and each version has a ReplicaSet and a pod."""
    live = api.put({**deployment("a"), "status": {}})
    meta = {**live["metadata"], "annotations": {"deployment.kubernetes.io/revision": "2"}}
    api.put({**live, "metadata": meta})
    for revision, one in (("1", old), ("2", new)):
        mark = f"hash{revision}"
        owned = {
            "name": f"a-{mark}",
            "namespace": "bookinfo",
            "labels": {"pod-template-hash": mark},
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"uid": meta["uid"]}],
        }
        api.put({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owned})
        one["metadata"]["labels"]["pod-template-hash"] = mark
        api.put(one)


def test_a_rollout_that_fails_names_the_new_pod_even_where_the_old_one_is_younger(client: Client, api: FakeApi) -> None:
    old, new = pod("a-hash1-x", "a", "CrashLoopBackOff"), pod("a-hash2-x", "a", "ImagePullBackOff")
    old["metadata"]["creationTimestamp"], new["metadata"]["creationTimestamp"] = "2026-01-02", "2026-01-01"
    versions(api, old, new)
    report = run(client, [deployment("a")], 0.3)
    assert "pod a-hash2-x, container c: ImagePullBackOff" in report.message


def test_a_new_pod_that_still_starts_is_named_and_no_trouble_of_the_old_one(client: Client, api: FakeApi) -> None:
    versions(api, pod("a-hash1-x", "a", "CrashLoopBackOff"), pod("a-hash2-x", "a", "ContainerCreating"))
    report = run(client, [deployment("a")], 0.3)
    assert "pod a-hash2-x is still starting" in report.message
    assert "hash1" not in report.message


def test_a_final_reason_of_an_old_pod_does_not_end_the_wait(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK", 0.1)
    versions(api, pod("a-hash1-x", "a", "InvalidImageName"), pod("a-hash2-x", "a", "ContainerCreating"))
    threading.Timer(1.5, lambda: roll_out(api, "a")).start()
    assert not run(client, [deployment("a")], 10).failed


@pytest.mark.parametrize(
    ("kind", "label", "workload"),
    [
        ("StatefulSet", "controller-revision-hash", {"status": {"updateRevision": "new"}}),
        (
            "DaemonSet",
            "pod-template-generation",
            {"metadata": {"annotations": {"deprecated.daemonset.template.generation": "new"}}},
        ),
        ("ReplicaSet", "", {}),
    ],
)
def test_the_wanted_pods_of_other_workloads(
    kind: str, label: str, workload: Json, client: Client, api: FakeApi
) -> None:
    one = deployment("a")
    one = {**one, **workload, "kind": kind, "metadata": {**one["metadata"], **workload.get("metadata", {})}}
    for name in ("old", "new"):
        made = pod(f"a-{name}", "a", "ContainerCreating")
        made["metadata"]["labels"][label or "x"] = name
        api.put(made)
    found = {item["metadata"]["name"] for item in waiting.wanted_pods(client, one)}
    assert found == ({"a-new"} if label else {"a-old", "a-new"})


def test_pods_that_cannot_be_created_are_explained_by_their_event(client: Client, api: FakeApi) -> None:
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "bookinfo"},
            "reason": "FailedCreate",
            "message": "pods forbidden: exceeded quota: q",
            "involvedObject": {"name": "a-5f"},
        }
    )
    report = run(client, [deployment("a")], 0.3)
    assert "(pods forbidden: exceeded quota: q); raise the quota" in report.message


def test_an_object_that_vanishes_is_said(client: Client, api: FakeApi) -> None:
    api.when_watched(lambda: api.remove("Deployment", "a", "bookinfo"))
    report = run(client, [deployment("a")], 1)
    assert "it is not there any more" in report.message
