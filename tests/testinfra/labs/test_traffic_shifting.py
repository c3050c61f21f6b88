# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `traffic_shifting`: weights that grow, then a choice by header and by cookie."""

from __future__ import annotations

import collections
import itertools
import threading

import pytest

PAGES = 44  # enough to notice one wrong answer in ten with a certainty of 99 %
REVIEWS = "/api/v1/products/0/reviews"


def shift(ansible, stage):
    run = ansible.play("lab", lab="traffic_shifting", stage=stage)
    assert run.status == 0, run.output


def versions(gateway, count, headers=None):
    """Versions of reviews behind the API, which is quicker than the page."""
    seen = collections.Counter()
    for _number in range(count):
        pod = gateway.get(REVIEWS, headers=headers).json()["podname"]
        seen[pod.removeprefix("reviews-").split("-")[0]] += 1
    return seen


@pytest.mark.stage("traffic_shifting", "canary")
def test_canary_gives_v3_one_request_in_twenty(gateway):
    seen = versions(gateway, 1000)
    assert set(seen) == {"v1", "v3"}
    # Of 1000 requests 5 % are outside of these in one of a million runs, 10 % in nine of ten runs.
    assert 21 <= seen["v3"] <= 87, seen


@pytest.mark.stage("traffic_shifting", "half")
def test_half_gives_each_the_same(gateway):
    seen = versions(gateway, 400)
    assert set(seen) == {"v1", "v3"}
    # Half of 400 requests is outside of these in fewer than one of a million runs.
    assert 150 <= seen["v3"] <= 250, seen


@pytest.mark.stage("traffic_shifting", "complete")
def test_complete_gives_v3_everything(gateway):
    assert set(gateway.versions(PAGES)) == {"v3"}
    assert set(gateway.versions(PAGES, gateway.login("jason"))) == {"v3"}


@pytest.mark.stage("traffic_shifting", "ab")
def test_ab_tells_people_apart_by_name_and_by_cookie(gateway):
    assert set(gateway.versions(PAGES, gateway.login("beta-mary"))) == {"v3"}
    assert set(gateway.versions(PAGES, gateway.login("mary"))) == {"v1"}
    for cookie, version in {
        "variant=b": "v3",
        "theme=dark; variant=b": "v3",
        "variant=b; theme=dark": "v3",
        "variant=a": "v1",
        "variant=bb": "v1",
        "invariant=b": "v1",
        "theme=variant=b": "v1",
    }.items():
        assert set(versions(gateway, 10, {"Cookie": cookie})) == {version}, cookie
    # A browser sends the session and its other cookies in one header.
    session = gateway.login("mary")["Cookie"]
    assert set(versions(gateway, 10, {"Cookie": f"{session}; variant=b"})) == {"v3"}


@pytest.mark.stage("traffic_shifting", "complete")
def test_red_black_goes_there_and_back_without_a_failure(ansible, gateway):
    answers = []
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            answers.append(gateway.get(REVIEWS))

    stream = threading.Thread(target=ask)
    stream.start()
    try:
        shift(ansible, "red_black")
    finally:
        ended.set()
        stream.join()
    assert {answer.status for answer in answers} == {200}
    served = [answer.json()["podname"].removeprefix("reviews-").split("-")[0] for answer in answers]
    # For a moment after a change a pooled connection may still answer by the old rule: turns of one do not count.
    turns = [version for version, run in itertools.groupby(served) if len(list(run)) > 5]
    assert [version for version, _run in itertools.groupby(turns)] == ["v3", "v1", "v3", "v1"]
    assert set(versions(gateway, PAGES)) == {"v1"}
