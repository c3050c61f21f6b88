# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `egress`: a site outside of the mesh, reachable or not."""

from __future__ import annotations

import uuid

import pytest

# Runs in the container of productpage, so its requests pass that pod's sidecar.
CLIENT = """
import http.client, sys
address, host, agent = sys.argv[1:]
connection = http.client.HTTPConnection(address, 9080, timeout=15)
connection.request("GET", "/", headers={"Host": host + ":9080", "User-Agent": agent})
print(connection.getresponse().status)
"""


@pytest.fixture(name="call")
def call_fixture(kube, eventually):
    """Call a name at the site's address; returns the status and what the proxy of the caller logged."""

    def call(host):
        (site,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=site").items
        (caller,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=productpage").items
        agent = f"testinfra-{uuid.uuid4().hex}"
        arguments = (site.status.pod_ip, host, agent)
        status = kube.execute(caller.metadata.name, "productpage", "python3", "-c", CLIENT, *arguments)

        def line():
            log = kube.core.read_namespaced_pod_log(
                caller.metadata.name, "bookinfo", container="istio-proxy", since_seconds=60
            )
            return [line for line in log.splitlines() if agent in line]

        (found,) = eventually(line, "the proxy of the caller has logged the request", 20)
        clusters = ("PassthroughCluster", "block_all", f"outbound|9080||{host}")
        return int(status), [cluster for cluster in clusters if cluster in found]

    return call


@pytest.mark.stage("egress", "open")
def test_open_lets_requests_pass(call):
    assert call("site.example") == (200, ["PassthroughCluster"])


@pytest.mark.stage("egress", "registry_only")
def test_registry_only_does_not(call, gateway):
    assert call("site.example") == (502, ["block_all"])
    assert gateway.get("/productpage").status == 200
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


@pytest.mark.stage("egress", "service_entry")
def test_service_entry_makes_one_name_known(call):
    assert call("site.example") == (200, ["outbound|9080||site.example"])
    assert call("other.example") == (502, ["block_all"])
