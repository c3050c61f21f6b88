# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, Response
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.cluster import Facts, look, refusal, version_of

Json = dict[str, t.Any]
FIT = Facts(version="v1.36.0", nodes=["one"], platform="kubernetes", missing_rights=[])


class Cluster:
    """One that grants some rights, and whose nodes are listed or refused with a status."""

    def __init__(self, granted: t.Sequence[str] = (), nodes: int = 200) -> None:
        self._granted = granted
        self._nodes = nodes

    def server_version(self) -> Json:
        return {"major": "1", "minor": "36+", "gitVersion": "v1.36.0"}

    def list(self, _api_version: str, _kind: str) -> list[Json]:
        if self._nodes != 200:
            raise ApiError(self._nodes, "", "no nodes for you")
        return [{"metadata": {"name": "one"}}]

    def request(self, _method: str, _path: str, *, body: Json) -> Response:
        asked = body["spec"]["resourceAttributes"]
        allowed = f"{asked['verb']} {asked['resource']}" in self._granted
        return Response(201, {}, json.dumps({"status": {"allowed": allowed}}).encode())


def seen(cluster: Cluster, platform: str, rights: list[str], more: list[str]) -> Facts:
    facts, version = look(t.cast(Client, cluster), platform, rights, more)
    assert version == (1, 36)
    return facts


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


def test_a_cluster_that_will_do_is_not_refused() -> None:
    assert refusal(FIT, (1, 36), (1, 36)) == ""


def test_versions_are_compared_as_numbers() -> None:
    facts = dataclasses.replace(FIT, version="v1.9.3", missing_rights=["create namespaces"])
    assert refusal(facts, (1, 9), (1, 29)).startswith("The cluster runs Kubernetes v1.9.3, and 1.29 or later is needed")


def test_missing_rights_are_all_named() -> None:
    facts = dataclasses.replace(FIT, missing_rights=["create namespaces", "patch deployments.apps"])
    assert "may not create namespaces; patch deployments: have" in refusal(facts, (1, 36), (1, 29))


def test_rights_for_openshift_count_only_there() -> None:
    cluster = Cluster(["create namespaces"])
    assert seen(cluster, "kubernetes", ["create namespaces"], ["create routes"]) == FIT
    assert seen(cluster, "openshift", ["create namespaces"], ["create routes"]).missing_rights == ["create routes"]


def test_on_openshift_the_right_to_request_projects_stands_for_namespaces() -> None:
    cluster = Cluster(["create projectrequests"])
    assert seen(cluster, "openshift", ["create namespaces"], []).missing_rights == []
    assert seen(Cluster(), "openshift", ["create namespaces"], []).missing_rights == ["create namespaces"]
    assert seen(cluster, "kubernetes", ["create namespaces"], []).missing_rights == ["create namespaces"]


def test_nodes_that_may_not_be_listed_are_left_out_and_other_errors_are_not() -> None:
    assert seen(Cluster(nodes=403), "kubernetes", [], []).nodes == []
    with pytest.raises(ApiError, match="no nodes for you"):
        seen(Cluster(nodes=500), "kubernetes", [], [])
