# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.callback import progress

GOOD = {"name": "a", "passed": True}
BAD = {
    "name": "b",
    "passed": False,
    "expected": "status 200",
    "observed": "status 403",
    "diagnosis": "No rule allows it.",
    "remedy": "Allow it.",
}


def test_a_summary_counts_the_checks() -> None:
    assert progress.summary("Stage", {"checks": [GOOD]}, 1.25) == "passed  Stage, 1 of 1 checks passed, 1.2 s"
    text = progress.summary("Stage", {"failed": True, "checks": [GOOD, BAD]}, 2)
    assert text == "FAILED  Stage, 1 of 2 checks passed, 2.0 s"


def test_checks_that_were_skipped_are_not_counted() -> None:
    assert progress.summary("Stage", {"checks": [{"name": "a", "passed": None}]}, 1) == "passed  Stage, 1.0 s"


def test_the_last_word_is_the_remedy() -> None:
    text = progress.explanation("Stage", {"failed": True, "checks": [GOOD, BAD], "msg": "long"})
    lines = text.splitlines()
    assert lines[-1] == "  remedy     Allow it."
    assert not any("check      a" in line for line in lines)


def test_where_no_check_has_failed_the_message_says_it() -> None:
    assert progress.explanation("Task", {"msg": "There is no lab 'x'."}).endswith("There is no lab 'x'.")
    assert progress.explanation("Task", {}).endswith("There is no message.")
