# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import LAB
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.live import ATTEMPTS, LiveNamespace
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, Json

BY_HAND = {
    "manager": "kubectl-edit",
    "operation": "Update",
    "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:hostNetwork": {}}}}},
}
STATUS = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {}}


@pytest.fixture(name="live")
def live_fixture(client: Client) -> t.Iterator[LiveNamespace]:
    with ThreadPoolExecutor(1) as pool:
        yield LiveNamespace(client, pool)


def deployment(name: str = "reviews-v3") -> Json:
    meta = {"name": name, "namespace": "bookinfo", "managedFields": [BY_HAND, STATUS]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 1}}


def write_status(api: FakeApi, replicas: int) -> None:
    """As the controller of Deployments does, many times while pods are replaced."""
    live = api.find("Deployment", "reviews-v3", "bookinfo")
    assert live is not None
    api.put({**live, "status": {"readyReplicas": replicas}})


def owners(api: FakeApi) -> list[tuple[str, str]]:
    live = api.find("Deployment", "reviews-v3", "bookinfo")
    assert live is not None
    return [(one["manager"], one["operation"]) for one in live["metadata"]["managedFields"]]


def test_fields_of_others_become_ours(live: LiveNamespace, api: FakeApi) -> None:
    live.take_over(api.put(deployment()))
    assert owners(api) == [("mesh-workshop", "Apply"), ("kube-controller-manager", "Update")]


def test_a_status_written_meanwhile_does_not_end_the_reset(live: LiveNamespace, api: FakeApi) -> None:
    listed = copy.deepcopy(api.put(deployment()))
    write_status(api, 0)
    live.take_over(listed)
    assert owners(api) == [("mesh-workshop", "Apply"), ("kube-controller-manager", "Update")]
    live = api.find("Deployment", "reviews-v3", "bookinfo") or {}
    assert live["status"] == {"readyReplicas": 0}, "what the controller wrote stays"


def test_what_is_deleted_meanwhile_is_left_to_the_apply(live: LiveNamespace, api: FakeApi) -> None:
    listed = copy.deepcopy(api.put(deployment()))
    api.remove("Deployment", "reviews-v3", "bookinfo")
    live.take_over(listed)
    assert api.find("Deployment", "reviews-v3", "bookinfo") is None


def test_a_conflict_that_never_ends_is_told(live: LiveNamespace, api: FakeApi) -> None:
    listed = api.put(deployment())
    api.fail(409, method="PATCH", times=ATTEMPTS)
    with pytest.raises(ApiError, match="Deployment bookinfo/reviews-v3"):
        live.take_over(listed)
    assert len(api.asked("PATCH")) == ATTEMPTS


def test_around_a_stage_only_kinds_of_namespaces_are_listed(live: LiveNamespace, api: FakeApi) -> None:
    group = "gateway.networking.k8s.io/v1"
    api.kinds += [(group, "gatewayclasses", "GatewayClass", False), (group, "httproutes", "HTTPRoute", True)]
    route = {"apiVersion": group, "kind": "HTTPRoute", "metadata": {"name": "reviews", "namespace": "bookinfo"}}
    api.put(route)
    assert [one["kind"] for one in live.around([], "bookinfo", {LAB: None})] == ["HTTPRoute"]
    assert not api.asked("GET", "gatewayclasses")
