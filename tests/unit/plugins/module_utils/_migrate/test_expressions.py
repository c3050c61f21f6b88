# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.expressions import alternatives
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.model import Refused

FIELD, PLACE = "spec.match", (1, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("true", [[]]),
        ("false", []),
        ('source.user == "a" && false', []),
        ('source.user == "a" || false', [["source.user equals a"]]),
    ],
)
def test_a_constant_counts_in_a_condition(text: str, said: list[list[str]]) -> None:
    found = alternatives(text, FIELD, PLACE)
    assert [[f"{test.attribute} {test.how} {test.text}" for test in tests] for tests in found] == said


@pytest.mark.parametrize("text", ["!false", '!(source.user == "a" && false)', "false == false", "!true"])
def test_a_denied_constant_is_refused_and_never_left_out(text: str) -> None:
    with pytest.raises(Refused, match="the expression"):
        alternatives(text, FIELD, PLACE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('(source.user == "a") == true', [[("a", False)]]),
        ('(source.user == "a") != true', [[("a", True)]]),
        ('(source.user == "a" || source.user == "b") == false', [[("a", True), ("b", True)]]),
        ('(source.user == "a" && source.user == "b") == false', [[("a", True)], [("b", True)]]),
    ],
)
def test_a_condition_may_be_compared_with_a_constant(text: str, said: list[list[tuple[str, bool]]]) -> None:
    found = alternatives(text, FIELD, PLACE)
    assert [[(test.text, test.negated) for test in tests] for tests in found] == said


def test_a_condition_is_not_compared_with_a_text() -> None:
    with pytest.raises(Refused, match="the expression"):
        alternatives('(source.user == "a") == "b"', FIELD, PLACE)
