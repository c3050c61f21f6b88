# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import coredns


def test_paths_are_those_of_the_objects() -> None:
    for path, document in coredns.objects("registry.example/coredns:1").items():
        name = document["metadata"]["name"]
        prefix = "/api/v1/" if document["apiVersion"] == "v1" else f"/apis/{document['apiVersion']}/"
        namespace = document["metadata"].get("namespace")
        plural = f"{document['kind'].lower()}s"
        middle = f"namespaces/{namespace}/{plural}" if namespace else plural
        assert path == f"{prefix}{middle}/{name}"


def test_the_image_is_the_one_given() -> None:
    deployment = coredns.objects("registry.example/coredns:1")[coredns.DEPLOYMENT]
    assert [c["image"] for c in deployment["spec"]["template"]["spec"]["containers"]] == ["registry.example/coredns:1"]


def test_no_server_above_is_asked() -> None:
    corefile = coredns.config()["data"]["Corefile"]
    assert "forward" not in corefile
    assert "loop" not in corefile
    assert "kubernetes cluster.local" in corefile
