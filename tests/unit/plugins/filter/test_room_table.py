# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mesh.workshop.plugins.filter.room_table import FilterModule

AGES_AGO = "2020-01-01T12:00:00Z"
ADA = {
    "namespace": "ada",
    "lab": "tls",
    "stage": "strict",
    "host": "ada.example",
    "healthy": True,
    "troubles": [],
    "running": "",
    "verified": "9999-01-01T12:00:00Z",
    "failed": "",
    "failure": "",
}
BOB = {
    **ADA,
    "namespace": "bob",
    "lab": "",
    "stage": "",
    "healthy": False,
    "troubles": ["It is gone: mend it."],
    "verified": "",
}

room_table = FilterModule().filters()["room_table"]


def test_each_attendee_has_a_row_and_the_troubles_stand_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    head, _rule, ada, bob, empty, trouble = room_table([BOB, ADA]).splitlines()
    assert head.split() == ["attendee", "lab", "stage", "verified", "host", "health"]
    assert ada.split() == ["ada", "tls", "strict", "just", "now", "ada.example", "good"]
    assert bob.split() == ["bob", "nothing", "nothing", "no", "ada.example", "see", "below"]
    assert (empty, trouble) == ("", "bob: It is gone: mend it.")


def test_a_failure_and_a_run_at_work_are_told_before_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    failed = {**BOB, "failed": AGES_AGO, "failure": "The page is not there."}
    first, second = room_table([failed]).splitlines()[-2:]
    assert first.startswith("bob: failed ")
    assert first.endswith(" days ago: The page is not there.")
    assert second == "bob: It is gone: mend it."
    told = room_table([{**failed, "running": "lab tls, by ada@desk", "troubles": []}]).splitlines()
    assert "  in progress  " in told[2]
    assert told[-1] == "bob: in progress: lab tls, by ada@desk"


def test_of_many_troubles_the_first_are_shown() -> None:
    told = room_table([{**BOB, "troubles": ["one", "two", "three", "four"]}])
    assert told.splitlines()[-3:] == ["bob: one", "bob: two", "bob: and 2 more"]


@pytest.mark.parametrize("columns", [50, 120])
def test_the_table_fits_the_screen(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    long = {**ADA, "namespace": "a" * 60, "host": "a" * 60 + ".example"}
    lines = room_table([long]).splitlines()
    assert max(map(len, lines)) <= columns
    assert ("host" in lines[0]) == (columns > 50), "the page is what people know best"


@pytest.mark.parametrize("wrong", [None, 5, ["text"], [{}]])
def test_anything_else_is_refused_in_a_sentence(wrong: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="these are not the attendees' statuses"):
        room_table(wrong)
