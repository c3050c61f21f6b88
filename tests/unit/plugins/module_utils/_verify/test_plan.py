# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import (
    is_exclusive,
    job_of,
    needs_proxies,
    next_chunk,
    phases_of,
    sample_of,
    warm_up,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import Check, parse_checks


def check(**parts: t.Any) -> Check:
    request = {"url": "http://shop.example/", **parts.pop("request", {})}
    return parse_checks([{"name": "c", "request": request, "expect": {"status": 200}, **parts}])[0]


SHARES = {"served_by": {"v1": 95, "v3": 5}}


def test_44_requests_in_three_rounds_and_more_after_a_failure() -> None:
    assert sample_of(check()).sizes() == [15, 15, 14]
    assert sample_of(check(), attempt=2).total == 84
    assert sample_of(check(consecutive=1)).sizes() == [44]


def test_a_smaller_leak_takes_more_requests() -> None:
    assert sample_of(check(tolerance=1)).total > 450


def test_a_count_that_was_asked_for() -> None:
    assert sample_of(check(request={"count": 2}), attempt=3).sizes() == [1, 1]
    assert warm_up(check(request={"count": 2})) == 0
    assert sample_of(check(expect=SHARES, request={"count": 60})).total == 60


def test_shares_take_what_the_test_may_need() -> None:
    sample = sample_of(check(expect=SHARES))
    assert [label for _kind, label, _test in sample.shares] == ["v3"], "of two shares one tells all"
    first = next_chunk(sample, 0)
    assert 200 < first < sample.total
    assert next_chunk(sample, first) < first
    assert next_chunk(sample, sample.total - 1) == 1
    assert next_chunk(sample, 0, dear=True) > first
    three = sample_of(check(expect={"served_by": {"v1": 50, "v2": 30, "v3": 20}}))
    assert len(three.shares) == 3


def test_later_attempts_let_fewer_wrong_worlds_pass() -> None:
    assert sample_of(check(expect=SHARES), 2).total > sample_of(check(expect=SHARES), 1).total


def test_slow_answers_are_asked_few_and_at_once() -> None:
    slow = check(expect={"latency": {"above": 5.5, "below": 7}})
    assert sample_of(slow).sizes() == [4]
    assert warm_up(slow) == 0


@pytest.mark.parametrize(
    ("expect", "alone"),
    [
        ({"status": 200}, False),
        ({"latency": {"above": 5.5, "below": 7}}, False),
        ({"latency": {"below": 2.5}}, False),
        ({"latency": {"above": 0.5, "below": 1}}, True),
        ({"admitted": 20}, True),
        ({"metric": {"query": "a", "each": 1}}, True),
        ({"metric": {"query": "a", "share": 20}}, True),
        ({"metric": {"query": "a", "above": 1}}, False),
    ],
)
def test_what_others_would_disturb_is_asked_alone(expect: dict[str, t.Any], alone: bool) -> None:
    assert is_exclusive(check(expect=expect)) is alone


def test_quota_is_offered_more_than_it_admits() -> None:
    sample = sample_of(check(expect={"admitted": {"count": 20, "seconds": 1}}))
    assert (sample.seconds, sample.rate) == (6.5, 50)
    short = sample_of(check(expect={"admitted": {"count": 20, "seconds": 0.5}}))
    assert (short.seconds, short.rate) == (5.25, 100)
    single = sample_of(check(expect={"admitted": 1}))
    assert single.rate == 25, "a bucket of one token would lose what it gains between two requests"


@pytest.mark.parametrize(
    ("parts", "needed"),
    [
        ({"expect": SHARES}, False),
        ({"expect": SHARES, "from": "productpage"}, True),
        ({"expect": {**SHARES, "callee": "reviews"}}, True),
        ({"from": "productpage"}, False),
        ({"expect": {"attempts": 1, "callee": "reviews"}}, True),
        ({"expect": {"mirrored": {"v3": 100}}, "from": "productpage"}, True),
    ],
)
def test_which_checks_need_the_proxies(parts: dict[str, t.Any], needed: bool) -> None:
    assert needs_proxies(check(**parts)) is needed


def test_the_job_says_all_that_the_probe_needs() -> None:
    one = check(
        request={"url": "https://shop.example/x", "body": {"a": 1}, "session": "jason", "tls": {"insecure": True}},
        expect={"served_by": {"v1": 100}},
    )
    job = job_of(one, 3, phases_of(one, [15, 15], discard=True), 60, ("192.0.2.1", 443))
    assert (job["id"], job["method"], job["first"], job["address"]) == ("3", "POST", 60, ["192.0.2.1", 443])
    assert base64.b64decode(job["body"]) == b'{"a": 1}'
    assert job["tls"] == {"insecure": True}
    assert job["session"]["form"] == {"username": "jason", "passwd": "jason"}
    assert job["extract"]["pod"]
    assert job["phases"] == [{"count": 15, "concurrency": 8, "discard": True}] * 2


def test_bodies_are_kept_only_where_they_are_judged() -> None:
    kept = [job_of(one, 0, [], 0, None)["keep_body"] for one in (check(), check(expect={"body": {"contains": "x"}}))]
    assert kept[0] < 1000 < kept[1]


def test_a_short_latency_is_not_measured_in_a_queue_of_our_own() -> None:
    one = check(expect={"latency": {"below": 0.5}})
    assert job_of(one, 0, phases_of(one, [44]), 0, None)["phases"][0]["concurrency"] == 2
