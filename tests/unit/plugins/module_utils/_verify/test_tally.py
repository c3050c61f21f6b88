# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import Measured
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.types import Admitted
from ansible_collections.mesh.workshop.plugins.module_utils._verify.tally import (
    admitted_at,
    average,
    hits,
    is_offered,
    keeps_pace,
    observed_shares,
    pace_of,
    seconds_taken,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import answer, error


def test_what_falls_into_a_category() -> None:
    seen = [answer(served="v1"), answer(500, served="v2", copies=frozenset({"v3"})), error("unreachable")]
    assert [hits("served_by", label, seen) for label in ("v1", "v2", "no version")] == [1, 1, 1]
    assert [hits("status", label, seen) for label in ("200", "500", "unreachable")] == [1, 1, 1]
    assert (hits("mirrored", "v3", seen), hits("traced", "traced", seen)) == (1, 0)
    grown = [answer(measured=Measured(9.0, grown, 3)) for grown in (2.0, -1.0, 7.0)]
    assert [hits("metric", "a", [one] * 3) for one in grown] == [2, 0, 3]
    assert hits("metric", "a", []) == hits("metric", "a", seen) == 0
    assert observed_shares("status", [answer(), answer(), error("unreachable")])[0] == ("200", 2 / 3)


def test_what_a_quota_has_admitted() -> None:
    seen = [answer(429, started=7.0), answer(503, started=9.5), answer(200, started=8.0), error("unreachable")]
    assert admitted_at(seen) == [1.0, 2.5]
    assert not is_offered(Admitted(1), []), "nothing was sent"
    assert seconds_taken(Admitted(1), seen) is None
    assert not keeps_pace(Admitted(1), seen)


def test_what_a_quota_has_to_keep() -> None:
    pace = pace_of(Admitted(10))
    assert (pace.count, pace.earliest, pace.latest, pace.most) == (40, 3.64, 4.48, 70)
    assert pace_of(Admitted(10, 0.1)).count == 100
    assert pace_of(Admitted(10, 0.5)).count == 80
    assert pace_of(Admitted(10, 5)).count == 40


@pytest.mark.parametrize(("since", "until"), [(1.0, 1.5), (5.7, 6.2)])
def test_a_sender_that_stalls_once_does_not_change_a_right_quotas_pace(since: float, until: float) -> None:
    """Of 20 per second that come one by one, those of one moment are late."""
    times = [number / 20 for number in range(130)]
    late = [until if since <= time <= until else time for time in times]
    assert seconds_taken(Admitted(20), [answer(started=time) for time in late]) == pytest.approx(4.0)


def test_a_full_bucket_at_the_beginning_does_not_count() -> None:
    times = [*(number / 40 for number in range(40)), *(1 + number / 20 for number in range(82))]
    assert seconds_taken(Admitted(20), [answer(started=time) for time in times]) == pytest.approx(4.0)


def test_tries_of_what_was_not_tried_count_as_none() -> None:
    assert average([answer(tries=2), answer(tries=None)]) == 1.0
    assert average([]) == 0.0
