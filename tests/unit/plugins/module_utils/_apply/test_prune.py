# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import Ref
from ansible_collections.mesh.workshop.plugins.module_utils._apply.prune import (
    carries,
    find_owned,
    find_prunable,
    label_selector,
    owned_kinds,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, InvalidName
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, LAB
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]


def owned(name: str, namespace: str = "bookinfo", lab: str = "faults", **meta: t.Any) -> Json:
    metadata = {"name": name, "namespace": namespace, "labels": {LAB: lab, ATTENDEE: "ada"}, **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def names(objects: t.Iterable[Json]) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in objects)


def forbid_lists_of_all_namespaces(api: FakeApi) -> None:
    api.fail(403, part="/v1/configmaps?", times=9, body=status_body(403, "Forbidden", "no list"))


def test_a_selector_as_the_api_takes_it() -> None:
    assert label_selector({LAB: None, ATTENDEE: "ada"}) == f"{ATTENDEE}=ada,{LAB}"
    assert label_selector({LAB: "tls", ATTENDEE: ("ada",)}) == f"{ATTENDEE}=ada,{LAB}=tls"
    assert label_selector({LAB: "tls", ATTENDEE: ("ada", "bob")}) == f"{ATTENDEE} in (ada,bob),{LAB}=tls"


def test_a_value_that_would_make_another_selector_of_it_is_refused() -> None:
    with pytest.raises(InvalidName, match=f"{LAB}: .*is not a valid label value"):
        label_selector({LAB: "faults,mesh.workshop/attendee"})
    with pytest.raises(InvalidName, match=f"{LAB}: .*is not a valid label value"):
        label_selector({LAB: ("faults", "a)")})


@pytest.mark.parametrize(
    ("labels", "found"),
    [({LAB: "faults"}, True), ({LAB: "faults", ATTENDEE: "ada"}, True), ({LAB: "tls"}, False), (None, False)],
)
def test_what_carries_the_labels(labels: Json | None, found: bool) -> None:
    assert carries({"metadata": {"labels": labels}}, {LAB: "faults"}) is found
    assert carries({"metadata": {"labels": labels}}, {LAB: ("faults", "quotas")}) is found


def test_a_kind_is_looked_for_once_and_only_where_the_cluster_serves_it(client: Client, api: FakeApi) -> None:
    api.kinds += [("networking.istio.io/v1alpha3", "virtualservices", "VirtualService", True)]
    api.kinds += [("networking.istio.io/v1alpha3", "envoyfilters", "EnvoyFilter", True)]
    mesh = [kind for kind in owned_kinds(client) if "istio.io" in kind[0]]
    assert mesh == [
        ("networking.istio.io/v1", "VirtualService"),
        ("networking.istio.io/v1", "DestinationRule"),
        ("networking.istio.io/v1", "Gateway"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("security.istio.io/v1", "AuthorizationPolicy"),
    ]


def test_routes_of_the_gateway_api_are_found_where_its_definitions_are(client: Client, api: FakeApi) -> None:
    route = ("gateway.networking.k8s.io/v1", "HTTPRoute")
    assert route not in owned_kinds(client)
    api.kinds += [(route[0], "httproutes", route[1], True)]
    assert route in owned_kinds(Client(Settings(server=api.url)))


def test_a_namespace_is_never_found(client: Client, api: FakeApi) -> None:
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "room", "labels": {LAB: "faults"}}})
    assert find_owned(client, {LAB: "faults"}) == []


def test_only_the_namespaces_that_are_asked_for(client: Client, api: FakeApi) -> None:
    for obj in (owned("here"), owned("there", "istio-system"), owned("elsewhere", "shop"), owned("other", lab="tls")):
        api.put(obj)
    assert names(find_owned(client, {LAB: "faults"})) == ["elsewhere", "here", "there"]
    found = find_owned(client, {LAB: "faults"}, namespaces=["bookinfo", "istio-system"])
    assert names(found) == ["here", "there"]


def test_without_the_right_to_list_all_namespaces_the_given_ones_are_listed(client: Client, api: FakeApi) -> None:
    api.put(owned("here"))
    api.put(owned("elsewhere", "shop"))
    forbid_lists_of_all_namespaces(api)
    assert names(find_owned(client, {LAB: "faults"}, namespaces=["bookinfo"])) == ["here"]


def test_of_kinds_of_the_cluster_nobody_has_any_who_may_not_list_them(client: Client, api: FakeApi) -> None:
    api.kinds += [("gateway.networking.k8s.io/v1", "gatewayclasses", "GatewayClass", False)]
    api.put(owned("here"))
    api.fail(403, part="/gatewayclasses", times=9, body=status_body(403, "Forbidden", "no list"))
    assert names(find_owned(client, {LAB: "faults"}, namespaces=["bookinfo"])) == ["here"]
    with pytest.raises(ApiError, match="no list"):
        find_owned(client, {LAB: "faults"})


def test_a_missing_right_is_an_error_where_no_namespace_is_given(client: Client, api: FakeApi) -> None:
    forbid_lists_of_all_namespaces(api)
    with pytest.raises(ApiError, match="no list"):
        find_owned(client, {LAB: "faults"})


def test_what_is_kept_or_on_its_way_out_is_not_pruned(client: Client, api: FakeApi) -> None:
    for obj in (owned("kept"), owned("left"), owned("going", deletionTimestamp="2026-01-01T12:00:00Z")):
        api.put(obj)
    kept = Ref("v1", "ConfigMap", "bookinfo", "kept")
    assert names(find_prunable(client, {LAB: "faults"}, keep=[kept])) == ["left"]
