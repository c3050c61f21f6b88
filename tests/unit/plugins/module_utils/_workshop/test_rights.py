# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import (
    RightError,
    review,
    summed_up,
    version_of,
)


@pytest.mark.parametrize(
    ("right", "attributes"),
    [
        ("create namespaces", {"verb": "create", "resource": "namespaces"}),
        ("patch deployments.apps", {"verb": "patch", "resource": "deployments", "group": "apps"}),
        ("get pods/log", {"verb": "get", "resource": "pods", "subresource": "log"}),
        (
            "list virtualservices.networking.istio.io",
            {"verb": "list", "resource": "virtualservices", "group": "networking.istio.io"},
        ),
    ],
)
def test_review(right: str, attributes: dict[str, str]) -> None:
    assert review(right)["spec"]["resourceAttributes"] == attributes


@pytest.mark.parametrize("right", ["", "create", "create  pods", "Create pods", "create pods everywhere"])
def test_what_is_no_right(right: str) -> None:
    with pytest.raises(RightError, match="is no right"):
        review(right)


def test_summed_up_by_verbs() -> None:
    rights = [
        "create namespaces",
        "patch namespaces",
        "patch services",
        "create services",
        "list pods",
        "create deployments.apps",
    ]
    assert summed_up(rights) == "create deployments; create and patch namespaces and services; list pods"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"major": "1", "minor": "36"}, (1, 36)),
        ({"major": "1", "minor": "29+"}, (1, 29)),
        ({}, (0, 0)),
    ],
)
def test_version_of(info: dict[str, str], expected: tuple[int, int]) -> None:
    assert version_of(info) == expected
