# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.discovery import PODS, Discovery, Resource, group_path
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


def test_a_kind_that_is_not_served_is_told_apart_from_an_object(client: Client) -> None:
    with pytest.raises(ApiError, match="does not serve the kind Telemetry of telemetry.istio.io/v1; install Istio"):
        client.get("telemetry.istio.io/v1", "Telemetry", "x", "bookinfo")


def test_discovery_is_asked_once_per_version_and_again_for_a_missing_kind(client: Client, api: FakeApi) -> None:
    client.list("v1", "ConfigMap")
    client.list("v1", "Secret")
    assert len([1 for _method, path, _headers in api.requests if path == "/api/v1"]) == 1
    with pytest.raises(ApiError):
        client.resource("example.com/v1", "Book")
    api.kinds.append(("example.com/v1", "books", "Book", True))
    assert client.resource("example.com/v1", "Book").plural == "books"


def test_a_resource_knows_its_version_and_its_paths() -> None:
    found = Resource("networking.istio.io", "v1", "Gateway", "gateways", namespaced=True)
    assert found.api_version == "networking.istio.io/v1"
    assert found.path() == "/apis/networking.istio.io/v1/gateways"
    assert found.path("shop", "front") == "/apis/networking.istio.io/v1/namespaces/shop/gateways/front"
    assert PODS.path("shop", "a", "log") == "/api/v1/namespaces/shop/pods/a/log"
    assert Resource("", "v1", "Node", "nodes", namespaced=False).path("shop", "a") == "/api/v1/nodes/a"
    assert (group_path("v1"), group_path("apps/v1")) == ("/api/v1", "/apis/apps/v1")


def test_what_is_no_entry_of_a_group_is_passed_over() -> None:
    entries = [
        5,
        {},
        {"kind": "A"},
        {"kind": "B", "name": 1},
        {"kind": "C", "name": "cs/status"},
        {"kind": "D", "name": "ds"},
    ]
    assert [one.kind for one in Discovery(lambda path: {"resources": entries}).kinds("v1")] == ["D"]


def test_a_group_that_is_not_served_has_no_kinds(client: Client, api: FakeApi) -> None:
    assert client.resources("example.com/v1") == []
    api.kinds.append(("example.com/v1", "books", "Book", True))
    client.forget_discovery()
    assert [one.plural for one in client.resources("example.com/v1")] == ["books"]


def test_a_discovery_that_fails_names_the_group(client: Client, api: FakeApi) -> None:
    api.fail(403, part="/apis/apps/v1")
    with pytest.raises(ApiError, match="discovery of apps/v1: told to answer 403"):
        client.resource("apps/v1", "Deployment")
