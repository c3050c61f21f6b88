# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.attendees import (
    Attendee,
    attendees_of,
    checked_names,
    choose,
    given_names,
    names_in_csv,
    with_hosts,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.errors import LabError

ADA, BOB = Attendee("ada", "ada.shop.example"), Attendee("bob", "bob.shop.example")


def refusal(function: t.Callable[..., t.Any], *arguments: t.Any, **options: t.Any) -> str:
    with pytest.raises(LabError) as caught:
        function(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (3, ["attendee-01", "attendee-02", "attendee-03"]),
        (" 1 ", ["attendee-01"]),
        ("ada, bob,", ["ada", "bob"]),
        (["ada", "7"], ["ada", "7"]),
    ],
)
def test_a_number_and_names_are_read(given: t.Any, names: list[str]) -> None:
    assert given_names(given) == names


def test_more_than_99_leave_the_first_as_they_are() -> None:
    names = given_names(101)
    assert (names[0], names[98], names[99]) == ("attendee-01", "attendee-99", "attendee-100")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0, "names nobody"),
        ("-3", "names nobody"),
        (" , ", "names nobody"),
        ([], "names nobody"),
        (True, "attendees is True: give a number"),
        ({"ada": 1}, "give a number, names"),
        ("10000", "9999 at most"),
    ],
)
def test_what_names_nobody_is_refused(given: t.Any, said: str) -> None:
    assert said in refusal(given_names, given)


@pytest.mark.parametrize(
    "text",
    [
        "name,email\nAda Lovelace,ada@example.com\nBob,bob@example.com\n",
        "\ufeffE-Mail;Name\r\nada@example.com;Ada Lovelace\r\n;\r\nbob@example.com;Bob\r\n",
        'ticket, NAME \n"1, early","Ada Lovelace"\n2,Bob',
    ],
)
def test_a_csv_file_gives_the_names_and_nothing_else(text: str) -> None:
    assert names_in_csv(text, "room.csv") == ["Ada Lovelace", "Bob"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "room.csv has no column name in its first line"),
        ("who,mail\nada,x", "room.csv has no column name"),
        ("name\n\n", "The column name of room.csv is empty"),
        ("name\n" + "a" * 200_000, "room.csv is not a CSV file (field larger"),
    ],
)
def test_a_csv_file_without_names_is_refused(text: str, said: str) -> None:
    assert said in refusal(names_in_csv, text, "room.csv")


def test_names_become_those_of_namespaces() -> None:
    assert checked_names(["Ada Lovelace", "José", "x.y_z"]) == ["ada-lovelace", "jose", "x-y-z"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ada", "-bob"], "Attendee '-bob' cannot be the name of a namespace"),
        (["???"], "Attendee '???' cannot be"),
        (["a" * 64], "63 at most"),
        (["Ada", "ada"], "Attendee 'ada' and attendee 'Ada' would both be ada: change one of the names."),
        (["ada", "ada"], "Attendee 'ada' is there twice"),
        (["kube-system"], "namespace kube-system is the cluster's or Istio's own"),
        (["istio-system"], "cannot have this name"),
        (["all"], "a word of the workshop"),
        (["mesh-workshop-tracing"], "a word of the workshop"),
    ],
)
def test_names_that_cannot_be_are_refused(given: list[str], said: str) -> None:
    assert said in refusal(checked_names, given)


def test_hosts_follow_the_pattern_and_who_is_there_keeps_theirs() -> None:
    found = with_hosts(["ada", "eve"], "{name}.Class.example", [ADA, BOB, Attendee("old", "")])
    assert found == [ADA, Attendee("eve", "eve.class.example")]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("shop.example", "put {name} where the name belongs"),
        ("{name}..example", "'eve..example' for attendee eve, which is no host name"),
        ("{name}." + "a." * 130 + "example", "no host name"),
    ],
)
def test_a_pattern_that_makes_no_hosts_is_refused(pattern: str, said: str) -> None:
    assert said in refusal(with_hosts, ["eve"], pattern, [ADA])


def test_a_host_belongs_to_one() -> None:
    taken = [Attendee("main", "eve.shop.example")]
    assert "that of main: change attendees_host" in refusal(with_hosts, ["eve"], "{name}.shop.example", taken)


def namespace(name: str, **meta: t.Any) -> dict[str, t.Any]:
    return {"metadata": {"name": name, **meta}}


def test_who_is_there_is_read_from_the_namespaces() -> None:
    found = attendees_of(
        [
            namespace("bob", annotations={"mesh.workshop/host": "bob.shop.example"}),
            namespace("ada", annotations={"mesh.workshop/host": "ada.shop.example"}),
            namespace("gone", deletionTimestamp="2026-01-01T00:00:00Z"),
            namespace("new"),
        ]
    )
    assert found == [ADA, BOB, Attendee("new", "")]


@pytest.mark.parametrize(
    ("given", "there", "chosen"),
    [
        ("", [ADA], [ADA]),
        (None, [], []),
        ("all", [ADA, BOB], [ADA, BOB]),
        ("bob,Ada", [ADA, BOB], [BOB, ADA]),
        (["bob", "bob"], [ADA, BOB], [BOB]),
    ],
)
def test_who_is_meant(given: t.Any, there: list[Attendee], chosen: list[Attendee]) -> None:
    assert choose(given, there) == chosen


def test_several_are_meant_only_where_that_is_said() -> None:
    said = refusal(choose, "", [ADA, BOB])
    assert said.startswith("There are 2 attendees: ada, bob. Say who is meant: -e attendee=NAME")
    assert choose("", [ADA, BOB], otherwise_all=True) == [ADA, BOB]
    many = [Attendee(f"a{number}", "") for number in range(40)]
    assert "a11 and 28 more. Say" in refusal(choose, "", many)


def test_who_is_not_there_is_named() -> None:
    assert "no attendee bbo (did you mean bob?). The attendees are: ada, bob." in refusal(choose, "bbo", [ADA, BOB])
    assert "There is no attendee eve. There is none yet." in refusal(choose, "eve", [])
