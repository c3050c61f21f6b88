# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mesh_info tells of a mesh, as far as its user may look."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, LAB, STAGE
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.mesh import (
    gateway_api_of,
    gather,
    owned_entry,
    owner_selectors,
    prometheus_entry,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]


def config_map(name: str, **labels: str) -> Json:
    named = {f"mesh.workshop/{key}": value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "labels": named}}


def test_an_object_of_ours_says_whose_it_is() -> None:
    assert owned_entry(config_map("a", attendee="ada", lab="tls")) == {
        "attendee": "ada",
        "lab": "tls",
        "stage": "",
        "api_version": "v1",
        "kind": "ConfigMap",
        "namespace": "shop",
        "name": "a",
    }
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert (owned_entry(home)["namespace"], owned_entry(home)["lab"]) == ("", "")


def test_what_is_listed_carries_all_that_was_asked_for_or_any_of_ours() -> None:
    assert owner_selectors("ada", None, "strict") == [{ATTENDEE: "ada", STAGE: "strict"}]
    assert owner_selectors(None, "", None) == [{ATTENDEE: None}, {LAB: None}]


def test_the_gateway_api_says_its_version_where_it_is_there() -> None:
    prefix = "gateway.networking.k8s.io"
    found = {"metadata": {"annotations": {f"{prefix}/bundle-version": "v1.4.0", f"{prefix}/channel": "standard"}}}
    assert gateway_api_of(found) == {"version": "v1.4.0", "channel": "standard"}
    assert gateway_api_of(None) == {"version": "", "channel": ""}


def test_prometheus_is_named_where_it_is_there() -> None:
    assert prometheus_entry(("metrics", "prometheus", 9090)) == {
        "namespace": "metrics",
        "name": "prometheus",
        "port": 9090,
    }
    assert prometheus_entry(None) == {"namespace": "", "name": "", "port": 0}


def test_what_may_not_be_read_is_a_warning_and_the_rest_is_told(client: Client, api: FakeApi) -> None:
    api.put(config_map("b", attendee="ada", lab="tls"))
    api.put(config_map("a", lab="tls"))
    api.put(config_map("c"))
    # Whoever looks for Prometheus lists them as well, and may be the first.
    refused = status_body(403, "Forbidden", "you may not list them")
    api.fail(403, method="GET", part="/v1/namespaces?", times=9, body=refused)
    told, warnings = gather(client, None, None, None)
    assert [one["name"] for one in told["owned"]] == ["a", "b"], "each once, in order"
    assert told["kubernetes_version"] == client.server_version()["gitVersion"]
    assert [one for one in warnings if one.startswith("Namespaces cannot be read: Namespace: you may not list them;")]


def test_only_what_is_asked_for_is_listed(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", attendee="ada", lab="tls"))
    api.put(config_map("b", attendee="bob", lab="tls"))
    told, _warnings = gather(client, "bob", None, None)
    assert [one["name"] for one in told["owned"]] == ["b"]
