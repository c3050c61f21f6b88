# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of checks, read one by one: what each may be, and what is said of another."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.reader import (
    Reader,
    default_to,
    percent,
    plain,
    shown,
)


def reader(value: t.Any) -> Reader:
    return Reader(value, "expect", ["key", "retries"], "Check 'a'")


def test_keys_that_are_not_known_are_named_with_what_was_meant() -> None:
    with pytest.raises(CheckError) as caught:
        reader({"retrise": 1})
    assert str(caught.value) == (
        "Check 'a': expect.retrise is not known: did you mean retries? allowed here: key, retries."
    )
    with pytest.raises(CheckError, match=r"Check 'a': expect must be a mapping with any of key, retries, not \[1\]\."):
        reader([1])


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda one: one.text("key"), 5, "5"),
        (lambda one: one.text("key", "x"), None, "x"),
        (lambda one: one.flag("key"), "Yes", True),
        (lambda one: one.flag("key"), False, False),
        (lambda one: one.number("key", 0, 1), "0.5", 0.5),
        (lambda one: one.number("key", 0, 1), None, None),
        (lambda one: one.whole("key", 0, 9), 3.0, 3),
        (lambda one: one.texts("key"), "a", ("a",)),
        (lambda one: one.texts("key"), ["a", 1], ("a", "1")),
        (lambda one: one.pairs("key"), {"a": True, "b": 1}, (("a", "true"), ("b", "1"))),
        (lambda one: one.pairs("key"), None, ()),
    ],
)
def test_values_of_the_right_kind(read: t.Callable[[Reader], t.Any], value: t.Any, expected: t.Any) -> None:
    assert read(reader({"key": value})) == expected


@pytest.mark.parametrize(
    ("read", "value", "problem"),
    [
        (lambda one: one.text("key"), True, "must be a string, not true"),
        (lambda one: one.text("key"), "", 'must be a string, not ""'),
        (lambda one: one.flag("key"), "maybe", 'must be true or false, not "maybe"'),
        (lambda one: one.number("key", 0, 1), 2, "must be a number from 0 to 1, not 2"),
        (lambda one: one.number("key", 0, 1), True, "must be a number from 0 to 1, not true"),
        (lambda one: one.number("key", 0, 1), float("nan"), "must be a number from 0 to 1, not NaN"),
        (lambda one: one.whole("key", 0, 9), 1.5, "must be a whole number, not 1.5"),
        (lambda one: one.texts("key"), [], "must be a string or a list of strings, not []"),
        (lambda one: one.texts("key"), [None], "must be a string or a list of strings, not [null]"),
        (lambda one: one.pairs("key"), ["a"], "must be a mapping of names to strings"),
        (lambda one: one.pairs("key"), {"a": None}, "expect.key.a must be a string, not null"),
        (lambda one: one.pairs("key"), {"a": "b\r\nc: d"}, "expect.key.a must not contain a line break"),
    ],
)
def test_values_of_another_kind_are_refused_by_their_place(
    read: t.Callable[[Reader], t.Any], value: t.Any, problem: str
) -> None:
    with pytest.raises(CheckError) as caught:
        read(reader({"key": value}))
    assert str(caught.value).startswith("Check 'a': expect.key")
    assert problem in str(caught.value)


def test_what_is_shown_is_short() -> None:
    assert (plain(True), plain(1)) == ("true", "1")
    assert shown("x" * 100) == '"' + "x" * 56 + "..."
    assert (default_to(None, 1), default_to(0, 1)) == (1, 0)
    assert (percent(None), percent(50)) == (None, 0.5)
