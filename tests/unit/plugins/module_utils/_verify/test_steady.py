# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that fails ends early where nothing is left that could change, and nowhere else."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.errors import NotYet
from ansible_collections.mesh.workshop.plugins.module_utils._verify import explain, runner, steady
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import judge
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import Sample, sample_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.run import Run
from ansible_collections.mesh.workshop.plugins.module_utils._verify.steady import (
    Failures,
    Row,
    failure_of,
    time_may_mend,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import answer, check, error
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.asking import PAGE
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site


def test_a_row_is_of_equal_values() -> None:
    row = Row()
    for now, value in enumerate("aab"):
        row.add(value, float(now))
    assert not row.lasts(2, 0.0, 2.0)
    row.add("b", 3.0)
    assert row.lasts(2, 1.0, 3.0)
    assert not row.lasts(2, 1.5, 3.0)
    assert not row.lasts(3, 1.0, 3.0)


def test_nothing_makes_no_row() -> None:
    row = Row()
    for now in range(9):
        row.add(None, float(now))
    assert not row.lasts(0, 0.0, 9.0)


def test_failures_in_a_row_share_a_fault() -> None:
    row = Failures()
    for now, versions in enumerate(("v1 v3", "v1", "v1 v2", "v3 v1")):
        row.add(frozenset(versions.split()), float(now))
    assert row.lasts(4, 3.0, 3.0)
    assert row.value == {"v1"}
    row.add(frozenset({"v2", "v3"}), 4.0)
    assert not row.lasts(2, 0.0, 4.0)
    assert row.value == {"v2", "v3"}


def failed(expect: dict[str, t.Any], *answers: t.Any) -> frozenset[str]:
    one = check(expect)
    return failure_of(one, judge(one, sample_of(one), answers), answers)


def test_a_failure_is_the_same_whatever_differs_from_answer_to_answer() -> None:
    slow = {"latency": {"below": 1}}
    assert failed(slow, answer(seconds=2.0)) == failed(slow, answer(seconds=3.5), answer())
    said = {"body": {"equals": "x"}}
    assert failed(said, answer(body="at 12:01")) == failed(said, answer(body="at 12:02"))
    assert failed({"status": 200}, answer(500)) != failed({"status": 200}, answer(503))
    assert failed({"status": 200}, answer(500)) != failed({"status": 200}, answer(500), error("unreachable"))


def test_shares_and_averages_that_are_wrong_are_failures_too() -> None:
    one = check({"served_by": {"v1": 50, "v2": 50}})
    seen = [answer(served="v1")] * 900
    assert failure_of(one, judge(one, sample_of(one), seen), seen) == {"served_by"}
    tries = check({"attempts": {"above": 1}, "callee": "ratings"})
    few = [answer(tries=1)] * 44
    assert failure_of(tries, judge(tries, Sample(44, 1), few), few) == {"the sample as a whole"}


@pytest.mark.parametrize(
    ("expect", "seen", "may"),
    [
        ({"status": 200}, answer(503), False),
        ({"status": 200}, error("connection_refused"), False),
        ({"status": 200}, answer(429), True),
        ({"status": 200}, error("probe_failed"), True),
        ({"admitted": 10}, answer(200), True),
        ({"trace": ["productpage"]}, answer(200), True),
        ({"metric": {"query": "a", "above": 1}}, answer(200), True),
    ],
)
def test_what_time_alone_may_mend(expect: dict[str, t.Any], seen: t.Any, may: bool) -> None:
    assert time_may_mend(check(expect), [seen]) is may


class World:
    """What is seen of the mesh."""

    def __init__(self, *states: t.Hashable) -> None:
        self.states = list(states)
        self.asked = 0

    def look(self, _namespace: str | None) -> t.Hashable:
        self.asked += 1
        return self.states[min(self.asked, len(self.states)) - 1]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SECONDS", 0.2), ("TELL_AFTER", 0.1), ("LAST_PAUSE", 0.05)):
        monkeypatch.setattr(runner, name, value)


def ask(site: Site, world: World, **parts: t.Any) -> tuple[dict[str, t.Any], list[t.Any], float]:
    """The result of one check in a world, what was told meanwhile, and how long it took."""
    told: list[t.Any] = []
    run = Run(Barred(), site.address, None, False, on_waiting=told.append)
    run.rest = t.cast(t.Any, world)
    body = {"from": "host", "request": {"url": PAGE}, "deadline": 3, **parts}
    begun = time.monotonic()
    result = runner.Runner(run, check(body.pop("expect", {"status": 404}), **body), 0).result()
    return result, told, time.monotonic() - begun


def test_a_wrong_world_at_rest_ends_early_and_is_told_once(site: Site) -> None:
    result, told, seconds = ask(site, World("rest"))
    assert not result["passed"]
    assert seconds < 2
    assert "ended early, since" in result["evidence"]
    assert told == [{"name": "c", "expected": "status 404", "observed": "status 200 in 8 requests"}]


@pytest.mark.parametrize("world", [World(None), World(*range(1000))], ids=["moving", "changing"])
def test_a_wrong_world_that_is_not_at_rest_is_asked_until_the_deadline(site: Site, world: World) -> None:
    result, told, seconds = ask(site, world, deadline=1)
    assert not result["passed"]
    assert seconds >= 1
    assert len(told) == 1


def test_near_the_deadline_the_mesh_is_not_looked_at(site: Site) -> None:
    world = World("rest")
    result, _told, _seconds = ask(site, world, deadline=0.19)
    assert not result["passed"]
    assert world.asked == 0


def test_a_world_that_becomes_right_late_passes(site: Site) -> None:
    begun = time.monotonic()
    site.answer = lambda request: Answer(404 if time.monotonic() - begun > 1 else 200)
    result, _told, _seconds = ask(site, World(*[None] * 1000))
    assert result["passed"]


def test_failures_that_differ_from_round_to_round_do_not_end_early(site: Site) -> None:
    begun = time.monotonic()
    site.answer = lambda request: Answer(500 + int((time.monotonic() - begun) * 12) % 50)
    result, _told, seconds = ask(site, World("rest"), deadline=1)
    assert not result["passed"]
    assert seconds >= 1


def test_what_is_awaited_is_told_and_never_ends_early(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def pending(self: Run, url: str) -> t.NoReturn:
        raise NotYet("The gateway waits for an address.")

    monkeypatch.setattr(Run, "address", pending)
    world = World("rest")
    result, told, seconds = ask(site, world, deadline=1)
    assert not result["passed"]
    assert seconds >= 1
    assert [one["observed"] for one in told] == ["The gateway waits for an address"]
    assert world.asked == 0


def test_a_right_world_fails_by_chance_far_less_often_than_its_error_rate() -> None:
    """Each round of a right world fails with at most 1 %, and so many must fail in a row."""
    assert steady.ROUNDS >= 2
    assert 0.01**steady.ROUNDS <= 1e-4
    assert steady.SECONDS > 2 * 0.1, "longer than istiod gathers changes (PILOT_DEBOUNCE_AFTER)"


@pytest.mark.parametrize(("world", "alike"), [(World("rest"), True), (World(*range(1000)), False)])
def test_a_failure_is_explained_by_all_rounds_that_failed_alike_in_one_world(
    site: Site, monkeypatch: pytest.MonkeyPatch, world: World, alike: bool
) -> None:
    """The proxies have written of the first of them already; and the world is looked at while it is still asked."""
    explained: list[t.Any] = []
    prepared: list[t.Any] = []
    monkeypatch.setattr(explain, "explain", lambda *given: explained.append(given[-2:]))
    monkeypatch.setattr(explain, "prepare", lambda *given: prepared.append(given[-1]))
    run = Run(t.cast(t.Any, object()), site.address, None, False)
    run.rest = t.cast(t.Any, world)
    one = check({"status": 404}, **{"from": "host", "request": {"url": PAGE}, "deadline": 3 if alike else 1})
    runner.Runner(run, one, 0).result()
    ((rounds, state),) = explained
    if alike:
        assert (prepared, state) == (["rest"], "rest"), "once"
        assert len(rounds) >= steady.ROUNDS
        assert [one.ended for one in rounds] == sorted(one.ended for one in rounds)
        assert rounds[0].age() > 0.2
    else:
        assert (len(rounds), state) == (1, None)
    assert all(one.answers for one in rounds)
