# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.matching import (
    Unknown,
    header_fault,
    path_fault,
    query_fault,
    route_fault,
    string_holds,
    template_holds,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of

REQUEST = request_of("http://reviews:9080/reviews/0?a=b&c", "GET", [("End-User", "jason")])


@pytest.mark.parametrize(
    ("matcher", "value", "holds"),
    [
        ({"exact": "a"}, "a", True),
        ({"exact": "A"}, "a", False),
        ({"exact": "A", "ignore_case": True}, "a", True),
        ({"prefix": "/re"}, "/reviews", True),
        ({"suffix": ".example"}, "a.example", True),
        ({"contains": "b"}, "abc", True),
        ({"safe_regex": {"regex": "v[12]"}}, "v2", True),
        ({"safe_regex": {"regex": "v[12]"}}, "v23", False),  # the whole value has to match
        ({}, "", True),
        ({}, "a", False),
    ],
)
def test_string_matchers(matcher: dict[str, object], value: str, holds: bool) -> None:
    assert string_holds(matcher, value) is holds


def test_a_matcher_of_another_version_is_unknown() -> None:
    with pytest.raises(Unknown, match="custom"):
        string_holds({"custom": {}}, "a")


@pytest.mark.parametrize(
    ("matcher", "fault"),
    [
        ({"name": "end-user", "string_match": {"exact": "jason"}}, ""),
        (
            {"name": "end-user", "string_match": {"exact": "jane"}},
            "the header end-user has to be exactly 'jane', and is 'jason'",
        ),
        (
            {"name": "end-user", "string_match": {"exact": "jason"}, "invert_match": True},
            "the header end-user must not",
        ),
        ({"name": "x", "string_match": {"exact": "1"}}, "the header x has to be exactly '1', and the request has none"),
        (
            {"name": "x", "string_match": {"exact": "1"}, "invert_match": True},
            "the header x must not be exactly '1', and the request has none",
        ),
        ({"name": "x", "string_match": {"exact": ""}, "treat_missing_header_as_empty": True}, ""),
        ({"name": "end-user", "present_match": True}, ""),
        ({"name": "x", "present_match": True}, "the header x must be present"),
        ({"name": "x", "present_match": True, "invert_match": True}, ""),
        (
            {"name": "end-user", "present_match": True, "invert_match": True},
            "the header end-user must not be present",
        ),
        ({"name": "end-user", "present_match": False}, "the header end-user must not be present"),
        ({"name": "x", "present_match": False, "invert_match": True}, "the header x must be present"),
        ({"name": "end-user", "invert_match": True}, "the header end-user must not be present"),
        ({"name": ":method", "string_match": {"exact": "POST"}}, "the method has to be exactly 'POST', and is 'GET'"),
        ({"name": ":authority", "string_match": {"exact": "reviews:9080"}}, ""),
        ({"name": "end-user", "exact_match": "jason"}, ""),
    ],
)
def test_header_matchers(matcher: dict[str, object], fault: str) -> None:
    found = header_fault(matcher, REQUEST)
    assert found.startswith(fault) if fault else found == ""


def test_query_matchers() -> None:
    assert query_fault({"name": "a", "string_match": {"exact": "b"}}, REQUEST) == ""
    assert query_fault({"name": "c", "present_match": True}, REQUEST) == ""
    assert query_fault({"name": "a", "present_match": False}, REQUEST) == "the query parameter a must not be present"
    assert "and is 'b'" in query_fault({"name": "a", "string_match": {"exact": "x"}}, REQUEST)
    assert "has none" in query_fault({"name": "z", "string_match": {"exact": "x"}}, REQUEST)


@pytest.mark.parametrize(
    ("match", "path", "holds"),
    [
        ({"path": "/a"}, "/a", True),
        ({"path": "/a"}, "/a/", False),
        ({"path": "/A", "case_sensitive": False}, "/a", True),
        ({"prefix": "/a"}, "/ab", True),
        ({"path_separated_prefix": "/a"}, "/ab", False),
        ({"path_separated_prefix": "/a"}, "/a/b", True),
        ({"safe_regex": {"regex": "/[0-9]+"}}, "/12", True),
        ({"path_match_policy": {"typed_config": {"path_template": "/a/*/c"}}}, "/a/b/c", True),
    ],
)
def test_paths(match: dict[str, object], path: str, holds: bool) -> None:
    assert (path_fault(match, path) == "") is holds


@pytest.mark.parametrize(
    ("template", "path", "holds"),
    [
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/b/c", False),
        ("/a/**", "/a/b/c", True),
        ("/a/{x=*}/c", "/a/b/c", True),
        ("/a/{x=**}", "/a/b/c", True),
        ("/a/*", "/a/", False),
        ("/a.b/*", "/aXb/c", False),
    ],
)
def test_templates(template: str, path: str, holds: bool) -> None:
    assert template_holds(template, path) is holds


def test_a_template_that_would_backtrack_without_end_takes_no_time() -> None:
    begun = time.process_time()
    assert not template_holds("/**" * 12 + "/b", "/a" * 200)
    assert time.process_time() - begun < 1


def test_the_first_condition_that_does_not_hold_is_told() -> None:
    match = {
        "prefix": "/reviews",
        "headers": [{"name": "end-user", "string_match": {"exact": "jane"}}],
        "query_parameters": [{"name": "a", "string_match": {"exact": "x"}}],
    }
    assert route_fault(match, REQUEST) == "the header end-user has to be exactly 'jane', and is 'jason'"
    assert route_fault({"prefix": "/reviews"}, REQUEST) == ""
    assert route_fault({"prefix": "/", "grpc": {}}, REQUEST) == "only gRPC is matched"
    with pytest.raises(Unknown, match="runtime_fraction"):
        route_fault({"prefix": "/", "runtime_fraction": {"default_value": {}}}, REQUEST)
