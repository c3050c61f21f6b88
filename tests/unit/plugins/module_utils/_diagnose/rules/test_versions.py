# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that ask for the versions of another service."""

from __future__ import annotations

from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    PAGE,
    UNAVAILABLE,
    inside,
    pod,
    said,
    sentence,
    thing,
    world,
)


def test_versions_of_another_service_ask_for_a_callee() -> None:
    objects = world()
    objects["Pod"].append(pod("ratings-v7-x", app="ratings", version="v7"))
    objects["Service"].append(thing("ratings", spec={"selector": {"app": "ratings"}}))
    found = inside(objects, PAGE, expected_versions=("v7",), served=("v1",))
    assert sentence(found) == "The check expects v7 of reviews, which the URL asks, and reviews has only v1."
    assert found
    assert found.remedy == "Name the service that is meant as callee beside served_by (callee: ratings)."
    named = inside(objects, PAGE, expected_versions=("v7",), served=("v1",), callee="ratings")
    assert "No VirtualService routes to v7" in sentence(named) or "other versions" in sentence(named)


def test_an_answer_that_names_no_pod_asks_for_a_callee() -> None:
    found = said(world(), PAGE, expected_versions=("v1",))
    assert sentence(found) == "The answer does not say which pod gave it, so its version is unknown."
    assert found
    assert "(of productpage, reviews)" in found.remedy
    found = said(world(), UNAVAILABLE, expected_versions=("v1",))
    assert found is None or "which pod" not in found.sentence
