# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.filter.tour_table import FilterModule

CHECKS = [{"passed": True}, {"passed": False}]
STEP = {"lab": "traffic_shifting", "stage": "every version", "passed": False, "checks": CHECKS, "seconds": 61.25}

tour_table = FilterModule().filters()["tour_table"]


def test_a_row_says_how_a_step_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    head, _rule, row, passed = tour_table([STEP, {**STEP, "passed": True, "checks": []}]).splitlines()
    assert head.split() == ["lab", "stage", "result", "checks", "took"]
    assert row.split() == ["traffic_shifting", "every", "version", "failed", "1/2", "61.2", "s"]
    assert passed.split() == ["traffic_shifting", "every", "version", "passed", "0/0", "61.2", "s"]


@pytest.mark.parametrize("columns", [45, 50, 120])
def test_the_table_fits_the_screen(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, tour_table([STEP]).splitlines())) <= columns


@pytest.mark.parametrize("wrong", [None, 5, "text", ["text"], [{}], [{**STEP, "seconds": "long"}]])
def test_anything_else_is_refused_in_a_sentence(wrong: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="these are not steps of a tour"):
        tour_table(wrong)
