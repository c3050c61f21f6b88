# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and subsets that do not hold are named by what the live objects say alone."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    PAGE,
    UNAVAILABLE,
    inside,
    record,
    said,
    sentence,
    thing,
    world,
)


def test_a_route_in_another_namespace_is_named() -> None:
    objects = world()
    objects["VirtualService"][1]["metadata"]["namespace"] = "default"
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert sentence(found) == (
        "VirtualService default/reviews is for the host reviews, which is not a Service of namespace default; "
        "namespace bookinfo has it."
    )
    assert found
    assert found.remedy == "Apply it in namespace bookinfo instead."
    objects["Service"].append(thing("reviews", "default", spec={}))
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert "No VirtualService routes to v1" in sentence(found)


def test_a_route_for_a_host_that_is_no_service_is_named_with_the_one_meant() -> None:
    objects = world()
    objects["VirtualService"][1]["spec"]["hosts"] = ["review"]
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert sentence(found) == (
        "VirtualService bookinfo/reviews is for the host review, which is not a Service of namespace bookinfo; reviews "
        "is one."
    )
    assert found
    assert found.remedy == "Write reviews."


def test_a_route_for_an_outside_host_is_as_it_should_be() -> None:
    objects = world()
    objects["VirtualService"].append(thing("site", spec={"hosts": ["site.example"]}))
    objects["VirtualService"].append(thing("short", spec={"hosts": ["site"]}))
    objects["ServiceEntry"] = [thing("site", spec={"hosts": ["site"]})]
    assert said(objects, PAGE) is None


def test_a_subset_defined_in_another_namespace_is_named() -> None:
    objects = world()
    objects["DestinationRule"][0]["metadata"]["namespace"] = "default"
    found = inside(objects, ERROR, records=(record("NC", subset="v1"),))
    assert sentence(found) == (
        "VirtualService bookinfo/reviews routes to subset v1 of reviews, which no DestinationRule for it defines: "
        "DestinationRule default/reviews has it, but in namespace default."
    )
    assert found
    assert found.remedy == "Apply DestinationRule reviews in namespace bookinfo instead."
    objects["DestinationRule"][0]["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    again = inside(objects, ERROR, records=(record("NC", subset="v1"),))
    assert again
    assert again.sentence == found.sentence, "Istio does not look there"


def test_a_subset_defined_for_a_host_that_is_none_is_named() -> None:
    objects = world()
    objects["DestinationRule"][0]["spec"]["host"] = "review"
    found = inside(objects, UNAVAILABLE)
    assert "DestinationRule bookinfo/reviews has it, but for the host review, which is not a Service" in sentence(found)
    assert found
    assert found.remedy == "Correct the host of DestinationRule bookinfo/reviews to reviews."


@pytest.mark.parametrize("namespace", ["bookinfo", "istio-system"])
def test_subsets_are_found_where_istio_looks(namespace: str) -> None:
    objects = world()
    rule = objects["DestinationRule"][0]
    rule["metadata"]["namespace"] = namespace
    rule["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    assert inside(objects, UNAVAILABLE) is None
