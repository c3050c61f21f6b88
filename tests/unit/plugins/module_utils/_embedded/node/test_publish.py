# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import publish

LAYOUT = Layout("dev", data_root=Path("/d"))


def test_publication_of_the_gateway_and_of_the_api() -> None:
    assert publish.Publication.of("", 80, 443, 6443) is None
    gateway = publish.Publication.of("192.0.2.2", 8080, 8443, None)
    assert gateway is not None
    assert gateway.ports == {8080: 80, 8443: 443}
    both = publish.Publication.of("192.0.2.2", 80, 443, 16443)
    assert both is not None
    config = publish.envoy_config(both, "172.30.0.2")["static_resources"]
    addresses = [listener["address"]["socket_address"] for listener in config["listeners"]]
    assert addresses == [{"address": "192.0.2.2", "port_value": port} for port in (80, 443, 16443)]
    targets = [
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        for cluster in config["clusters"]
    ]
    assert targets == [{"address": "172.30.0.2", "port_value": port} for port in (80, 443, 6443)]


def test_the_publishing_container_is_in_the_hosts_network_and_has_few_rights() -> None:
    publication = publish.Publication("192.0.2.2", {80: 80})
    spec = publish.publish_container(LAYOUT, "/cache/rootfs", "/cache/envoy", publication, "172.30.0.2").spec
    assert "network" not in {namespace["type"] for namespace in spec["linux"]["namespaces"]}
    assert "CAP_SYS_ADMIN" not in spec["process"]["capabilities"]["bounding"]


@pytest.mark.parametrize("address", ["here", "192.0.2", "::1", "192.0.2.2:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EmbeddedError, match="cannot be published on"):
        publish.parse_listen(address)
