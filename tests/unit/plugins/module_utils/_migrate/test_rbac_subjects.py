# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter
from .roles import ON, role


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
