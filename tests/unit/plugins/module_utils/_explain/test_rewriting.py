# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.rewriting import rewritten

Json = dict[str, t.Any]


@pytest.mark.parametrize(
    ("match", "action", "path"),
    [
        ({"prefix": "/old/"}, {}, "/old/x"),
        ({"prefix": "/old/"}, {"prefix_rewrite": "/new/"}, "/new/x"),
        ({"path": "/old/x"}, {"prefix_rewrite": "/new"}, "/new"),
        ({"path_separated_prefix": "/old"}, {"prefix_rewrite": "/new"}, "/new/x"),
        (
            {"safe_regex": {"regex": "/.*"}},
            {"regex_rewrite": {"pattern": {"regex": "^/([^/]+)/(.*)$"}, "substitution": r"/\2/\1"}},
            "/x/old",
        ),
        ({"prefix": "/"}, {"regex_rewrite": {"pattern": {"regex": "x"}, "substitution": r"\0y"}}, "/old/xy"),
        ({"prefix": "/"}, {"regex_rewrite": {"pattern": {"regex": "("}, "substitution": ""}}, "/old/x"),
        ({"prefix": "/"}, {"regex_rewrite": {"pattern": {"regex": "x"}, "substitution": r"\1"}}, "/old/x"),
    ],
)
def test_paths(match: Json, action: Json, path: str) -> None:
    assert rewritten({"match": match, "route": action}, request_of("http://reviews:9080/old/x")).path == path


def test_a_pattern_that_would_backtrack_without_end_takes_no_time() -> None:
    action = {"regex_rewrite": {"pattern": {"regex": "/(a+)+$"}, "substitution": "/"}}
    begun = time.process_time()
    path = f"/{'a' * 2000}!"
    assert rewritten({"route": action}, request_of(f"http://reviews:9080{path}")).path == path
    assert time.process_time() - begun < 1


def test_host_and_headers() -> None:
    route = {
        "route": {"host_rewrite_literal": "other"},
        "request_headers_to_add": [
            {"header": {"key": "x-a", "value": "1"}},
            {"header": {"key": "X-B", "value": "2"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        ],
        "request_headers_to_remove": ["X-C"],
    }
    before = request_of("http://reviews:9080/", headers=[("x-a", "0"), ("x-b", "0"), ("x-c", "0")])
    after = rewritten(route, before)
    assert after.header(":authority") == "other"
    assert {name: after.header(name) for name in ("x-a", "x-b", "x-c")} == {"x-a": "0,1", "x-b": "2", "x-c": None}
