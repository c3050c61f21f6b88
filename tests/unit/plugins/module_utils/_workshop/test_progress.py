# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

from ansible_collections.mesh.workshop.plugins.module_utils._workshop.progress import Progress, tally, verdict_line


def test_lines_are_appended_with_the_time(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lines"
    path.touch()
    progress = Progress(str(path))
    progress.say("rbac, jwt")
    progress.verdict({"name": "no token,\nno page", "passed": True})
    first, second = path.read_text().splitlines()
    assert first.endswith(" s  rbac, jwt")
    assert second.endswith("passed  no token, no page")


def test_without_a_file_nothing_is_said_and_none_is_made(tmp_path: pathlib.Path) -> None:
    Progress(None).say("x")
    Progress(str(tmp_path / "none")).say("x")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_verdict_leaves_the_reason_to_the_end() -> None:
    failed = {"name": "a", "passed": False, "expected": "status 200", "observed": "status 403"}
    assert verdict_line(failed) == "FAILED  a"


def test_what_is_still_wrong_is_one_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lines"
    path.touch()
    Progress(str(path)).waiting({"name": "a", "expected": "status 200", "observed": "status 403 in 8 requests"})
    assert path.read_text().endswith(" s  waiting a: so far status 403 in 8 requests\n")


def test_a_tally_counts_what_was_done() -> None:
    assert (
        tally([{"action": "created"}, {"action": "created"}, {"action": "not_applied"}]) == "2 created, 1 not applied"
    )
    assert tally([]) == "nothing to apply"
