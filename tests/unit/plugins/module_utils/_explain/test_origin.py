# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.origin import (
    Origin,
    origin_of,
    policy_of,
    service_of,
)


def test_the_resource_that_a_part_names() -> None:
    name = "/apis/networking.istio.io/v1/namespaces/bookinfo/virtual-service/reviews"
    part = {"metadata": {"filter_metadata": {"istio": {"config": name}}}}
    assert origin_of(part) == Origin("VirtualService", "bookinfo", "reviews")
    assert str(origin_of(part)) == "VirtualService bookinfo/reviews"


@pytest.mark.parametrize("part", [None, {}, {"metadata": {}}, {"metadata": {"filter_metadata": {"istio": {}}}}])
def test_a_part_of_the_mesh_itself_names_none(part: dict[str, object] | None) -> None:
    assert origin_of(part) is None


def test_the_policy_and_rule_of_a_name() -> None:
    assert policy_of("ns[bookinfo]-policy[details]-rule[1]") == (
        Origin("AuthorizationPolicy", "bookinfo", "details"),
        2,
    )
    assert policy_of("istio-ext-authz") is None


def test_the_service_of_a_cluster() -> None:
    names = {"services": [{"name": "reviews", "namespace": "bookinfo"}]}
    assert service_of({"metadata": {"filter_metadata": {"istio": names}}}) == ("reviews", "bookinfo")
    assert service_of({}) is None
