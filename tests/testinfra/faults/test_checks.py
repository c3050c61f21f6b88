# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod is killed in the middle of a check: the one that asks, the one that is asked, istiod. The check passes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

CHECK = {
    "name": "details answer",
    "from": "productpage",
    "request": {"url": "http://details:9080/details/0", "count": 1500, "concurrency": 2},
    "expect": {"status": 200},
    "consecutive": 1,
    "deadline": 120,
}
VICTIMS = {
    "caller": ("productpage", "bookinfo"),
    "callee": ("details", "bookinfo"),
    "istiod": ("istiod", "istio-system"),
}


def pod_of(kube, app, namespace):
    """The pod of a workload that serves; None while there is none, or more than one."""
    found = [
        pod
        for pod in kube.core.list_namespaced_pod(namespace, label_selector=f"app={app}").items
        if not pod.metadata.deletion_timestamp
    ]
    ready = {one.type: one.status for pod in found for one in pod.status.conditions or ()}.get("Ready") == "True"
    return found[0] if len(found) == 1 and ready else None


def asked(kube, since):
    """How often the proxy of details has been asked by a probe since then."""
    pod = pod_of(kube, "details", "bookinfo")
    log = kube.core.read_namespaced_pod_log(
        pod.metadata.name, "bookinfo", container="istio-proxy", since_seconds=int(time.monotonic() - since) + 1
    )
    return log.count("mesh-workshop-probe/")


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_a_pod_is_killed_during_a_check(ansible, kube, eventually, victim):
    app, namespace = VICTIMS[victim]
    before = eventually(lambda: pod_of(kube, app, namespace), f"{app} is ready")
    eventually(lambda: pod_of(kube, "details", "bookinfo"), "details is ready")
    with ThreadPoolExecutor(1) as pool:
        since = time.monotonic()
        running = pool.submit(ansible.module, "verify", namespace="bookinfo", checks=[CHECK])
        eventually(lambda: running.done() or asked(kube, since), "the check has begun")
        kube.core.delete_namespaced_pod(before.metadata.name, namespace, grace_period_seconds=0)
        assert not running.done(), "the pod was killed during the check"
        run = running.result()
    after = eventually(lambda: pod_of(kube, app, namespace), f"{app} is there again")
    assert after.metadata.uid != before.metadata.uid
    assert run.status == 0, run.output
    (result,) = run.result["checks"]
    assert result["passed"]
    assert result["samples"] >= 1500
    # What the proxies do is up to them while istiod is away; the others are missed.
    assert (result["convergence_seconds"] > 0) is (victim != "istiod")
    if victim == "caller":
        assert after.metadata.name in " ".join(run.result["side_effects"])
