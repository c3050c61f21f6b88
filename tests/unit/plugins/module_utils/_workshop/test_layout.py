# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.layout import (
    LAB_SCHEMA,
    did_you_mean,
    layout_fault,
    line_of,
    place,
    template_line,
)
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[5]
TEXT = """title: A lab
stages:
  - name: one
    title: One
    checks:
      - {name: a}
      - name: b
        control: 1
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["title", "stages", "name", "checks", "resources", "metadata", "kind", "steps", "x.y[0]"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def test_the_published_schema_is_the_one_that_is_used() -> None:
    assert json.loads((ROOT / "docs" / "lab.schema.json").read_text()) == LAB_SCHEMA


@given(VALUES)
def test_whatever_a_file_holds_has_a_sentence_or_no_fault(data: t.Any) -> None:
    fault = layout_fault(data)
    if fault:
        assert fault.text
        assert line_of(yaml.safe_dump(data), fault.path) >= 1
        place(data, fault.path)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("stages",), 2),
        (("stages", 0), 3),
        (("stages", 0, "checks", 0), 6),
        (("stages", 0, "checks", 1, "control"), 8),
        (("stages", 0, "checks", 1, "gone", "deeper"), 7),
        (("stages", 7), 2),
    ],
)
def test_a_path_has_a_line_as_far_as_it_leads(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


def test_places_are_named_where_they_have_names() -> None:
    data = yaml.safe_load(TEXT)
    assert place(data, ("stages", 0, "checks", 1, "control")) == "stage one, check b, control"
    assert place(data, ("stages", 3, "checks")) == "stage 4, checks"


@pytest.mark.parametrize(("rendered_line", "line"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 4), (99, 4)])
def test_lines_of_an_included_file_are_those_of_its_include(rendered_line: int, line: int) -> None:
    template = "a\n{% include 'file' %}\nc\nd\n"
    assert template_line(template, "a\n1\n2\n3\nc\nd\n", rendered_line) == line


def test_a_guess_is_made_only_where_something_is_close() -> None:
    assert did_you_mean("stagse", ["title", "stages"]) == " (did you mean stages?)"
    assert did_you_mean("zebra", ["title", "stages"]) == ""
