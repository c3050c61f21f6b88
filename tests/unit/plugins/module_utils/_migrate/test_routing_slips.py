# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml

from .conftest import Converter
from .routings import http

SLIPS = [
    (
        "headers as a list",
        "  - match:\n    - headers:\n      - user:\n        exact: me\n    route:\n    - destination: {host: a}\n",
        "exact is moved into user",
    ),
    (
        "a header beside headers",
        "  - match:\n    - headers:\n      user:\n        exact: me\n    route:\n    - destination: {host: a}\n",
        "user is moved into headers",
    ),
    (
        "fields beside destination",
        "  - match: [{headers: {user: {exact: me}}}]\n    route:\n    - destination:\n      host: a\n",
        "host is moved into destination",
    ),
    (
        "route outside of its item",
        "  - match: [{headers: {user: {exact: me}}}]\n  route:\n  - destination: {host: a}\n",
        "route is moved into the item of http",
    ),
]


@pytest.mark.parametrize(("name", "text", "said"), SLIPS, ids=[case[0] for case in SLIPS])
def test_slips_with_one_reading_are_mended_and_reported(converter: Converter, name: str, text: str, said: str) -> None:
    found = converter.outputs(http(text))
    assert found[0]["spec"]["http"] == [
        {"match": [{"headers": {"user": {"exact": "me"}}}], "route": [{"destination": {"host": "a"}}]}
    ]
    repairs = converter.result(http(text)).docs[0].repairs
    assert said in " ".join(note.text for note in repairs)
    assert all(note.line >= 7 and note.column for note in repairs)


DOUBLED = """\
  - match: [{uri: {prefix: /x}}]
    timeout: 1s
    route:
    - destination:
        host: a
        subset: v1
      weight: 100
    # kept
    route:
    - destination:
        host: a
        subset: v1
      weight: 100
  - route: [{destination: {host: a}}]
"""


def test_a_key_that_is_there_twice_with_one_value_is_there_once(converter: Converter) -> None:
    result = converter.result(http(DOUBLED))
    (file,) = result.files
    (doc,) = file.docs
    assert [(note.text, note.line, note.column) for note in doc.repairs] == [
        ("route appears twice with one value; the second is dropped.", 15, 5)
    ]
    once = {"destination": {"host": "a", "subset": "v1"}, "weight": 100}
    assert yaml.safe_load(file.text() or "")["spec"]["http"][0]["route"] == [once]
    assert (file.text() or "").count("weight: 100") == 1
    assert "# kept" in (file.text() or "")
    # The file ends where the second value does.
    (found,) = converter.outputs(http("  - route: [{destination: {host: a}}]\n    timeout: 1s\n    timeout: 1s"))
    assert found["spec"]["http"][0]["timeout"] == "1s"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DOUBLED.replace("weight: 100\n  -", "weight: 50\n  -"), "line 15, "),
        (DOUBLED.replace("weight: 100\n  -", "weight: 50\n  -"), "the key route appears twice, with another value"),
        (DOUBLED.replace("timeout: 1s", "{timeout: 1s, timeout: 1s}"), "not valid YAML"),
        (
            "  - {route: [{destination: {host: a}}], timeout: 1s, timeout: 1s}\n",
            "twice, with the same value; keep one",
        ),
        # Two of its kind, not one.
        ("  - timeout: 1\n    timeout: '1'\n    route: [{destination: {host: a}}]\n", "with another value"),
    ],
)
def test_a_key_that_is_there_twice_otherwise_is_refused(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(http(text))


def test_a_nested_route_is_a_rule_of_its_own(converter: Converter) -> None:
    text = (
        "  - match: [{port: 1}]\n    route:\n    - destination: {host: a}\n"
        "    - route:\n      - destination: {host: b}\n"
    )
    assert converter.outputs(http(text))[0]["spec"]["http"] == [
        {"match": [{"port": 1}], "route": [{"destination": {"host": "a"}}]},
        {"route": [{"destination": {"host": "b"}}]},
    ]


def test_a_weight_in_a_destination_is_moved_out(converter: Converter) -> None:
    text = "  - route:\n    - destination: {host: a, weight: 95}\n    - destination: {host: b, weight: 5}\n"
    assert converter.outputs(http(text))[0]["spec"]["http"][0]["route"] == [
        {"destination": {"host": "a"}, "weight": 95},
        {"destination": {"host": "b"}, "weight": 5},
    ]
