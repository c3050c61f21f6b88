# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import VOLUMES, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import spec

LAYOUT = Layout("dev", data_root=Path("/d"))


def made(lower: str = "/cache/rootfs", pause: str = "registry.example/pause:1") -> spec.Container:
    return spec.node_container(LAYOUT, lower, ["CAP_SYS_ADMIN"], "172.30.0.2", "172.30.0.1", pause)


def test_capabilities_are_those_that_this_machine_can_give() -> None:
    assert spec.capabilities("Name:\tx\nCapBnd:\t000001ffffffffff\n") == [f"CAP_{name}" for name in spec.CAPABILITIES]
    without = spec.capabilities("CapBnd:\t000001fffeffffff\n")
    assert set(spec.CAPABILITIES) - {name.removeprefix("CAP_") for name in without} == {"SYS_RESOURCE"}
    assert spec.capabilities("") == []


def test_everything_of_the_node_is_its_own() -> None:
    config = made().spec
    kinds = {namespace["type"] for namespace in config["linux"]["namespaces"]}
    assert kinds == {"pid", "mount", "network", "uts", "ipc", "cgroup"}
    # None is joined, so all of them end with the container.
    assert all("path" not in namespace for namespace in config["linux"]["namespaces"])
    assert config["linux"]["cgroupsPath"] == "/mesh-workshop/dev/node"
    assert config["hostname"] == "dev"


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
    plugin = json.loads(spec.cni_config())["plugins"][0]
    assert plugin["ipMasq"] is False
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/20"}]]
