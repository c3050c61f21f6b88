# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.sources import DocumentError
from ansible_collections.mesh.workshop.plugins.module_utils._apply.text import DEEPEST, parse_yaml
from ansible_collections.mesh.workshop.tests.unit.bombs import alias_bomb
from hypothesis import given
from hypothesis import strategies as st


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = "date: 2020-01-01\nports: 9080:80\noctal: 0644\non: yes\nversion: 1.10\nbig: 10\n"
    assert parse_yaml(text) == [
        {"date": "2020-01-01", "ports": "9080:80", "octal": 420, True: True, "version": 1.1, "big": 10}
    ]


def test_several_documents_empty_ones_and_lists() -> None:
    assert parse_yaml("---\n---\na: 1\n---\n- b: 2\n- c: 3\n") == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "the definitions is not valid YAML at line"),
        ("a: 1\na: 2\n", "line 2, column 1: the key a appears twice"),
        ("a: !!python/object:x {}", "could not determine a constructor"),
        ("a: \x07", "not valid YAML"),
    ],
)
def test_yaml_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_yaml(text)


def test_anchors_and_merges_still_work() -> None:
    text = "base: &b {x: 1}\nmore: {<<: *b, y: 2}\n"
    assert parse_yaml(text)[0]["more"] == {"x": 1, "y": 2}


@pytest.mark.parametrize("join", ["list", "merge"])
def test_aliases_that_grow_without_bound_are_refused_at_once(join: str) -> None:
    text = alias_bomb(join)
    assert len(text) < 1500
    begun = time.process_time()
    with pytest.raises(DocumentError, match="at line 7: with its aliases written out, the text is longer than 4 MiB"):
        parse_yaml(text)
    assert time.process_time() - begun < 5


def test_long_values_count_by_their_length() -> None:
    text = f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 100)}]\n"
    with pytest.raises(DocumentError, match="longer than 4 MiB"):
        parse_yaml(text)


def test_a_long_text_without_many_aliases_is_read() -> None:
    text = "---\n".join(f"a: &a {'x' * 60_000}\nb: *a\n" for _number in range(80))
    assert len(parse_yaml(text)) == 80


def test_anchors_are_those_of_their_document() -> None:
    assert parse_yaml("a: &a 1\nb: *a\n---\na: &a 2\nb: *a\n") == [{"a": 1, "b": 1}, {"a": 2, "b": 2}]
    with pytest.raises(DocumentError, match="undefined alias"):
        parse_yaml("a: &a 1\n---\nb: *a\n")


@pytest.mark.parametrize("text", ["a: &a\n  b: *a\n", "- x: 1\n- &a [*a]\n", "a: &a\n  b: {c: [1, {d: *a}]}\n"])
def test_an_alias_that_contains_itself_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match=r"at line 2: the alias \*a is within its own anchor"):
        parse_yaml(text)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000, "{a: " * 5_000 + "}" * 5_000, "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)]
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="more than 200 levels are nested"):
        parse_yaml(text)


def test_nesting_as_deep_as_is_allowed_is_read() -> None:
    assert parse_yaml("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int many",
        "a: !!float many",
        "a: !!bool perhaps",
        "a: !!timestamp soon",
        "a: " + "1" * 5_000,
        "a: !!binary ñ",
        "!!map [a]",
        "!!set [a]",
        "? [a, b]\n: c",
        "a: \ud800",
    ],
)
def test_values_that_have_not_the_form_of_their_tag(text: str) -> None:
    with pytest.raises(DocumentError, match="^the definitions is not valid YAML"):
        parse_yaml(text)


YAML_CHARACTERS = st.text(st.sampled_from("&*a-:?[]{}!!<<,|>'\"#%@` \n\t012.x~é\ud800\x00"), max_size=60)


@given(st.one_of(YAML_CHARACTERS, st.text(max_size=40)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DocumentError):
        assert isinstance(parse_yaml(text), list)
