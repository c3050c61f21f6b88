# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter
from .test_mixer import check, denier


def test_what_a_denier_answers_by_itself_is_told(converter: Converter) -> None:
    match = '\'destination.port == "9080" && request.headers["x"] == "y"\''
    parts = [("denier", "{}"), ("checknothing", "")]
    rule = converter.result(check(parts, ("h.denier", "h.checknothing"), match)).docs[2]
    assert [note.text for note in rule.differences] == [
        "The handler h answered with the status FAILED_PRECONDITION (400, as it names none); it is 403 today."
    ]
    assert any("RBAC: access denied" in note.text for note in rule.notes)
    texts = [note.text for note in converter.result(denier(match, 16)).docs[2].differences]
    assert texts == ["The handler h answered with the status UNAUTHENTICATED (401); it is 403 today."]
    assert "denies nothing" in converter.result(denier(match, 0)).refusals()[2]


def test_a_policy_that_looks_at_requests_closes_tcp_and_that_is_told(converter: Converter) -> None:
    def told(match: str) -> bool:
        notes = converter.result(denier(f"'{match}'")).docs[2].differences
        return any("it closes ports that take TCP" in note.text for note in notes)

    assert told('request.headers["x"] == "y"')
    assert told('source.namespace == "a" && request.method == "POST"')
    assert not told('source.namespace == "a"')
    assert not told('destination.port == "80" && request.headers["x"] == "y"')
