# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `quotas`: counted by a service for all proxies, by caller, and by each proxy alone."""

from __future__ import annotations

import collections

import pytest

NAMESPACE = "bookinfo"
SECONDS = 5


def identity(account):
    """What a caller writes who wants to be taken for another."""
    return {"x-forwarded-client-cert": f"URI=spiffe://cluster.local/ns/{NAMESPACE}/sa/{account}"}


def statuses(seen):
    return collections.Counter(answer.status for answer in seen)


def assert_admitted(seen, each_second):
    """Windows are fixed seconds: of the first and the last only a part is seen, or one more than was waited for."""
    found = statuses(seen)
    assert set(found) == {200, 429}, found
    assert each_second * (SECONDS - 1) <= found[200] <= each_second * (SECONDS + 2), found


@pytest.mark.stage("quotas", "cluster")
def test_cluster_counts_through_two_proxies(ask_from):
    details, health = "http://details:9080/details/0", "http://reviews:9080/health"
    seen = ask_from("productpage", details, health, details, health, within_a_second=True)
    assert [answer.status for answer in seen] == [200] * 4
    assert all(answer.headers["x-ratelimit-limit"].startswith("5000") for answer in seen)
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in seen]
    assert left == [left[0], left[0] - 1, left[0] - 2, left[0] - 3]


@pytest.mark.stage("quotas", "cluster_small")
def test_cluster_small_counts_for_all_proxies_of_a_service(ask_from):
    assert_admitted(ask_from("productpage", "http://reviews:9080/health", seconds=SECONDS), 20)


@pytest.mark.stage("quotas", "overrides")
def test_overrides_hold_for_the_caller_with_that_certificate(ask_from):
    ratings = "http://ratings:9080/ratings/0"
    assert_admitted(ask_from("reviews", ratings, version="v2", seconds=SECONDS), 1)
    forged = identity("bookinfo-productpage")
    assert_admitted(ask_from("reviews", ratings, version="v3", seconds=SECONDS, headers=forged), 1)
    claimed = identity("bookinfo-reviews")
    found = statuses(ask_from("productpage", ratings, count=10, headers=claimed, within_a_second=True))
    assert found == {200: 10}


@pytest.mark.stage("quotas", "local")
def test_local_counts_in_each_proxy(ask_from):
    assert_admitted(ask_from("productpage", "http://reviews:9080/health", seconds=SECONDS), 30)
    assert set(statuses(ask_from("productpage", "http://details:9080/details/0", seconds=1))) == {200}
