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


def redirect(match: str, to: str) -> str:
    return route(f"http: [{{{match}redirect: {{{to}}}}}, {{match: [{{uri: {{prefix: /b}}}}], {TO_REVIEWS}}}]")


SAID = (
    "Rule 1 of VirtualService bookinfo/reviews redirects to {}, which the same rule takes again, so clients are "
    "redirected without end."
)
A = "match: [{uri: {prefix: /a}}], "
FAULTS = [
    (redirect(A, "uri: /a/b"), SAID.format("/a/b")),
    (redirect(A, "authority: reviews"), SAID.format("the path that was asked")),
]
SOUND = [
    redirect(A, "uri: /b"),
    redirect(A, "authority: other.example"),
    redirect(A, "scheme: https"),
    redirect("match: [{uri: {prefix: /a}, headers: {x: {exact: y}}}], ", "uri: /a/b"),
    redirect("match: [{uri: {exact: /a}}], ", "uri: /a/b"),
    redirect(A, "uri: '%PREFIX()%'"),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_redirect_to_itself_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_one_to_somewhere_else_is_not(text: str) -> None:
    assert sentences(text) == []
