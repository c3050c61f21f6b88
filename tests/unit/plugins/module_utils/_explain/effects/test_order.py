# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.mend import Patch
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.order import (
    behind_older_rules,
    behind_wider_paths,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh

Json = dict[str, t.Any]
USER = {"headers": {"end-user": {"exact": "jason"}}}


def uri(text: str, kind: str = "prefix", **more: t.Any) -> Json:
    return {"uri": {kind: text}, **more}


def found_in(*matches: list[Json]) -> list[tuple[int, str, bool]]:
    """The rules that take nothing, what takes their requests, and whether it can be mended in one way."""
    spec = {"hosts": ["reviews"], "http": [{"match": one} if one else {} for one in matches]}
    rule = {"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}
    return [
        (int(one.field[10]), one.sentence.partition("begins with ")[2].partition(",")[0], isinstance(one.mend, Patch))
        for one in behind_wider_paths(Mesh({"VirtualService": (rule,)}))
    ]


@pytest.mark.parametrize(
    ("matches", "found"),
    [
        ([[uri("/reviews")], [uri("/reviews/0")]], [(1, "/reviews", True)]),
        ([[uri("/reviews")], [uri("/reviewsold", "exact")]], [(1, "/reviews", True)]),
        ([[uri("/reviews")], [uri("/reviews/0", **USER)], []], [(1, "/reviews", True)]),
        ([[uri("/reviews", name="a")], [uri("/reviews")]], [(1, "/reviews", False)]),
        ([[uri("/a"), uri("/b")], [uri("/a/1"), uri("/b/1")]], [(1, "/a", True)]),
        # What follows takes something still.
        ([[uri("/reviews/0")], [uri("/reviews")]], []),
        ([[uri("/reviews", **USER)], [uri("/reviews/0")]], []),
        ([[uri("/reviews")], [uri("/reviews/0"), uri("/ratings")]], []),
        ([[uri("/reviews", "exact")], [uri("/reviews/0")]], []),
        ([[uri("/reviews")], [uri("/reviews/.*", "regex")]], []),
        ([[uri("/reviews")], [uri("/reviews/0", ignoreUriCase=True)]], []),
        ([[uri("/reviews", gateways=["entrance"])], [uri("/reviews/0")]], []),
        ([[uri("/reviews")], []], []),
        # A rule that takes everything is told apart.
        ([[uri("/")], [uri("/reviews")]], []),
    ],
)
def test_rules_behind_a_wider_path(matches: list[list[Json]], found: list[tuple[int, str, bool]]) -> None:
    assert found_in(*matches) == found


def at_gateway(name: str, *matches: list[Json], host: str = "shop.example", created: str = "2026-01-01") -> Json:
    spec = {"hosts": [host], "gateways": ["bookinfo/shop"], "http": [{"match": one} if one else {} for one in matches]}
    return {"metadata": {"name": name, "namespace": "bookinfo", "creationTimestamp": created}, "spec": spec}


@pytest.mark.parametrize(
    ("older", "younger", "found"),
    [
        (at_gateway("a", [uri("/re")]), at_gateway("b", [uri("/reviews")]), ["b"]),
        (at_gateway("a", [uri("/reviews")]), at_gateway("b", [uri("/re")], created="2025-01-01"), ["a"]),
        (at_gateway("a", [uri("/reviews")]), at_gateway("b", [uri("/re")]), []),
        (at_gateway("a", [uri("/re")]), at_gateway("b", [uri("/reviews")], host="other.example"), []),
        # What takes everything is asked last at a gateway.
        (at_gateway("a", []), at_gateway("b", [uri("/reviews")]), []),
    ],
)
def test_rules_behind_an_older_one_at_a_gateway(older: Json, younger: Json, found: list[str]) -> None:
    effects = list(behind_older_rules(Mesh({"VirtualService": (older, younger)})))
    assert [one.origin.name for one in effects] == found
    assert all("begins with /re, so it takes none." in one.sentence for one in effects)
