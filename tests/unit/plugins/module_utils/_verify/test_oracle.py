# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on made-up observations."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.traces import Trace
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import ERRORS, Answer, Measured, faults_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import judge
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import Sample, sample_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import Decision
from ansible_collections.mesh.workshop.plugins.module_utils._verify.tally import observed_shares
from ansible_collections.mesh.workshop.plugins.module_utils._verify.wording import expected_text
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import (
    answer,
    check,
    record,
    verdict,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def test_always_needs_the_whole_sample_and_not_one_wrong_answer() -> None:
    assert verdict({"status": 200}, [answer()] * 43) is Decision.CONTINUE
    assert verdict({"status": 200}, [answer()] * 44) is Decision.RIGHT
    assert verdict({"status": 200}, [*[answer()] * 43, answer(500)]) is Decision.WRONG
    assert verdict({"status": 200}, []) is Decision.WRONG


def test_what_is_not_known_yet_is_not_judged() -> None:
    expect = check({"status": 200, "served_by": {"v1": 100}}).expect
    assert faults_of(expect, answer(known=False)) == []
    assert faults_of(expect, answer(known=True)) == ["served by no version"]
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


@dataclasses.dataclass
class Bucket:
    """Admits as a token bucket that is full at first, or as intervals by the clock, ``shift`` seconds early."""

    tokens: float
    whole: float = 0.0
    shift: float | None = None

    def answers(self, offered: int, seconds: float = 6.5) -> list[Answer]:
        left, last, interval = self.whole or self.tokens, 0.0, -1
        found = []
        for number in range(int(offered * seconds)):
            now = number / offered
            if self.shift is None:
                left, last = min(self.whole or self.tokens, left + self.tokens * (now - last)), now
            elif int(now + self.shift) != interval:
                left, interval = self.tokens, int(now + self.shift)
            found.append(answer(200 if left >= 1 else 429, started=1000 + now))
            left -= left >= 1
        return found


@pytest.mark.parametrize("shift", [None, 0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("quota", [1, 10])
def test_a_fifth_more_or_less_is_told_from_a_right_quota(quota: int, shift: float | None) -> None:
    """Intervals by the clock have whole requests, so one per second cannot be a fifth off."""
    off = [] if quota == 1 and shift is not None else [0.8 * quota, 1.2 * quota]
    offered = 25 if quota == 1 else 5 * quota // 2
    worlds = [Bucket(tokens, max(1, tokens), shift) for tokens in (quota, *off)]
    found = [verdict({"admitted": quota}, world.answers(offered)) for world in worlds]
    assert found == [Decision.RIGHT, *([Decision.WRONG] * len(off))]


def test_a_quota_that_begins_with_more_than_its_bucket_holds() -> None:
    assert verdict({"admitted": 20}, Bucket(20).answers(50)) is Decision.RIGHT
    assert verdict({"admitted": 20}, Bucket(20, whole=40).answers(50)) is Decision.WRONG


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
    for number in range(int(offered * 6.5)):
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
    assert few == "status 200 65.9 %, 503 34.1 % in 44 requests; too few requests to prove it"


TEXT = st.text(max_size=12)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["server", "grpc-status", "set-cookie"]) | TEXT, TEXT | st.sampled_from(["0", "14", "²"])
    ),
    max_size=3,
).map(lambda pairs: [list(pair) for pair in pairs])
SECONDS = st.floats(0, 1e6)
ANSWERED = st.fixed_dictionaries(
    {"status": st.none() | st.integers(100, 999), "error": st.none(), "headers": HEADERS, "body": TEXT},
    optional={
        "seconds": SECONDS,
        "truncated": st.booleans(),
        "peer": st.lists(TEXT, max_size=2),
        "started": SECONDS,
        "agent": TEXT,
        "trace": TEXT,
        "extracted": st.fixed_dictionaries({"pod": st.none() | TEXT}),
    },
)
LOST = st.fixed_dictionaries(
    {
        "status": st.none(),
        "error": st.fixed_dictionaries({"kind": st.sampled_from([*ERRORS, "unheard of"]), "detail": TEXT}),
    },
    optional={"seconds": SECONDS, "started": SECONDS, "agent": TEXT},
)
NUMBERS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 6.0, 1e300]) | st.just(float("inf"))
VERSIONS = st.sampled_from(["v1", "v2", "v3", "pod x"])
TRACES = st.builds(
    Trace, st.frozensets(VERSIONS), st.lists(st.tuples(VERSIONS, st.frozensets(VERSIONS)), max_size=2).map(tuple)
)
RECORDS = st.lists(st.sampled_from([record("outbound|80|v1|a.b.svc"), record("inbound|80||"), record("")]), max_size=2)
ANSWERS = st.builds(
    Answer,
    ANSWERED | LOST,
    st.none() | VERSIONS,
    st.booleans(),
    st.none() | st.integers(0, 9),
    st.frozensets(VERSIONS),
    RECORDS.map(tuple),
    st.none() | TRACES,
    st.none() | st.builds(Measured, st.none() | NUMBERS, NUMBERS, st.integers(0, 6)),
)
EXPECTED: list[dict[str, t.Any]] = [
    {"status": [200, 404], "body": {"contains": "a", "matches": "b"}, "headers": {"server": "x"}},
    {"status": {200: 90, 500: 10}},
    {"served_by": {"v1": 95, "v3": 5}, "latency": {"above": 0.1, "below": 2}},
    {"served_by": {"v1": 100}, "attempts": {"above": 1, "below": 2}, "mirrored": {"v3": 50, "v2": 0}},
    {"attempts": 2, "upstream_cluster": {"lacks": "Passthrough"}},
    {"some": {"percent": 10, "status": 503, "headers": {"a": {"present": True}}}},
    {"admitted": 10},
    {"refused": True},
    {"no_listener": True},
    {"trace": {"services": ["v1"], "parents": {"v1": "v2"}}},
    {"trace_share": 20},
    {"status": [200, 500], "logged": 500},
    {"metric": {"query": "a", "each": 1}},
    {"metric": {"query": "a", "share": 20}, "status": 200},
    {"metric": {"query": "a", "above": 1, "below": 2}},
]


@settings(max_examples=50)
@given(st.sampled_from(EXPECTED), st.lists(ANSWERS, max_size=6), st.booleans())
def test_any_answers_have_a_verdict(expect: dict[str, t.Any], answers: list[Answer], no_log: bool) -> None:
    one = check(expect, no_log=no_log)
    shown = judge(one, sample_of(one), answers)
    assert shown.observed
    assert shown.expected
    assert not shown.passed or shown.decision is Decision.RIGHT
    if not answers:
        assert not shown.passed
    json.dumps([shown.failing, shown.interval, shown.tolerated])


@settings(max_examples=50)
@given(st.lists(ANSWERS, max_size=6))
def test_any_answers_to_grpc_and_streams_have_a_verdict(answers: list[Answer]) -> None:
    grpc = check({"grpc_status": "OK"}, request={"url": "grpc://x:1/a.B/C"})
    peer = check({"tls": {"peer": "spiffe://a"}}, request={"url": "tls://x:1"})
    stream = check({"failures": 0}, request={"url": "http://x/", "stream": True})
    for one in (grpc, peer, stream):
        judge(one, Sample(0, 1, seconds=1.0) if one.request.stream else sample_of(one), answers)
