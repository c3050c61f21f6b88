# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `quotas`: counted by a service for all proxies, by caller, and by each proxy alone."""

from __future__ import annotations

import collections
import json
import typing as t

import pytest

NAMESPACE = "bookinfo"
SECONDS = 5

# Runs inside a container of Bookinfo: Python's standard library is all it has. Its arguments are a plan as JSON.
SCRIPT = """
import json, sys, threading, time, urllib.error, urllib.request
plan = json.loads(sys.argv[1])

def ask(url):
    request = urllib.request.Request(url, headers=plan["headers"])
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [answer.status, answer.headers.get("x-ratelimit-limit"), answer.headers.get("x-ratelimit-remaining")]
    except urllib.error.HTTPError as error:
        return [error.code, None, None]

def work(until):
    while time.monotonic() < until:
        seen.append(ask(plan["urls"][0]))
        time.sleep(0.02)

seen = []
if plan["seconds"]:
    until = time.monotonic() + plan["seconds"]
    threads = [threading.Thread(target=work, args=(until,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    for _ in range(20):
        begin, seen[:] = int(time.time()), [ask(url) for url in plan["urls"]]
        if int(time.time()) == begin:
            break
print(json.dumps(seen))
"""

Seen = list[tuple[int, str | None, str | None]]


@pytest.fixture
def ask(kube: t.Any) -> t.Callable[..., Seen]:
    """Requests from inside a workload, one after another within a second, or as many as possible for some seconds."""

    def send(app: str, *urls: str, version: str = "v1", seconds: int = 0, headers: t.Any = None) -> Seen:
        pods = kube.core.list_namespaced_pod(NAMESPACE, label_selector=f"app={app},version={version}").items
        plan = {"urls": urls, "seconds": seconds, "headers": headers or {}}
        said = kube.execute(pods[0].metadata.name, app, "python3", "-c", SCRIPT, json.dumps(plan))
        return [tuple(answer) for answer in json.loads(said)]

    return send


def identity(account: str) -> dict[str, str]:
    """What a caller writes who wants to be taken for another."""
    return {"x-forwarded-client-cert": f"URI=spiffe://cluster.local/ns/{NAMESPACE}/sa/{account}"}


def statuses(seen: Seen) -> collections.Counter[int]:
    return collections.Counter(status for status, _limit, _remaining in seen)


def assert_admitted(seen: Seen, each_second: int) -> None:
    """Windows are fixed seconds: of the first and the last only a part is seen, or one more than was waited for."""
    found = statuses(seen)
    assert set(found) == {200, 429}, found
    assert each_second * (SECONDS - 1) <= found[200] <= each_second * (SECONDS + 2), found


def test_cluster_counts_through_two_proxies(ansible, ask):
    run = ansible.play("lab", lab="quotas", stage="cluster")
    assert run.status == 0, run.output
    details, health = "http://details:9080/details/0", "http://reviews:9080/health"
    seen = ask("productpage", details, health, details, health)
    assert [status for status, *_rest in seen] == [200] * 4
    assert all(limit.startswith("5000") for _status, limit, _remaining in seen)
    left = [int(remaining) for *_rest, remaining in seen]
    assert left == [left[0], left[0] - 1, left[0] - 2, left[0] - 3]


def test_cluster_small_counts_for_all_proxies_of_a_service(ansible, ask):
    run = ansible.play("lab", lab="quotas", stage="cluster_small")
    assert run.status == 0, run.output
    assert_admitted(ask("productpage", "http://reviews:9080/health", seconds=SECONDS), 20)


def test_overrides_hold_for_the_caller_with_that_certificate(ansible, ask):
    run = ansible.play("lab", lab="quotas", stage="overrides")
    assert run.status == 0, run.output
    ratings = "http://ratings:9080/ratings/0"
    assert_admitted(ask("reviews", ratings, version="v2", seconds=SECONDS), 1)
    forged = identity("bookinfo-productpage")
    assert_admitted(ask("reviews", ratings, version="v3", seconds=SECONDS, headers=forged), 1)
    found = statuses(ask("productpage", *[ratings] * 10, headers=identity("bookinfo-reviews")))
    assert found == {200: 10}


def test_local_counts_in_each_proxy(ansible, ask):
    run = ansible.play("lab", lab="quotas", stage="local")
    assert run.status == 0, run.output
    assert_admitted(ask("productpage", "http://reviews:9080/health", seconds=SECONDS), 30)
    assert set(statuses(ask("productpage", "http://details:9080/details/0", seconds=1))) == {200}
