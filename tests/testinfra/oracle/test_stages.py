# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of one stage run together, in the order of the guides."""

from __future__ import annotations

import pytest
from oracle.stages import BASELINE, LABS, NEEDS, WALK, needs_of, place, read, stages_of, states


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


LAB = """
title: A lab
needs:
  - tracing  # a block list
  - {{ 'rate' ~ 'limit' }}
stages:
  - title: The name is not the first key
    name: "on"
  - {name: full_v2, title: Full}
  - name: 'with-hyphen'
    title: "{{ workshop.host }}"
"""


def test_a_lab_is_read_as_yaml(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "lab.yml").write_text(LAB)
    labs = {"demo": read("demo", catalogue=tmp_path), "baseline": {"stages": [{"name": "baseline"}]}}
    assert stages_of(labs) == {"demo": ["on", "full_v2", "with-hyphen"]}
    assert needs_of(labs) == ["tracing", "ratelimit"]
    assert labs["demo"]["stages"][2]["title"] == "mybookstore.com"


def test_a_stage_is_baseline_less_what_it_removes_and_with_what_it_adds():
    def called(name, text=""):
        return {"kind": "Rule", "metadata": {"name": name}, "spec": text}

    baseline = {"stages": [{"resources": [called("way"), called("host")]}]}
    stage = {
        "removes": [called("way")],
        "resources": [called("host", "new"), called("more")],
        "steps": [{"resources": [called("more", "first")]}],
    }
    on_the_way, end = states(stage, baseline)
    assert [one["spec"] for one in on_the_way.values()] == ["new", "first"]
    assert [one["spec"] for one in end.values()] == ["new", ""]
    assert [one["spec"] for one in states({}, baseline)[0].values()] == ["", ""]


def test_what_the_labs_need_is_known():
    assert NEEDS == ["metrics", "dashboard", "ratelimit", "tracing"]
    assert set(LABS) >= {"baseline", "quotas", "tracing"}


def test_every_stage_has_its_place():
    assert WALK[0] == BASELINE
    assert ("request_routing", "all_v1") in WALK
    assert ("tracing", "on") in WALK, "a name in quotes"
    assert len(set(WALK)) == len(WALK)


def test_a_stage_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="all_v9"):
        place(needs=("request_routing", "all_v9"))
