# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.filter import ago as _ago

ago = _ago.FilterModule().filters()["ago"]


def test_a_moment_is_told_by_this_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ago, "now", lambda: datetime.datetime(2026, 11, 28, 12, 3, 30, tzinfo=datetime.UTC))
    assert ago("2026-11-28T12:00:00Z") == "3 min ago"


@pytest.mark.parametrize("wrong", ["", None, 5, "yesterday"])
def test_anything_else_is_none(wrong: t.Any) -> None:
    assert ago(wrong) == ""
