# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import Measured
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.types import Admitted
from ansible_collections.mesh.workshop.plugins.module_utils._verify.tally import (
    admitted_count,
    admitted_range,
    average,
    hits,
    is_offered,
    observed_shares,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import answer, error


def test_what_falls_into_a_category() -> None:
    seen = [answer(served="v1"), answer(500, served="v2", copies=frozenset({"v3"})), error("unreachable")]
    assert [hits("served_by", label, seen) for label in ("v1", "v2", "nobody")] == [1, 1, 1]
    assert [hits("status", label, seen) for label in ("200", "500", "unreachable")] == [1, 1, 1]
    assert (hits("mirrored", "v3", seen), hits("traced", "traced", seen)) == (1, 0)
    grown = [answer(measured=Measured(9.0, grown, 3)) for grown in (2.0, -1.0, 7.0)]
    assert [hits("metric", "a", [one] * 3) for one in grown] == [2, 0, 3]
    assert hits("metric", "a", []) == hits("metric", "a", seen) == 0
    assert observed_shares("status", [answer(), answer(), error("unreachable")])[0] == ("200", 2 / 3)


def test_what_a_quota_has_admitted() -> None:
    assert admitted_count([answer(200), answer(503), answer(429), error("unreachable")]) == 2
    assert admitted_range(Admitted(10)) == (95.0, 110.0)
    assert not is_offered(Admitted(1), []), "nothing was sent"


def test_tries_of_what_was_not_tried_count_as_none() -> None:
    assert average([answer(tries=2), answer(tries=None)]) == 1.0
    assert average([]) == 0.0
