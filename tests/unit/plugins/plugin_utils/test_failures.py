# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.plugin_utils._failures import HIDDEN, Failure, checks_of, explain

Json = dict[str, t.Any]

REASON = {"diagnosis": "Subset v1 selects no pod.", "remedy": "Correct its labels."}


def check(name: str, passed: bool | None = True, **more: t.Any) -> Json:
    return {"name": name, "passed": passed, "expected": "status 200", "observed": "status 503", **more}


def told(failure: Failure, *earlier: Failure, width: int = 79) -> str:
    return explain(failure, earlier, width)


def test_checks_that_fail_for_one_reason_share_one_explanation() -> None:
    checks = [
        check("a", False, **REASON),
        check("b", False, diagnosis="Another reason."),
        check("c", False, **REASON),
        check("d"),
    ]
    text = told(Failure("Lab x", {"checks": checks, "msg": "all of it in one paragraph"}))
    assert text.splitlines() == [
        "FAILED  Lab x",
        "",
        "  2 checks failed for one reason:",
        "  check     a",
        "  check     c",
        "  expected  status 200",
        "  observed  status 503",
        "  cause     Subset v1 selects no pod.",
        "  remedy    Correct its labels.",
        "",
        "  check     b",
        "  expected  status 200",
        "  observed  status 503",
        "  cause     Another reason.",
    ]


def test_a_change_is_shown_as_it_is_pasted_and_the_way_of_the_request_with_v_only() -> None:
    change = "kubectl apply -f - <<'END'\nkind: VirtualService\nspec:\n  hosts: [reviews]\nEND"
    way = ["GET http://reviews:9080/ from productpage", "1. the caller's proxy", "   route      Taken."]
    failure = Failure("x", {"checks": [check("a", False, **REASON, change=change, path=way)]})
    shown = [f"    {line}" for line in change.splitlines()]
    assert told(failure).splitlines()[-6:] == ["  change", *shown]
    verbose = explain(failure, (), 79, verbose=True).splitlines()
    assert verbose[-10:] == ["  change", *shown, "  path", *(f"    {line}" for line in way)]


def test_a_long_change_is_shown_with_v_only() -> None:
    failure = Failure("x", {"checks": [check("a", False, change="line\n" * 13)]})
    assert "  change" not in told(failure)
    assert "  change" in explain(failure, (), 79, verbose=True)


def test_checks_with_one_reason_tell_apart_what_each_saw() -> None:
    checks = [check("a", False, **REASON), check("b", False, **{**REASON, "observed": "status 404"})]
    lines = told(Failure("x", {"checks": checks})).splitlines()
    assert lines[3:9] == [
        "  check     a",
        "  expected  status 200",
        "  observed  status 503",
        "  check     b",
        "  expected  status 200",
        "  observed  status 404",
    ]


@pytest.mark.parametrize("checks", [None, 5, ["x", None], [{"passed": True}], [check("a", None)], [{"name": "a"}]])
def test_other_modules_may_have_checks_of_another_kind(checks: t.Any) -> None:
    assert checks_of({"checks": checks}) == []
    assert told(Failure("x", {"checks": checks, "msg": "Why."})) == "FAILED  x\n\n  Why."


@pytest.mark.parametrize("width", [40, 79, 120])
def test_explanations_keep_to_the_width(width: int) -> None:
    text = "one two three four five six seven " * 9
    checks = [check(text, False, expected=text, diagnosis=text, remedy=text)]
    for failure in (Failure("x", {"checks": checks}), Failure("x", {"msg": text})):
        lines = told(failure, width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert max(map(len, lines)) > width - 10


def test_what_was_rescued_is_told_once_and_in_full() -> None:
    """A rescue that fails with the message of what it rescued has nothing new to say of it."""
    first = Failure("Lab x", {"checks": [check("a", False, **REASON)], "msg": "a: expected …"})
    text = told(Failure("Setup", {"msg": "a: expected … An archive is in /x.tar.gz."}), first)
    assert text.splitlines()[0] == "FAILED  Lab x"
    assert "  cause     Subset v1 selects no pod." in text
    assert text.splitlines()[-1] == "  An archive is in /x.tar.gz."
    assert "a: expected" not in text


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "There is no lab 'x'."}, "There is no lab 'x'."),
        ({"msg": ["one", "two"]}, "one\n  two"),
        ({"msg": 5}, "5"),
        ({"msg": "non-zero return code", "stderr": "no such file", "stdout": ""}, "stderr\n    no such file"),
        ({"msg": "no such file", "stderr": "no such file"}, "no such file"),
        ({"censored": "hidden", "msg": "secret", "stderr": "secret"}, HIDDEN),
        ({}, "There is no message."),
    ],
)
def test_without_checks_the_message_is_the_reason(result: Json, said: str) -> None:
    text = told(Failure("Task", result))
    assert text.startswith("FAILED  Task\n\n  ")
    assert text.endswith(said)
    assert text.count("no such file") <= 1
    assert "secret" not in text


def test_each_failed_item_of_a_loop_has_its_reason() -> None:
    items = ({"item": "a", "msg": "No a."}, {"_ansible_item_label": "b", "msg": "No b."}, {"censored": "hidden"})
    text = told(Failure("Task", {"msg": "One or more items failed", "results": [{}]}, items=items))
    assert [line for line in text.splitlines() if line] == [
        "FAILED  Task",
        "  item      a",
        "  No a.",
        "  item      b",
        "  No b.",
        f"  item      {HIDDEN}",
        f"  {HIDDEN}",
    ]


def test_of_long_outputs_the_end_is_shown() -> None:
    text = told(Failure("x", {"msg": "", "stdout": "\n".join(f"line {number}" for number in range(500))}))
    assert "line 499" in text
    assert len(text.splitlines()) < 20


def test_what_is_told_of_an_exercise_stands_below_its_checks() -> None:
    check = {"name": "the page", "passed": False, "expected": "status 200", "observed": "status 404"}
    told = "Not mended yet. It is slow.\nHint 1 of 2: Look."
    text = explain(Failure("Verify", {"msg": told, "checks": [check], "exercise": told}), [], 79)
    assert text.endswith("\n\n  Not mended yet. It is slow.\n  Hint 1 of 2: Look.")
    assert explain(Failure("Verify", {"checks": [check], "exercise": ""}), [], 79).endswith("observed  status 404")
