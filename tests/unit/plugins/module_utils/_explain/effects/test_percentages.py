# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import (
    TO_REVIEWS,
    route,
    sentences,
)

MIRROR = f"http: [{{{TO_REVIEWS}, mirror: {{host: ratings}}, mirrorPercentage: {{value: %s}}}}]"
MIRRORS = f"http: [{{{TO_REVIEWS}, mirrors: [{{destination: {{host: ratings}}, percentage: {{value: %s}}}}]}}]"
RULE = "VirtualService bookinfo/reviews copies"
FAULTS = [
    (
        route(MIRROR % "0"),
        f"{RULE} 0 % of the requests to ratings (mirrorPercentage, whose value is in percent, from 0 to 100), so no "
        "copy is sent.",
    ),
    (
        route(MIRRORS % "0.5"),
        f"{RULE} 0.5 % of the requests to ratings (mirrors, whose value is in percent, from 0 to 100).",
    ),
]
SOUND = [
    route(MIRROR % "1"),
    route(MIRRORS % "100"),
    route(f"http: [{{{TO_REVIEWS}, mirror: {{host: ratings}}}}]"),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_mirror_of_hardly_anything_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_a_mirror_of_more_is_not(text: str) -> None:
    assert sentences(text) == []
