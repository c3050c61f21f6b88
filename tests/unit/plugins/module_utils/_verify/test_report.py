# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.report import (
    junit_of,
    message_of,
    reasons,
    table_of,
)


def result(name: str = "page", passed: bool = True, **parts: t.Any) -> dict[str, t.Any]:
    base = {
        "name": name,
        "passed": passed,
        "from": "host",
        "expected": "status 200",
        "observed": "status 404",
        "seconds": 0.25,
        "evidence": "the answers",
        "failing_samples": [{"status": 404}],
        "diagnosis": "No Gateway takes the host.",
        "remedy": "Add it.",
    }
    return {**base, **parts}


def test_the_table_has_a_row_per_check() -> None:
    lines = table_of([result(), result("b", False)]).splitlines()
    assert [line.split() for line in lines] == [
        ["check", "from", "result", "expected", "observed", "took"],
        ["-----", "----", "------", "----------", "----------", "-----"],
        ["page", "host", "passed", "status", "200", "status", "404", "0.2", "s"],
        ["b", "host", "FAILED", "status", "200", "status", "404", "0.2", "s"],
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 200])
@pytest.mark.parametrize("long", ["word " * 100, "x" * 500, "status 200"])
def test_the_table_fits_the_screen_and_folds_what_is_long(width: int, long: str) -> None:
    lines = table_of([result(long, False, expected=long, observed=long)], width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 5
    assert ("expected" in lines[0]) is (width >= 100)
    assert ("…" in lines[-1]) is (len(long) > 100)


def test_message_ends_with_diagnosis_and_remedy() -> None:
    assert message_of([result(), result("b")]) == "2 checks passed."
    failed = "page: expected status 200, observed status 404. No Gateway takes the host. Add it."
    assert message_of([result(passed=False)]) == failed
    assert message_of([result("a"), result(passed=False)]) == f"1 of 2 checks failed. {failed}"
    bare = message_of([result(passed=False, diagnosis="", remedy="")])
    assert bare == "page: expected status 200, observed status 404."


WHY = "No Gateway takes the host. Add it."


def test_what_nothing_explains_has_a_reason_of_its_own() -> None:
    bare = [result(name, False, diagnosis="", remedy="") for name in "ab"]
    assert [[one["name"] for one in group] for group in reasons(bare)] == [["a"], ["b"]]


def test_the_message_tells_one_reason_once() -> None:
    """The checks of one reason come together, whatever lies between them."""
    other = {"diagnosis": "No pod is ready.", "remedy": ""}
    said = message_of([result("a", False), result("b", False, **other), result("c"), result("d", False)])
    assert said == (
        "3 of 4 checks failed. a: expected status 200, observed status 404. "
        "d: expected status 200, observed status 404. "
        f"These 2 checks fail for one reason: {WHY} b: expected status 200, observed status 404. No pod is ready."
    )


def test_junit_tells_one_reason_once_and_leads_to_it() -> None:
    bare = result("c", False, diagnosis="", remedy="")
    root = ElementTree.fromstring(junit_of([result("a", False), result("b", False), bare]))
    told = [failure.get("message", "").partition("observed status 404.")[2].strip() for failure in root.iter("failure")]
    assert told == [WHY, "It fails for the same reason as a.", ""]


def test_junit_is_well_formed_whatever_came_back() -> None:
    bad = result("bad <&>", False, observed="\x00\x1b ü", failing_samples=[{"body": "\ud800<x>"}])
    root = ElementTree.fromstring(junit_of([result(), bad]))
    suite = root[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite] == ["page", "bad <&>"]
    assert suite[1][0].get("message", "").startswith("bad <&>: expected status 200")
