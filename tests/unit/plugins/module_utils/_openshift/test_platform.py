# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.platform import (
    GROUPS,
    find_platform,
    platform_of,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

KINDS = [
    ("route.openshift.io/v1", "routes", "Route", True),
    ("security.openshift.io/v1", "securitycontextconstraints", "SecurityContextConstraints", False),
    ("project.openshift.io/v1", "projectrequests", "ProjectRequest", False),
]


@pytest.mark.parametrize("missing", sorted(GROUPS))
def test_only_a_cluster_with_all_groups_is_an_openshift(missing: str) -> None:
    assert platform_of([*GROUPS, "apps"]) == "openshift"
    assert platform_of(GROUPS - {missing}) == "kubernetes"


def test_the_cluster_is_asked_unless_it_is_said(api: FakeApi, client: Client) -> None:
    assert find_platform(client) == "kubernetes"
    api.kinds += KINDS
    assert find_platform(client) == "openshift"
    asked = len(api.requests)
    assert find_platform(client, "kubernetes") == "kubernetes"
    assert len(api.requests) == asked
