# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.normalizing import normalized
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of

BASE = {"normalize_path": True}
MERGED = {**BASE, "merge_slashes": True}
DECODED = {**MERGED, "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}


@pytest.mark.parametrize(
    ("path", "none", "base", "merged", "decoded"),
    [
        # What the cluster's Envoy has made of each.
        ("/a/../b", "/a/../b", "/b", "/b", "/b"),
        ("/../x", "/../x", "/x", "/x", "/x"),
        ("/a/./b/..", "/a/./b/..", "/a/", "/a/", "/a/"),
        ("/a/%2E%2e/b", "/a/%2E%2e/b", "/b", "/b", "/b"),
        ("/a%2e%2e/b", "/a%2e%2e/b", "/a../b", "/a../b", "/a../b"),
        ("/a//b", "/a//b", "/a//b", "/a/b", "/a/b"),
        ("/a//../b", "/a//../b", "/a/b", "/a/b", "/a/b"),
        ("/a%2fb/../c", "/a%2fb/../c", "/c", "/c", "/a/c"),
        ("/a\\b%5cc", "/a\\b%5cc", "/a/b%5cc", "/a/b%5cc", "/a/b/c"),
        ("/%41%7e%20%c3%a9", "/%41%7e%20%c3%a9", "/A~%20%c3%a9", "/A~%20%c3%a9", "/A~%20%c3%a9"),
        ('/<"{|^`}>', '/<"{|^`}>', *["/%3C%22%7B%7C%5E%60%7D%3E"] * 3),
        ("/a%zz[;=@']", *["/a%zz[;=@']"] * 4),
    ],
)
def test_paths_are_as_envoy_makes_them(path: str, none: str, base: str, merged: str, decoded: str) -> None:
    request = request_of("http://a/").at(path)
    found = [normalized(one, request).path for one in ({}, BASE, MERGED, DECODED)]
    assert found == [none, base, merged, decoded]
