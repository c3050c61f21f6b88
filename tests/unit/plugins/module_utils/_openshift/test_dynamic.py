# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package openshift on the collection's own connection."""

from __future__ import annotations

import sys
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.dynamic import created, dynamic, listed
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]
ROUTE: Json = {
    "apiVersion": "route.openshift.io/v1",
    "kind": "Route",
    "metadata": {"name": "shop", "namespace": "istio-system"},
    "spec": {"host": "shop.example"},
}


@pytest.fixture(name="openshift")
def openshift_fixture(api: FakeApi) -> FakeApi:
    api.kinds.append(("route.openshift.io/v1", "routes", "Route", True))
    api.kinds.append(("project.openshift.io/v1", "projectrequests", "ProjectRequest", False))
    return api


def test_objects_are_listed_by_our_own_client(openshift: FakeApi, client: Client) -> None:
    openshift.put(ROUTE)
    openshift.put({**ROUTE, "metadata": {"name": "other", "namespace": "elsewhere"}})
    assert [one["spec"] for one in listed(client, "route.openshift.io/v1", "Route", "istio-system")] == [ROUTE["spec"]]
    assert all(headers.get("User-Agent") == "mesh.workshop" for _method, _path, headers in openshift.requests)


def test_what_is_created_is_what_the_server_answers(openshift: FakeApi, client: Client) -> None:
    document = {"apiVersion": "project.openshift.io/v1", "kind": "ProjectRequest", "metadata": {"name": "shop"}}
    assert created(client, document)["metadata"]["name"] == "shop"
    assert openshift.find("ProjectRequest", "shop") is not None


def test_a_refusal_is_told_as_any_other_and_names_the_object(openshift: FakeApi, client: Client) -> None:
    openshift.fail(403, method="POST", body=status_body(403, "Forbidden", "no projects"))
    document = {"apiVersion": "project.openshift.io/v1", "kind": "ProjectRequest", "metadata": {"name": "shop"}}
    with pytest.raises(ApiError, match="ProjectRequest shop: no projects"):
        created(client, document)


def test_a_missing_package_is_named_with_what_needs_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openshift.dynamic", None)
    with pytest.raises(ConfigError, match="The cluster is an OpenShift, and the Python package openshift cannot be"):
        dynamic(client)
