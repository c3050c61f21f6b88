# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter
from .quotas import config_of, limits_of, old


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
