# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `resilience`: what the proxies do about slow, failing, broken and overloaded services."""

from __future__ import annotations

import collections
import json
import statistics
import uuid

import pytest

# Runs in the container of productpage, so its requests pass that pod's sidecar.
CLIENT = """
import concurrent.futures, json, sys, time, urllib.error, urllib.request
url, callers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def ask(_number):
    start = time.monotonic()
    try:
        answer = urllib.request.urlopen(url, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    return [answer.status, time.monotonic() - start, answer.headers.get("x-envoy-overloaded"), text]
print(json.dumps(list(concurrent.futures.ThreadPoolExecutor(callers).map(ask, range(count)))))
"""
Answer = collections.namedtuple("Answer", "status seconds overloaded text")


@pytest.fixture(name="ask")
def ask_fixture(kube):
    def ask(path, callers, count, service="workload"):
        (pod,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=productpage").items
        arguments = (f"http://{service}:9080{path}", str(callers), str(count))
        text = kube.execute(pod.metadata.name, "productpage", "python3", "-c", CLIENT, *arguments)
        return [Answer(*answer) for answer in json.loads(text)]

    return ask


def statuses(answers):
    return collections.Counter(answer.status for answer in answers)


@pytest.mark.stage("resilience", "timeout")
def test_timeout_ends_after_half_a_second(ask, gateway):
    answers = ask("/reviews/0", 1, 9, service="reviews")
    assert set(statuses(answers)) == {504}
    # A timer of Envoy's may be early by a millisecond; a busy machine may hold up one answer or another.
    assert min(answer.seconds for answer in answers) >= 0.45
    assert statistics.median(answer.seconds for answer in answers) < 1
    pages = [gateway.get("/productpage") for _number in range(3)]
    assert {"Sorry, product reviews are currently unavailable for this book." in page.body for page in pages} == {True}
    # Two attempts of half a second each.
    assert 0.9 <= min(page.seconds for page in pages) < 2


@pytest.mark.stage("resilience", "retries")
def test_retries_hide_what_fails_every_other_time(ask_from, kube, eventually):
    agent = f"testinfra-{uuid.uuid4().hex}"
    answers = ask_from("productpage", "http://workload:9080/flaky", headers={"User-Agent": agent}, count=40)
    assert [answer.status for answer in answers] == [200] * 40

    def tries():
        # Envoy writes its access log once a second.
        pods = kube.core.list_namespaced_pod("bookinfo", label_selector="app=workload,version=v1").items
        logs = [
            kube.core.read_namespaced_pod_log(pod.metadata.name, "bookinfo", container="istio-proxy", since_seconds=120)
            for pod in pods
        ]
        return sum(agent in line for log in logs for line in log.splitlines())

    # Every other try fails and is made once more, so 40 requests are some 80 tries at the callee.
    eventually(lambda: 75 <= tries() <= 85, lambda: f"the callee's proxy has seen each retry, not {tries()} tries", 20)


@pytest.mark.stage("resilience", "circuit_breaker")
def test_circuit_breaker_refuses_what_is_above_the_limit(ask):
    assert set(statuses(ask("/slow", 1, 20))) == {200}
    answers = ask("/slow", 8, 80)
    assert set(statuses(answers)) == {200, 503}
    assert statuses(answers)[503] >= 20
    assert {answer.overloaded for answer in answers if answer.status == 503} == {"true"}
    assert {answer.overloaded for answer in answers if answer.status == 200} == {None}


@pytest.mark.stage("resilience", "outlier")
def test_outlier_keeps_requests_away_from_the_broken_pod(ask, kube):
    ready = [
        pod
        for pod in kube.core.list_namespaced_pod("bookinfo", label_selector="app=workload").items
        if all(status.ready for status in pod.status.container_statuses)
    ]
    assert len(ready) == 2
    answers = ask("/", 1, 44)
    assert set(statuses(answers)) == {200}
    assert {answer.text.startswith("workload-v1-") for answer in answers} == {True}


@pytest.mark.stage("resilience", "load_shedding")
def test_load_shedding_admits_what_can_be_served_in_time(ask):
    assert set(statuses(ask("/busy", 1, 20))) == {200}
    ask("/busy", 32, 100)  # the filter measures while it works
    answers = ask("/busy", 32, 300)
    assert set(statuses(answers)) == {200, 503}
    assert {answer.text for answer in answers if answer.status == 503} == {"reached concurrency limit"}
    # Without the filter each of 32 callers waits for the 31 others, 0.05 s each.
    assert statistics.median(answer.seconds for answer in answers if answer.status == 200) < 1
    assert set(statuses(ask("/busy", 1, 20))) == {200}
