# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was expected and observed, in words."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import judge
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import Sample
from ansible_collections.mesh.workshop.plugins.module_utils._verify.wording import expected_text
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import (
    answer,
    check,
    error,
)


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
        ({"metric": {"query": "a", "each": 1}}, "metric grows by 1 with each request"),
        ({"metric": {"query": "a", "share": 25}}, "metric grows with 25 % of the requests"),
        ({"metric": {"query": "a", "above": 1, "below": 2.5}}, "metric is 1 to 2.5"),
        ({"metric": {"query": "a", "above": 1}}, "metric is at least 1"),
        ({"metric": {"query": "a", "below": 0}}, "metric is at most 0"),
        (
            {"status": [200, 404, 500], "logged": [404, 500]},
            "status 200 or 404 or 500, logged by the caller's proxy only with status 404 or 500",
        ),
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
        "no version 50 %",
        "status 503 (1 of 4)",
        "no answer in time (1 of 4)",
        "in 4 requests",
    ):
        assert part in seen.observed
    assert len(seen.failing) == 3
    assert seen.interval["v2"][0] < 25 < seen.interval["v2"][1]
    latency = judge(check({"latency": {"below": 1}}), Sample(1, 1), [answer(seconds=0.25)])
    assert latency.observed == "status 200; 0.25 to 0.25 s in 1 request"
