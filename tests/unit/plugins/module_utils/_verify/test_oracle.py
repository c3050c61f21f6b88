# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on made-up observations: no socket, no clock."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import (
    Answer,
    expected_text,
    faults_of,
    judge,
    observed_shares,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import Sample, sample_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import Check, parse_checks
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import Decision


def check(expect: dict[str, t.Any], **parts: t.Any) -> Check:
    body = {"name": "c", "from": "productpage", "request": {"url": "http://shop.example/"}, "expect": expect}
    return parse_checks([{**body, **parts}])[0]


def answer(status: int = 200, served: str | None = None, **parts: t.Any) -> Answer:
    known = {key: parts.pop(key) for key in ("tries", "copies", "known", "records") if key in parts}
    seen = {"status": status, "error": None, "headers": [], "body": "", "seconds": 0.01, "agent": "a", **parts}
    return Answer(seen, served, **known)


def error(kind: str) -> Answer:
    return Answer({"status": None, "error": {"kind": kind, "detail": ""}, "agent": "a"})


def verdict(expect: dict[str, t.Any], answers: list[Answer]) -> Decision:
    one = check(expect)
    return judge(one, sample_of(one), answers).decision


def test_always_needs_the_whole_sample_and_not_one_wrong_answer() -> None:
    assert verdict({"status": 200}, [answer()] * 43) is Decision.CONTINUE
    assert verdict({"status": 200}, [answer()] * 44) is Decision.RIGHT
    assert verdict({"status": 200}, [*[answer()] * 43, answer(500)]) is Decision.WRONG
    assert verdict({"status": 200}, []) is Decision.WRONG


@pytest.mark.parametrize(
    ("expect", "right", "wrong"),
    [
        ({"refused": True}, "reset_before_response", "connection_refused"),
        ({"refused": True}, "reset_before_response", "timeout_response"),
        ({"refused": True}, "reset_before_response", "dns_failure"),
        ({"refused": True}, "reset_before_response", "partial_response"),
        ({"no_listener": True}, "connection_refused", "reset_before_response"),
        ({"no_listener": True}, "connection_refused", "unreachable"),
    ],
)
def test_failures_are_not_mixed_up(expect: dict[str, t.Any], right: str, wrong: str) -> None:
    assert faults_of(check(expect).expect, error(right)) == []
    assert faults_of(check(expect).expect, error(wrong)) != []
    assert faults_of(check(expect).expect, answer()) == ["status 200"]


def test_an_error_is_wrong_wherever_an_answer_is_expected() -> None:
    assert faults_of(check({"status": 200}).expect, error("timeout_response")) == ["no answer in time"]
    assert faults_of(check({"served_by": {"v1": 100}}).expect, error("new_kind")) == ["new_kind"]


def test_what_is_not_known_yet_is_not_judged() -> None:
    expect = check({"status": 200, "served_by": {"v1": 100}}).expect
    assert faults_of(expect, answer(known=False)) == []
    assert faults_of(expect, answer(known=True)) == ["served by nobody"]
    assert faults_of(expect, answer(503, known=False)) == ["status 503"]


def test_shares_are_judged_sequentially() -> None:
    expect = {"served_by": {"v1": 95, "v3": 5}}
    mixed = [*[answer(served="v1")] * 95, *[answer(served="v3")] * 5]
    assert verdict(expect, mixed) is Decision.CONTINUE
    assert verdict(expect, mixed * 4) is Decision.RIGHT
    assert verdict(expect, [*[answer(served="v1")] * 80, *[answer(served="v3")] * 20]) is Decision.WRONG
    assert verdict(expect, [*mixed, answer(served="v2")]) is Decision.WRONG


def test_what_is_shared_out_otherwise_is_told() -> None:
    one = check({"served_by": {"v1": 95, "v3": 5}})
    other = [*[answer(served="v1")] * 80, *[answer(served="v3")] * 20]
    assert judge(one, sample_of(one), other).wrong_shares == ("served_by",)
    assert observed_shares("served_by", other) == (("v1", 0.8), ("v3", 0.2))
    assert judge(one, sample_of(one), [*other, answer(served="v2")]).wrong_shares == (), "that answer is the reason"
    right = [*[answer(served="v1")] * 380, *[answer(served="v3")] * 20]
    assert judge(one, sample_of(one), right).wrong_shares == ()


def test_what_a_sample_of_the_users_own_size_cannot_tell_apart_is_said() -> None:
    mixed = [*[answer(served="v1")] * 57, *[answer(served="v3")] * 3]
    expect = {"served_by": {"v1": 95, "v3": 5}}
    few = check(expect, request={"url": "http://shop.example/", "count": 60})
    said = judge(few, sample_of(few), mixed)
    assert said.decision is Decision.RIGHT
    assert said.tolerated["v3"][0] == 0.0
    assert 25 < said.tolerated["v3"][1] < 30
    assert "v3 5 % (60 requests cannot tell apart v3 from 0 to 28.37 %)" in said.expected
    assert judge(check(expect), sample_of(check(expect)), mixed).tolerated == {"v3": [0.0, 10.0]}


def test_tries() -> None:
    once = [answer(tries=1)] * 44
    retried = [answer(tries=2), answer(tries=1)] * 22
    assert verdict({"attempts": 1}, once) is Decision.RIGHT
    assert verdict({"attempts": 1}, retried) is Decision.WRONG
    assert verdict({"attempts": {"above": 1.2, "below": 2}}, retried) is Decision.RIGHT
    assert verdict({"attempts": {"above": 1.2}}, once) is Decision.WRONG
    assert verdict({"attempts": {"below": 1.2}}, retried) is Decision.WRONG


def test_copies() -> None:
    copied = [answer(copies=frozenset({"v3"}))] * 44
    assert verdict({"mirrored": {"v3": 100}}, copied) is Decision.RIGHT
    assert verdict({"mirrored": {"v3": 100}}, [*copied[1:], answer()]) is Decision.WRONG
    assert verdict({"mirrored": {"v3": 0}}, [answer()] * 44) is Decision.RIGHT
    assert verdict({"mirrored": {"v3": 0}}, copied) is Decision.WRONG


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"contains": "begin"}, []),
        ({"matches": "^beg"}, []),
        ({"contains": "end"}, ["the body is longer than the 64 KB that are kept"]),
        ({"matches": "end$"}, ["the body is longer than the 64 KB that are kept"]),
        ({"lacks": "end"}, ["the body is longer than the 64 KB that are kept"]),
        ({"equals": "beginning"}, ["the body is longer than the 64 KB that are kept"]),
        ({"lacks": "begin"}, ["body contains 'begin'"]),
    ],
)
def test_the_rest_of_a_body_that_is_cut_is_not_known(body: dict[str, t.Any], faults: list[str]) -> None:
    assert faults_of(check({"body": body}).expect, answer(body="beginning", truncated=True)) == faults


def test_peer() -> None:
    one = check({"tls": {"peer": "spiffe://a"}}, request={"url": "https://x/"})
    assert faults_of(one.expect, answer(peer=["spiffe://a"])) == []
    assert faults_of(one.expect, answer(peer=["spiffe://b"])) == ["peer spiffe://b"]
    assert faults_of(one.expect, answer()) == ["peer without a URI"]


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        ({"status": [200, 302]}, "status 200 or 302"),
        ({"status": {200: 90, 500: 10}}, "status 200 90 %, 500 10 %"),
        ({"body": {"contains": "a", "lacks": "b"}}, "body with 'a', without 'b'"),
        ({"headers": {"via": {"present": False}}}, "header via absent"),
        ({"latency": {"above": 5.5, "below": 7}}, "5.5 to 7 s"),
        ({"latency": {"above": 5}}, "at least 5 s"),
        ({"attempts": {"above": 1}}, "more than 1 tries per request"),
        ({"mirrored": {"v3": 50}}, "copied to v3 50 %"),
        ({"refused": True}, "connection closed without an answer"),
    ],
)
def test_expected_in_words(expect: dict[str, t.Any], text: str) -> None:
    assert expected_text(check(expect)) == text


def test_observed_in_words() -> None:
    one = check({"status": 200, "served_by": {"v2": 100}})
    seen = judge(one, Sample(4, 1), [answer(served="v2"), answer(served="v1"), answer(503), error("timeout_response")])
    assert seen.observed.startswith("served by ")
    for part in (
        "v2 25 %",
        "v1 25 %",
        "nobody 50 %",
        "status 503 (1 of 4)",
        "no answer in time (1 of 4)",
        "in 4 requests",
    ):
        assert part in seen.observed
    assert len(seen.failing) == 3
    assert seen.interval["v2"][0] < 25 < seen.interval["v2"][1]
    latency = judge(check({"latency": {"below": 1}}), Sample(1, 1), [answer(seconds=0.25)])
    assert latency.observed == "status 200; 0.25 to 0.25 s in 1 request"


@pytest.mark.parametrize(
    ("tokens", "offered", "right"),
    [(20, 50, True), (24, 50, False), (16, 50, False), (20, 25, False), (24, 20, False)],
    ids=["right", "a fifth too generous", "a fifth too strict", "offered too little", "too little to see it"],
)
@pytest.mark.parametrize("shift", [0.0, 0.3, 0.9])
def test_quota(tokens: int, offered: int, right: bool, shift: float) -> None:
    """Whenever its intervals begin, a quota of 20 per second is told from one that is a fifth off."""
    used: dict[int, int] = {}
    answers = []
    for number in range(offered * 10):
        started = 1000 + number / offered
        interval = int(started + shift)
        used[interval] = used.get(interval, 0) + 1
        answers.append(answer(200 if used[interval] <= tokens else 429, started=started))
    decision = verdict({"status": 200, "admitted": 20}, answers)
    assert decision is (Decision.RIGHT if right else Decision.WRONG)


def test_some_answers_are_told_by_their_status() -> None:
    expect = {"status": [200, 503], "some": {"status": 503, "percent": 25, "headers": {"x-envoy-overloaded": "true"}}}
    refused = answer(503, headers=[["x-envoy-overloaded", "true"]])
    assert verdict(expect, [answer()] * 22 + [refused] * 22) is Decision.RIGHT
    assert verdict(expect, [answer()] * 29 + [refused] * 15) is Decision.WRONG
    assert verdict(expect, [refused] * 44) is Decision.RIGHT
    assert verdict(expect, [answer()] * 22 + [answer(503)] * 22) is Decision.WRONG
    text = expected_text(check(expect))
    assert text == "status 200 or 503, at least 25 % status 503 with header x-envoy-overloaded 'true'"
    one = check(expect)
    assert judge(one, sample_of(one), [answer()] * 44).observed == "status 200 100 % in 44 requests"
    few = judge(one, sample_of(one), [answer()] * 29 + [refused] * 15).observed
    assert few == "status 200 65.9 %, 503 34.1 % in 44 requests; so few requests do not prove it"


def record(cluster: str) -> Record:
    return Record("a", "pod", 200, "", "", "", "", "/", "", "10.0.0.1:80", cluster, "", 1)


@pytest.mark.parametrize(
    ("records", "faults"),
    [
        (("PassthroughCluster",), []),
        (("inbound|9080||", "PassthroughCluster"), []),
        (("PassthroughCluster", "outbound|80||site.example"), ["cluster is 'outbound|80||site.example'"]),
        (("",), ["cluster is 'none'"]),
        ((), ["cluster is missing"]),
    ],
)
def test_cluster_that_the_proxy_of_the_caller_has_chosen(records: tuple[str, ...], faults: list[str]) -> None:
    one = check({"status": 200, "upstream_cluster": "PassthroughCluster"})
    seen = answer(records=tuple(record(cluster) for cluster in records))
    assert faults_of(one.expect, seen) == faults
    assert expected_text(one) == "status 200, cluster 'PassthroughCluster'"
    other = check({"upstream_cluster": {"lacks": "elsewhere"}}).expect
    assert faults_of(other, seen) == ([] if records else ["cluster is missing"])
