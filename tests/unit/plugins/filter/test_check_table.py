# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.filter.check_table import FilterModule

CHECK = {"name": "the page", "from": "host", "passed": True, "expected": "200", "observed": "word " * 50, "seconds": 1}

check_table = FilterModule().filters()["check_table"]


@pytest.mark.parametrize("columns", [60, 100, 150])
def test_the_table_fits_the_screen(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    widest = max(map(len, check_table([CHECK]).splitlines()))
    assert columns - 10 < widest <= columns


@pytest.mark.parametrize("checks", [[], [{"name": "skipped in check mode", "passed": None}]])
def test_without_answers_there_is_no_table(checks: t.Any) -> None:
    assert check_table(checks) == ""


@pytest.mark.parametrize("wrong", [None, 5, "text", ["text"], [{}], [{"passed": True}]])
def test_anything_else_is_refused_in_a_sentence(wrong: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="these are not results of checks"):
        check_table(wrong)
