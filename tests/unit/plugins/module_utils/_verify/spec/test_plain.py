# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a user writes is a check or one sentence."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.errors import CheckError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import Check, parse_checks, secrets_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.spec.making import URL, check, refused
from hypothesis import given
from hypothesis import strategies as st

ITSELF: dict[str, t.Any] = {"name": "c"}
ITSELF["again"] = [ITSELF]


def nested(depth: int) -> t.Any:
    value: t.Any = "x"
    for _level in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (ITSELF, "Check 1: request.body.again.0 contains itself: an alias in the YAML refers to what it is a part of."),
        ({"a": b"\xff"}, "Check 1: request.body.a is binary (!!binary in YAML), not text."),
        ({b"a": 1}, "Check 1: request.body.the key a key is binary"),
        (
            datetime.date(2026, 1, 1),
            "Check 1: request.body is a date, which is neither a string nor a number: put it in",
        ),
        ("\ud800", "Check 1: request.body holds half of a surrogate pair"),
        (10**400, "Check 1: request.body is a number of more than 18 digits."),
        (nested(100), " is nested more than 50 deep."),
    ],
)
def test_what_json_cannot_hold_is_refused(value: t.Any, sentence: str) -> None:
    refused([check(request={"url": URL, "body": value})], sentence)


def test_an_alias_that_is_used_twice_is_none_that_contains_itself() -> None:
    twice = {"a": 1}
    assert parse_checks([check(request={"url": URL, "body": {"x": twice, "y": [twice, twice]}})])


def test_lists_and_mappings_that_contain_themselves_are_refused() -> None:
    loop: list[t.Any] = []
    loop.append(loop)
    for value in (loop, ITSELF, [ITSELF], {"a": loop}):
        with pytest.raises(CheckError, match="contains itself"):
            parse_checks(value)
        secrets_of(value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.sampled_from(["host", URL, "http://[", "200", "v1", "(", "a\nb", "-----BEGIN CERTIFICATE-----", "\ud800"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | SCALARS, inner, max_size=3),
    max_leaves=8,
)

WHOLE: dict[str, t.Any] = {
    "name": "c",
    "from": "productpage",
    "namespace": "bookinfo",
    "request": {
        "url": "https://x:8443/p?q=1",
        "method": "POST",
        "headers": {"a": "b"},
        "body": {"a": [1]},
        "session": {"login": "/login", "username": "a", "password": "b", "form": {"c": 1}},
        "timeout": 5,
        "count": 10,
        "concurrency": 2,
        "tls": {"insecure": True, "name": "x"},
        "protocol": "HTTP/2",
    },
    "expect": {
        "status": {200: 90, 500: 10},
        "served_by": {"v1": 95, "v3": 5},
        "callee": "reviews",
        "body": {"contains": ["a"], "matches": "b"},
        "headers": {"server": {"present": True}},
        "latency": {"above": 0, "below": 2},
        "attempts": {"above": 1, "below": 2},
        "mirrored": {"v3": 50},
        "upstream_cluster": {"lacks": "x"},
        "some": {"percent": 1, "status": 503, "headers": {"a": "b"}},
    },
    "tolerance": 5,
    "deadline": 10,
    "consecutive": 2,
    "no_log": True,
}


def places(value: t.Any, path: tuple[t.Any, ...] = ()) -> list[tuple[t.Any, ...]]:
    """Where in a mapping something stands."""
    found = [path] if path else []
    for key, content in value.items() if isinstance(value, dict) else ():
        found += places(content, (*path, key))
    return found


def only_checks_or_a_sentence(value: t.Any) -> None:
    secrets_of(value)
    try:
        checks = parse_checks(value, "bookinfo")
    except CheckError as error:
        text = str(error)
    else:
        assert all(isinstance(one, Check) for one in checks)
        return
    assert text.endswith(".")
    assert "\n" not in text


def test_the_check_that_is_changed_below_is_right() -> None:
    assert len(parse_checks([WHOLE])) == 1


@given(VALUES)
def test_any_value_is_checks_or_refused(value: t.Any) -> None:
    only_checks_or_a_sentence(value)
    only_checks_or_a_sentence([value])


@given(st.lists(st.tuples(st.sampled_from(places(WHOLE)), VALUES), min_size=1, max_size=3))
def test_a_check_with_anything_anywhere_is_a_check_or_refused(changes: list[tuple[tuple[t.Any, ...], t.Any]]) -> None:
    one: t.Any = copy.deepcopy(WHOLE)
    for path, value in changes:
        place = one
        for key in path[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[path[-1]] = value
    only_checks_or_a_sentence([one])
