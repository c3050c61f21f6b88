# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `mirroring`: v1 answers, v3 gets a copy of each request."""

from __future__ import annotations

import uuid

import pytest

PAGES = 44  # enough to notice one wrong answer in ten with a certainty of 99 %


@pytest.mark.stage("mirroring", "mirror")
def test_v3_gets_a_copy_of_each_very_request(gateway, kube, eventually):
    assert set(gateway.versions(PAGES)) == {"v1"}
    agents = [f"testinfra-{uuid.uuid4().hex}" for _number in range(10)]
    for agent in agents:
        page = gateway.get("/productpage", headers={"User-Agent": agent})
        assert "reviews-v1-" in page.body
        assert "reviews-v3-" not in page.body

    seen = {}

    def logged(version):
        # Envoy writes its access log once a second; a log that was rotated meanwhile has only the newer lines.
        (pod,) = kube.core.list_namespaced_pod("bookinfo", label_selector=f"app=reviews,version={version}").items
        log = kube.core.read_namespaced_pod_log(
            pod.metadata.name, "bookinfo", container="istio-proxy", since_seconds=120
        )
        lines = [line for line in log.splitlines() if "inbound|9080||" in line]
        found = seen.setdefault(version, set())
        found.update(agent for agent in agents if any(agent in line for line in lines))
        return found

    eventually(lambda: logged("v3") == set(agents), "the proxy of v3 has logged every copy", 20)
    eventually(lambda: logged("v1") == set(agents), "the proxy of v1 has logged every request", 20)
    assert logged("v2") == set()
