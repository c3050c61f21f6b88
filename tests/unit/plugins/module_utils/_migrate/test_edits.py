# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.edits import edited
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.model import Map, Refused, plain
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.reader import parse
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.writer import dump
from hypothesis import assume, given, settings
from hypothesis import strategies as st

Json = dict[str, t.Any]

TEXT = """\
# of the document
kind:   'A'   # quoted
spec:
  first: {x: 1,  y: [a]}
  # of the rule
  http:
    - fault:
        delay:
          percent: 100   # all
          fixedDelay: 7s  # long
      # of the route
      route: [{destination: {host: a}}]

    - route:
      - destination: {host: b}
# at the end
"""


def change(text: str, new: Json) -> str:
    return edited(text, 1, parse(text), new, dump)


def test_only_the_lines_whose_content_changes_are_written_anew() -> None:
    new = plain(parse(TEXT))
    new["spec"]["http"][0]["fault"]["delay"] = {"percentage": {"value": 100}, "fixedDelay": "7s"}
    new["spec"]["http"][1]["timeout"] = "1s"
    assert change(TEXT, new) == TEXT.replace(
        "percent: 100   # all\n", "percentage:  # all\n            value: 100\n"
    ).replace("- destination: {host: b}\n", "- destination:\n          host: b\n      timeout: 1s\n")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("a: 1\nb: 2 # two\nc: 3\n", {"a": 1, "c": 3}, "# two\na: 1\nc: 3\n"),
        (
            "a: 1\nb:\n# in b\n- x # one\n- y\nc: 3\n",
            {"a": 1, "b": ["x"], "c": 3},
            "a: 1\nb:\n# in b\n- x # one\nc: 3\n",
        ),
        ("a: 1\nb: 2\n", {"a": 1, "n": 0, "b": 2}, "a: 1\nn: 0\nb: 2\n"),
        ("a: '1' # one\r\nb: 2\r\n", {"a": {"c": "2"}, "b": 2}, "a:  # one\r\n  c: '2'\r\nb: 2\r\n"),
        ("a: on\nb: [1, 2]\n", {"a": True, "b": [1, 3]}, "a: on\nb:\n- 1\n- 3\n"),
        ("l:\n- - a: 1\n    b: 2\n", {"l": [[{"a": 1, "b": 3}]]}, "l:\n- - a: 1\n    b: 3\n"),
    ],
)
def test_the_rest_stays_as_it_is(old: str, new: Json, text: str) -> None:
    assert change(old, new) == text


@pytest.mark.parametrize("text", ["{a: 1}\n", "? a\n: 1\n", 'a: "x\n y"\nb: {c: "x\n# no comment\n", d: 1}\n'])
def test_what_has_no_lines_of_its_own_is_left_to_others(text: str) -> None:
    found = change(text, {"a": 2})
    assert found == "" or parse(found) == {"a": 2}


def test_ruamel_sees_no_more_than_the_lines_that_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time, so this is what keeps a thousand documents within seconds."""
    import ruamel.yaml

    seen: list[str] = []
    load = ruamel.yaml.YAML.load

    def spy(self: t.Any, stream: str) -> t.Any:
        seen.append(stream)
        return load(self, stream)

    monkeypatch.setattr(ruamel.yaml.YAML, "load", spy)
    text = "items:\n" + "".join(
        f"- name: n{n}  # {n}\n  keep: [x]  # kept\n  old:  # o\n    a: 1  # a\n" for n in range(50)
    )
    new = plain(parse(text))
    new["items"][7]["new"] = new["items"][7].pop("old")
    new["items"][7]["new"]["a"] = 2
    found = change(text, new)
    assert parse(found) == new
    assert len(found.splitlines()) == len(text.splitlines())
    assert seen == ["old:  # o\n  a: 1  # a\n"]


LEAF = st.one_of(
    st.integers(0, 3), st.booleans(), st.none(), st.sampled_from(["a", "b: c", "x # y", "l\nm\n", "on", ""])
)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("pqrs"), inner, min_size=1, max_size=4)
    ),
    max_leaves=8,
)
DOCUMENT = st.dictionaries(st.sampled_from("abc"), TREE, min_size=1)


@settings(max_examples=80)
@given(DOCUMENT, DOCUMENT, st.booleans(), st.booleans())
def test_the_text_says_the_new_content_with_all_comments(old: Json, new: Json, flow: bool, merge: bool) -> None:
    if merge:
        new = {**old, **new}
    lines = yaml.safe_dump(old, sort_keys=False, default_flow_style=None if flow else False).splitlines()
    text = "".join(f"# before {n}\n{line}  # at {n}\n" for n, line in enumerate(lines))
    try:
        source = parse(text)
    except Refused:
        source = Map()
    assume(source == old)  # else a comment has become part of a text of several lines
    found = edited(text, 1, source, new, dump)
    assert found == "" or parse(found) == new
    if found:
        for number in range(len(lines)):
            assert f"# before {number}\n" in found
            assert f"# at {number}" in found
