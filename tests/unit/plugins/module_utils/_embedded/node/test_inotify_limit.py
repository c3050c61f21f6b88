# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.inotify_limit import (
    NEEDED,
    raise_limit,
    restore_limit,
    sufficient,
)
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.kubeadm import MOST_ATTENDEES


@pytest.fixture
def limit(tmp_path: Path) -> Path:
    path = tmp_path / "max_user_instances"
    path.write_text("128\n")
    return path


def test_raised_for_the_first_cluster_and_put_back_after_the_last(tmp_path: Path, limit: Path) -> None:
    record = tmp_path / "run" / "before"
    assert not sufficient(limit)
    raise_limit(record, limit)
    assert sufficient(limit)
    restore_limit(record, limit)
    assert int(limit.read_text()) == 128
    assert not record.exists()


def test_two_full_rooms_are_below_the_limit() -> None:
    """Measured: 582 instances with 30 attendees, and 18 with each."""
    room = 582 + 18 * (MOST_ATTENDEES - 30)
    assert 2 * room < NEEDED


def test_the_first_value_is_kept_when_somebody_lowers_it_meanwhile(tmp_path: Path, limit: Path) -> None:
    record = tmp_path / "before"
    raise_limit(record, limit)
    limit.write_text("256\n")
    raise_limit(record, limit)
    restore_limit(record, limit)
    assert int(limit.read_text()) == 128


def test_a_value_that_somebody_else_set_stays(tmp_path: Path, limit: Path) -> None:
    record = tmp_path / "before"
    raise_limit(record, limit)
    limit.write_text(f"{NEEDED * 2}\n")
    restore_limit(record, limit)
    assert int(limit.read_text()) == NEEDED * 2
    restore_limit(record, limit)
