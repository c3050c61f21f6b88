# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of one stage run together, in the order of the guides."""

from __future__ import annotations

import pytest
from oracle.stages import BASELINE, WALK, place


def test_tests_of_one_stage_come_together_in_the_order_of_the_labs():
    on, sampled, delay = ("tracing", "on"), ("tracing", "sampled"), ("faults", "delay")
    tests = [
        ("any", {}),
        ("sampled", {"needs": sampled}),
        ("on", {"needs": on}),
        ("baseline", {"needs": BASELINE}),
        ("guide to sampled", {"leads_to": sampled}),
        ("guide to on", {"leads_to": on}),
        ("delay", {"needs": delay}),
        ("on too", {"needs": on}),
    ]
    tests.sort(key=lambda test: place(**test[1]))
    assert [name for name, _marks in tests] == [
        "baseline",
        "delay",
        "guide to on",
        "on",
        "on too",
        "guide to sampled",
        "sampled",
        "any",
    ]


def test_every_stage_has_its_place():
    assert WALK[0] == BASELINE
    assert ("request_routing", "all_v1") in WALK
    assert ("tracing", "on") in WALK, "a name in quotes"
    assert len(set(WALK)) == len(WALK)


def test_a_stage_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="all_v9"):
        place(needs=("request_routing", "all_v9"))
