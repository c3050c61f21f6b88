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

ROOT = route("http: [{match: [{uri: {prefix: /reviews}}], delegate: {name: inner}}]")


def inner(match: str, hosts: str = "") -> str:
    spec = f"spec: {{{hosts}http: [{{{match}{TO_REVIEWS}}}]}}\n"
    return f"{ROOT}---\nkind: VirtualService\nmetadata: {{name: inner}}\n{spec}"


SAID = (
    "Rule 1 of VirtualService bookinfo/inner matches {}, and rule 1 of VirtualService bookinfo/reviews leaves only "
    "prefix /reviews to it, so no route is made of it."
)
FAULTS = [
    (inner("match: [{uri: {prefix: /0}}], "), SAID.format("prefix /0")),
    (inner("match: [{uri: {exact: /rev}}], "), SAID.format("exact /rev")),
    (inner("match: [{uri: {regex: /reviews/.*}}], "), SAID.format("regex /reviews/.*")),
    (
        inner("", "hosts: [ratings], "),
        "Rule 1 of VirtualService bookinfo/reviews leaves its requests to VirtualService bookinfo/inner, which has "
        "hosts of its own, so it is not a delegate, so no route is made of it.",
    ),
]
SOUND = [
    inner(""),
    inner("match: [{uri: {prefix: /reviews/0}}], "),
    inner("match: [{uri: {exact: /reviews}}], "),
    inner("match: [{headers: {a: {exact: b}}}], "),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_delegate_that_gets_nothing_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_one_that_gets_something_is_not(text: str) -> None:
    assert sentences(text) == []
