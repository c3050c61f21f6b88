# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.errors import CheckError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import parse_checks, secrets_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.spec.making import (
    URL,
    check,
    parsed,
    refused,
)


def test_defaults() -> None:
    one = parse_checks([{"request": {"url": URL}, "expect": {"status": 200}}], default_namespace="bookinfo")[0]
    assert one.name == f"GET {URL} from host"
    assert (one.source, one.namespace, one.deadline, one.consecutive) == ("host", "bookinfo", 60.0, 3)
    assert (one.request.method, one.request.count, one.request.concurrency) == ("GET", None, 8)
    assert one.expect.status == (200,)


def test_the_deadline_of_checks_that_name_none() -> None:
    named, unnamed = parse_checks([check(deadline=5), check(name="d")], deadline=90)
    assert (named.deadline, unnamed.deadline) == (5.0, 90.0)
    with pytest.raises(CheckError, match="The option: deadline must be a number from 0 to 3600, not -1"):
        parse_checks([], deadline=-1)


def test_nothing_to_check_is_no_error() -> None:
    assert parse_checks(None) == []


def test_metadata_is_carried() -> None:
    one = parsed(control=True, fails_in={"stage": "all_v1"})
    assert one.control
    assert one.fails_in == {"stage": "all_v1"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"expcet": {}}, "Check 'c': expcet is not known: did you mean expect? allowed here: name, from"),
        ({"expect": None}, "expect is missing"),
        ({"request": None}, "request is missing"),
        ({"from": "Product Page"}, "from must be host, no_sidecar or the name of a workload"),
        ({"deadline": -1}, "deadline must be a number from 0 to 3600"),
        ({"name": ["x"]}, "Check 1: name must be a string"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, t.Any], sentence: str) -> None:
    refused([check(**changes)], sentence)


def test_input_that_is_no_list() -> None:
    with pytest.raises(CheckError, match="must be a list of mappings"):
        parse_checks({"name": "x"})
    with pytest.raises(CheckError, match="Check 1 must be a mapping"):
        parse_checks(["x"])


def test_names_are_unique() -> None:
    with pytest.raises(CheckError, match="Check 2 has the name 'c' of check 1"):
        parse_checks([check(), check()])


def test_secrets_are_those_of_checks_marked_no_log() -> None:
    request = {"url": URL, "headers": {"authorization": "Bearer abc"}, "body": {"pin": "1234"}, "session": "jason"}
    assert secrets_of([check(request=request)]) == set()
    assert secrets_of([check(request=request, no_log=True)]) == {"Bearer abc", "1234", "jason"}
    wrong = {
        "name": "w",
        "no_log": True,
        "request": {"headers": {"authorization": "Bearer abc"}, "session": {"password": "pw1"}},
    }
    assert secrets_of([wrong, "nonsense", {"request": None}]) == {"Bearer abc", "pw1"}, (
        "a wrong check keeps its secrets too"
    )
    request = {"url": "http://x/?token=q123&page=1", "headers": {"x-pin": 4711}}
    assert secrets_of([check(request=request, no_log=True)]) == {"q123", "4711", "token=q123&page=1"}
