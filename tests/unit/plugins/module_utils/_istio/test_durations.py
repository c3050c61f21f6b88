# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.durations import parse_duration, parse_time
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100ms", 0.1),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("2m", 120),
        ("1m30s", 90),
        ("1h0m1s", 3601),
        (" 45s ", 45),
        ("0", 0),
        ("0s", 0),
        ("0.500s", 0.5),
        ("", None),
        (None, None),
        ("soon", None),
        ("5", None),
        ("5 s", None),
        ("1.2.3s", None),
        ("s", None),
    ],
)
def test_durations_as_go_and_protobuf_write_them(text: str | None, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text())
def test_any_text_is_a_duration_or_none(text: str) -> None:
    found = parse_duration(text)
    assert found is None or found >= 0


def test_times_of_kubernetes_and_go() -> None:
    noon = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert parse_time("2026-01-01T12:00:00Z") == parse_time("2026-01-01T12:00:00.123456789Z") == noon
    assert parse_time(None) is None
