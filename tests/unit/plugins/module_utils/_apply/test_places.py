# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds that the cluster does not serve, and namespaces that documents do not name."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import LAB
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._apply.sets import (
    NETWORK,
    actions,
    config_map,
    namespace,
    run,
    virtual_service,
)


def test_removal_of_a_kind_that_is_not_there(client: Client) -> None:
    doc = {"apiVersion": "example.com/v1", "kind": "Book", "metadata": {"name": "x"}}
    assert actions(run(client, [doc], state="absent")) == {"x": "absent"}


def test_removal_names_an_api_group_that_the_cluster_does_not_have(client: Client) -> None:
    docs = [
        {"apiVersion": "networking.istio.oi/v1", "kind": kind, "metadata": {"name": "x"}}
        for kind in ("VirtualService", "Gateway")
    ]
    report = run(client, docs, state="absent")
    assert (report.failed, report.changed) == (False, False)
    assert report.warnings == [
        "The cluster has no API group networking.istio.oi, so its objects, such as VirtualService x, count as absent."
    ]


@pytest.mark.parametrize(
    ("api_version", "kind"), [(NETWORK, "VirtualServise"), ("networking.istio.io/v2", "VirtualService"), ("v1", "Podd")]
)
def test_removal_of_a_misspelt_kind_is_an_error(client: Client, api: FakeApi, api_version: str, kind: str) -> None:
    run(client, [virtual_service("x")])
    before = api.versions()
    doc = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}
    with pytest.raises(ApiError, match=f"{kind} x: this cluster does not serve the kind {kind}"):
        run(client, [virtual_service("x"), doc], state="absent")
    assert api.versions() == before


def test_removal_of_a_kind_and_its_definition_can_be_repeated(client: Client) -> None:
    spec = {
        "group": "networking.istio.io",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1"}],
    }
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.networking.istio.io"},
        "spec": spec,
    }
    thing = {"apiVersion": NETWORK, "kind": "Thing", "metadata": {"name": "x"}}
    report = run(client, [crd, thing], state="absent")
    assert (report.failed, report.warnings) == (False, [])
    assert actions(report) == {"things.networking.istio.io": "absent", "x": "absent"}


def test_an_unknown_kind_is_refused_before_anything_is_applied(client: Client, api: FakeApi) -> None:
    meta = {"name": "t", "namespace": "bookinfo"}
    unknown = {"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": meta}
    with pytest.raises(ApiError, match="Telemetry bookinfo/t: this cluster does not serve"):
        run(client, [config_map("a"), unknown])
    assert api.asked("PATCH") == []


def test_labels_and_namespace_are_added(client: Client, api: FakeApi) -> None:
    doc = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"own": "1"}}}
    run(client, [doc, namespace("other")], namespace="bookinfo", labels={LAB: "x"}, annotations={"note": "y"})
    found = api.find("ConfigMap", "a", "bookinfo")
    assert found is not None
    assert found["metadata"]["labels"] == {"own": "1", LAB: "x"}
    assert found["metadata"]["annotations"] == {"note": "y"}
    made = api.find("Namespace", "other")
    assert made is not None
    assert "namespace" not in made["metadata"]
