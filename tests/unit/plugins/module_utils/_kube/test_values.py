# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.values import (
    Section,
    checked_token,
    encodable,
    expanded,
    kind_of,
    one_line,
    read_file,
)


def test_a_section_gives_what_is_there_and_empty_values_for_what_is_not() -> None:
    some = Section({"a": "x", "b": True, "c": {"d": "y"}, "e": ["z"], "f": None}, "it")
    assert (some.text("a"), some.flag("b"), some.section("c").text("d"), some.texts("e")) == ("x", True, "y", ["z"])
    assert (some.text("f"), some.flag("f"), some.section("f").values, some.texts("f")) == ("", False, {}, [])


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda some: some.text("number"), "number of it is a number where text belongs; correct it."),
        (lambda some: some.flag("text"), "text of it is text where true or false belongs; correct it."),
        (lambda some: some.items("text"), "text of it is text where a list belongs; correct it."),
        (lambda some: some.texts("list"), "list of it holds an object where text belongs; correct it."),
        (lambda some: some.section("list"), "list of it is a list where an object belongs; correct it."),
        (lambda some: some.text("half"), "half of it contains half of a character (a lone surrogate); correct it."),
    ],
)
def test_what_does_not_fit_is_named(read: t.Callable[[Section], object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Section({"number": 5, "text": "SECRET", "list": [{}], "half": "\ud800"}, "it"))
    assert str(caught.value) == message


def test_kinds_of_values_in_words() -> None:
    values = [True, {}, [], "x", 1, 1.5, datetime.date(2026, 1, 1), None]
    assert [kind_of(value) for value in values] == [
        "a boolean",
        "an object",
        "a list",
        "text",
        "a number",
        "a number",
        "a date",
        "nothing",
    ]


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0", "\x7f", "\t"])
def test_control_characters_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="^it contains a line break or another control character; remove it.$"):
        one_line(text, "it")
    assert one_line("Jürgen 日", "it") == "Jürgen 日"


@pytest.mark.parametrize("text", ["SECRET\n", "SEC RET", "SECRET\u00e4", "SECRET\u200b"])
def test_a_token_is_never_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="^it contains a line break, a space or another character") as caught:
        checked_token(text, "it")
    assert "SECRET" not in str(caught.value)
    with pytest.raises(ConfigError, match="^it is empty"):
        checked_token("", "it")
    assert checked_token("a.b-c_d~e+f/g=", "it") == "a.b-c_d~e+f/g="


def test_files_that_cannot_be_read_are_named() -> None:
    with pytest.raises(ConfigError, match="the file /nowhere cannot be read .No such file or directory.; correct"):
        read_file("/nowhere", "the file")
    with pytest.raises(ConfigError, match="the file '/a.x00' has a character that no path can have"):
        read_file("/a\0", "the file")
    assert expanded("~\0") == "~\0"
    assert encodable("ä", "it") == "ä"
