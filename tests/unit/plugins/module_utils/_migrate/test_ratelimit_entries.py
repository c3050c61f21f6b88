# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .quotas import BINDING, NEW, Json, config_of, limits_of, old


def test_a_charge_is_what_a_hit_adds(converter: Converter) -> None:
    assert limits_of(converter.outputs(old(charge=5)))[0]["hits_addend"] == {"number": 5}


def test_a_rules_match_is_a_match_of_headers(converter: Converter) -> None:
    found = converter.outputs(old(match='match(request.headers["cookie"], "user=*") == false'))
    match = limits_of(found)[0]["actions"][1]["header_value_match"]
    assert match["expect_match"] is False
    assert match["headers"] == [
        {"name": "cookie", "treat_missing_header_as_empty": True, "string_match": {"prefix": "user="}}
    ]
    assert config_of(found)["descriptors"][0]["descriptors"][0]["key"] == "match-0"


def expressions(converter: Converter, dimension: str, named: str = "") -> list[str]:
    """The expressions that a quota with one dimension sends; an override may name a value of it."""
    override = f"overrides: [{{dimensions: {{who: {named}}}, maxAmount: 1, validDuration: 1s}}]" if named else ""
    text = NEW.replace('caller: request.headers["x-forwarded-for"] | "nobody"', f"who: {dimension}")
    text = text.replace("validDuration: 1s\n", f"validDuration: 1s\n      {override}\n")
    actions = limits_of(converter.outputs(text + BINDING.replace("CHARGE", "1")))[0]["actions"]
    return [action["extension"]["typed_config"]["text"] for action in actions if "extension" in action]


def test_the_first_header_that_is_there_counts(converter: Converter) -> None:
    (text,) = expressions(converter, 'request.headers["User"] | request.useragent | "nobody"')
    assert text == (
        '"user" in request.headers ? request.headers["user"] : '
        '"user-agent" in request.headers ? request.headers["user-agent"] : "nobody"'
    )
    assert expressions(converter, 'request.headers["x"] | request.path | "never"') == [
        '"x" in request.headers ? request.headers["x"] : request.path'
    ]


def test_an_override_names_the_caller_as_mixer_did(converter: Converter) -> None:
    peer = "connection.uri_san_peer_certificate"
    (text,) = expressions(converter, 'source.principal | "none"', "cluster.local/ns/default/sa/a")
    assert text == (
        f'has({peer}) ? ({peer} == "spiffe://cluster.local/ns/default/sa/a" ? "cluster.local/ns/default/sa/a" : {peer})'
        ' : "none"'
    )


def test_a_header_is_no_substitute_for_a_callers_label(converter: Converter) -> None:
    quota = old().replace('source: source.labels["app"] |', 'source: source.labels["app"] | request.headers["x"] |')
    assert 'request.headers["x"] where source.labels["app"] is missing' in converter.refusal(quota)


@pytest.mark.parametrize(
    ("match", "header", "told"),
    [
        ('match(request.headers["x"], "*")', {"name": "x", "present_match": True}, False),
        ('match(request.headers["x"], "*") == false', {"name": "x", "present_match": True}, True),
        (
            'match(request.headers["x"] | "", "*")',
            {"name": "x", "treat_missing_header_as_empty": True, "string_match": {"safe_regex": {"regex": ".*"}}},
            False,
        ),
        (
            'request.headers["x"] != ""',
            {"name": "x", "treat_missing_header_as_empty": True, "string_match": {"exact": ""}},
            False,
        ),
        (
            'request.headers["x"] != "a"',
            {"name": "x", "treat_missing_header_as_empty": True, "string_match": {"exact": "a"}},
            True,
        ),
    ],
)
def test_a_request_without_the_header_is_counted_as_is_told(
    converter: Converter, match: str, header: Json, told: bool
) -> None:
    text = old(match=f"'{match}'")
    asked = limits_of(converter.outputs(text))[0]["actions"][1]["header_value_match"]["headers"]
    assert asked == [header]
    assert ("holds for a request without the header" in str(converter.result(text).docs[0].differences)) == told
