# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.groups import has_group
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


def test_groups_of_a_cluster(client: Client) -> None:
    assert has_group(client, "networking.istio.io")
    assert has_group(client, "")
    assert not has_group(client, "networking.istio.oi")


def test_a_group_that_cannot_be_asked_for_is_not_taken_for_missing(client: Client, api: FakeApi) -> None:
    api.fail(403, part="/apis/networking.istio.io")
    with pytest.raises(ApiError, match=r"discovery of networking\.istio\.io"):
        has_group(client, "networking.istio.io")
