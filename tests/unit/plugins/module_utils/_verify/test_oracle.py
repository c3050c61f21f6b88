# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on made-up observations."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import faults_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import judge
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import sample_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import Decision
from ansible_collections.mesh.workshop.plugins.module_utils._verify.tally import observed_shares
from ansible_collections.mesh.workshop.plugins.module_utils._verify.wording import expected_text
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import (
    answer,
    check,
    verdict,
)


def test_always_needs_the_whole_sample_and_not_one_wrong_answer() -> None:
    assert verdict({"status": 200}, [answer()] * 43) is Decision.CONTINUE
    assert verdict({"status": 200}, [answer()] * 44) is Decision.RIGHT
    assert verdict({"status": 200}, [*[answer()] * 43, answer(500)]) is Decision.WRONG
    assert verdict({"status": 200}, []) is Decision.WRONG


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
