# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.modules.workshop_info import nodes_of

Json = dict[str, t.Any]


class FakeClient:
    """A cluster that lets this user list its nodes, or does not."""

    def __init__(self, status: int) -> None:
        self.status = status

    def list(self, _api_version: str, _kind: str) -> list[Json]:
        if self.status != 200:
            raise ApiError(self.status, "Forbidden", "nodes is forbidden")
        return [{"metadata": {"name": "one"}}]


def nodes(status: int) -> list[Json]:
    return nodes_of(t.cast(t.Any, FakeClient(status)))


def test_a_user_who_may_not_list_nodes_sees_all_the_rest() -> None:
    assert len(nodes(200)) == 1
    assert nodes(403) == []
    with pytest.raises(ApiError):
        nodes(500)
