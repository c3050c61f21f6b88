# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the tests, what a failed one leaves to the next, and requests from inside a workload."""

from __future__ import annotations

import json

import pytest

NAMESPACE = "bookinfo"
# Runs in a workload's own container, so its requests pass the pod's sidecar and carry its identity.
CLIENT = """
import json, sys, urllib.error, urllib.request
plan = json.loads(sys.argv[1])
body = plan["body"].encode() if plan["method"] == "POST" else None
def ask():
    request = urllib.request.Request(plan["url"], data=body, headers=plan["headers"], method=plan["method"])
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return [answer.status, answer.read().decode()]
print(json.dumps([ask() for _ in range(plan["count"])]))
"""

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items):
    """The tests that compare with baseline come first: what other tests leave would pass for it."""
    items.sort(key=lambda item: item.path.name != "test_pairs.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Remember a failure until the next test begins."""
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_of_a_failed_test(request, ansible):
    """After a failure the next test begins at baseline, so that one failure is one and not ten."""
    if request.session.stash.get(FAILED, False):
        request.session.stash[FAILED] = False
        ansible.play("reset", reset_confirm="yes")


@pytest.fixture
def ask_from(kube):
    """Requests one after another from a pod of an app, whose container has its name: status and body of each."""

    def ask(app, url, method="GET", body="", headers=None, count=1):
        pods = kube.core.list_namespaced_pod(NAMESPACE, label_selector=f"app={app}").items
        (pod,) = (pod for pod in pods if not pod.metadata.deletion_timestamp)
        plan = {"url": url, "method": method, "body": body, "headers": headers or {}, "count": count}
        said = kube.execute(pod.metadata.name, app, "python3", "-c", CLIENT, json.dumps(plan))
        return [tuple(answer) for answer in json.loads(said)]

    return ask
