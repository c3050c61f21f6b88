# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import node
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import VOLUMES, EmbeddedError, Layout

LAYOUT = Layout("dev", data_root=Path("/d"))


def made(lower: str = "/cache/rootfs", pause: str = "registry.example/pause:1") -> node.Container:
    return node.node_container(LAYOUT, lower, ["CAP_SYS_ADMIN"], "172.30.0.2", "172.30.0.1", pause)


def test_capabilities_are_those_that_this_machine_can_give() -> None:
    assert node.capabilities("Name:\tx\nCapBnd:\t000001ffffffffff\n") == [f"CAP_{name}" for name in node.CAPABILITIES]
    without = node.capabilities("CapBnd:\t000001fffeffffff\n")
    assert set(node.CAPABILITIES) - {name.removeprefix("CAP_") for name in without} == {"SYS_RESOURCE"}
    assert node.capabilities("") == []


def test_everything_of_the_node_is_its_own() -> None:
    spec = made().spec
    kinds = {namespace["type"] for namespace in spec["linux"]["namespaces"]}
    assert kinds == {"pid", "mount", "network", "uts", "ipc", "cgroup"}
    # None is joined, so all of them end with the container.
    assert all("path" not in namespace for namespace in spec["linux"]["namespaces"])
    assert spec["linux"]["cgroupsPath"] == "/mesh-workshop/dev/node"
    assert spec["hostname"] == "dev"


def test_only_the_clusters_own_folders_are_bound_into_it() -> None:
    binds = {mount["destination"]: mount for mount in made().spec["mounts"] if mount["type"] == "bind"}
    assert set(binds) == set(VOLUMES.values())
    assert all(mount["source"].startswith("/d/dev/volumes/") for mount in binds.values())
    assert "rshared" in binds["/var/lib/kubelet"]["options"]


def test_another_root_or_image_is_another_container() -> None:
    texts = {made().spec_text(), made(lower="/cache/other").spec_text()}
    assert len(texts) == 2
    assert made().files != made(pause="registry.example/pause:2").files
    assert made().spec_text() == made().spec_text()


def test_services_have_logs_of_their_own() -> None:
    files = made().files
    for service in ("containerd", "kubelet"):
        assert files[f"etc/mesh-workshop/services/{service}/run"].startswith("#!/bin/sh\n")
        assert f"/var/log/{service}" in files[f"etc/mesh-workshop/services/{service}/log/run"]
    # The kubelet is started when its configuration is there.
    assert "etc/mesh-workshop/services/kubelet/down" in files


def test_pods_get_addresses_of_the_nodes_range() -> None:
    plugin = json.loads(node.cni_config())["plugins"][0]
    assert plugin["ipMasq"] is False
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/20"}]]


def test_publication_of_the_gateway_and_of_the_api() -> None:
    assert node.Publication.of("", 80, 443, 6443) is None
    gateway = node.Publication.of("192.0.2.2", 8080, 8443, None)
    assert gateway is not None
    assert gateway.ports == {8080: 80, 8443: 443}
    both = node.Publication.of("192.0.2.2", 80, 443, 16443)
    assert both is not None
    config = node.envoy_config(both, "172.30.0.2")["static_resources"]
    addresses = [listener["address"]["socket_address"] for listener in config["listeners"]]
    assert addresses == [{"address": "192.0.2.2", "port_value": port} for port in (80, 443, 16443)]
    targets = [
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        for cluster in config["clusters"]
    ]
    assert targets == [{"address": "172.30.0.2", "port_value": port} for port in (80, 443, 6443)]


def test_the_publishing_container_is_in_the_hosts_network_and_has_few_rights() -> None:
    publication = node.Publication("192.0.2.2", {80: 80})
    spec = node.publish_container(LAYOUT, "/cache/rootfs", "/cache/envoy", publication, "172.30.0.2").spec
    assert "network" not in {namespace["type"] for namespace in spec["linux"]["namespaces"]}
    assert "CAP_SYS_ADMIN" not in spec["process"]["capabilities"]["bounding"]


@pytest.mark.parametrize("address", ["here", "192.0.2", "::1", "192.0.2.2:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EmbeddedError, match="no address"):
        node.parse_listen(address)
