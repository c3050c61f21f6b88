# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from datetime import date

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.sources import DocumentError
from ansible_collections.mesh.workshop.plugins.module_utils._apply.values import plain, type_name
from hypothesis import given
from hypothesis import strategies as st


def around(value: t.Any) -> t.Any:
    return {"spec": {"http": [{"match": value}]}}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"x", "is of type bytes, which JSON cannot express; write it as text."),
        (date(2026, 1, 1), "is of type date, which JSON cannot express"),
        ({"x"}, "is of type set, which JSON cannot express"),
        ((1, 2), "is of type tuple, which JSON cannot express"),
        (float("nan"), "is not a finite number"),
        (float("inf"), "is not a finite number"),
        (2**70, "is a number of more than 64 bits"),
        ("\ud800", "holds half of a surrogate pair"),
        ({None: 1}, "has a key of type NoneType; a key must be text."),
        ({(1, 2): 1}, "has a key of type tuple; a key must be text."),
        ({b"x": 1}, "has a key of type bytes; a key must be text."),
        ({1: "a", "1": "b"}, "has the key 1 twice"),
    ],
)
def test_what_json_has_no_form_for_is_refused_by_its_place(value: t.Any, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        plain(around(value))
    assert str(caught.value).startswith(f"the definitions: spec.http[0].match {why}")


def test_the_value_itself_has_no_place() -> None:
    with pytest.raises(DocumentError, match="^lab tls: the value is of type bytes"):
        plain(b"x", "lab tls")


def test_keys_become_text_as_kubernetes_has_them() -> None:
    assert plain({True: 1, False: 2, 3: 3, 1.5: 4, "x": 5}) == {"true": 1, "false": 2, "3": 3, "1.5": 4, "x": 5}


def test_what_contains_itself_is_refused() -> None:
    doc: dict[str, t.Any] = {}
    doc["spec"] = [doc]
    with pytest.raises(DocumentError, match="or contain themselves through an alias"):
        plain(doc)


def test_what_grows_without_bound_is_refused() -> None:
    value: list[t.Any] = ["lol"]
    for _level in range(12):
        value = [value] * 10
    with pytest.raises(DocumentError, match="hold more than 1000000 values; apply them in parts"):
        plain(value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "an object"),
        ([], "a list"),
        ("", "a string"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        (None, "null"),
        (b"", "a value of type bytes"),
    ],
)
def test_what_a_value_is_called(value: t.Any, name: str) -> None:
    assert type_name(value) == name


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False))
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_json_stays_as_it_is(value: t.Any) -> None:
    assert plain(value) == value


@given(
    st.recursive(
        st.one_of(JSON, st.binary(max_size=3), st.dates(), st.floats(), st.text(max_size=3), st.integers()),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.none()), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_anything_else_becomes_json_or_is_refused(value: t.Any) -> None:
    try:
        sent = plain(value)
    except DocumentError as error:
        str(error).encode()
        return
    assert json.loads(json.dumps(sent, allow_nan=False)) == sent
