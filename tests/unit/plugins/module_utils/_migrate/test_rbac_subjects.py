# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from .conftest import Converter
from .roles import ON, role

Json = dict[str, t.Any]


def test_two_demands_on_the_same_thing_must_both_hold(converter: Converter) -> None:
    subject = '[{user: one, properties: {source.principal: two, "request.auth.claims[a]": b}}]'
    rule = converter.outputs(ON + role("[{services: ['*']}]", subject))[1]["spec"]["rules"][0]
    assert rule == {
        "from": [{"source": {"principals": ["one"]}}],
        "when": [
            {"key": "source.principal", "values": ["two"]},
            {"key": "request.auth.claims[a]", "values": ["b"]},
        ],
    }


def test_a_group_is_the_claim_of_that_name(converter: Converter) -> None:
    rule = converter.outputs(ON + role("[{services: ['*']}]", "[{group: admins}]"))[1]["spec"]["rules"][0]
    assert rule == {"when": [{"key": "request.auth.claims[groups]", "values": ["admins"]}]}


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        ("{names: [allUsers]}", {}),
        ("{names: [allAuthenticatedUsers]}", {"from": [{"source": {"principals": ["*"]}}]}),
        ("{notNames: [a], namespaces: [b]}", {"from": [{"source": {"notPrincipals": ["a"], "namespaces": ["b"]}}]}),
        ("{ips: [10.0.0.0/8]}", {"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}),
        ("{notGroups: [a]}", {"when": [{"key": "request.auth.claims[groups]", "notValues": ["a"]}]}),
    ],
)
def test_the_later_fields_of_a_subject(converter: Converter, subject: str, rule: Json) -> None:
    policy = converter.outputs(ON + role("[{services: ['*']}]", f"[{subject}]"))[1]
    assert policy["spec"]["rules"] == [rule]


@pytest.mark.parametrize("subject", ["{notNames: [allUsers]}", "{}"])
def test_who_is_nobody_gets_no_rule(converter: Converter, subject: str) -> None:
    result = converter.result(ON + role("[{services: ['*']}]", f"[{subject}]"))
    assert [out["metadata"]["name"] for doc in result.docs for out in doc.outputs] == ["allow-nothing"]
