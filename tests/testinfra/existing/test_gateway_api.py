# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes Gateway API on the same cluster: installed once, taken by istiod, and waited for by apply."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

HOST = "gateway-api.example"
API = "gateway.networking.k8s.io/v1"
GATEWAY = {
    "apiVersion": API,
    "kind": "Gateway",
    "metadata": {"name": "gateway-api", "namespace": "istio-system"},
    "spec": {
        "gatewayClassName": "istio",
        # The gateway that is there, instead of one that istiod would start. istiod takes one of its own namespace only.
        "addresses": [{"type": "Hostname", "value": "istio-ingressgateway.istio-system.svc.cluster.local"}],
        "listeners": [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "hostname": HOST,
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    },
}


def route(service: str) -> dict[str, t.Any]:
    backend = {"name": service, "port": 9080}
    return {
        "apiVersion": API,
        "kind": "HTTPRoute",
        "metadata": {"name": "gateway-api", "namespace": "bookinfo"},
        "spec": {
            "parentRefs": [{"name": "gateway-api", "namespace": "istio-system"}],
            "rules": [{"backendRefs": [backend]}],
        },
    }


@pytest.fixture(name="definitions", scope="module")
def definitions_fixture(ansible: t.Any) -> t.Iterator[Path]:
    """The role has installed the definitions; afterwards the cluster has none again."""
    run = ansible.role("gateway_api")
    assert run.status == 0, run.output
    # The cache may hold those of another version too.
    folder = max(Path("/var/cache/mesh-workshop/bin").glob("gateway-api-*"), key=lambda one: one.stat().st_mtime)
    yield folder
    gone = ansible.module("apply", src=str(folder), state="absent", wait_timeout=60)
    assert gone.status == 0, gone.output


def test_a_route_is_applied_and_traffic_proves_it(ansible: t.Any, definitions: Path) -> None:
    assert ansible.module("mesh_info").result["gateway_api"]["channel"] == "standard"
    check = {
        "name": "details answers by its route",
        "request": {"url": f"http://{HOST}/details/0"},
        "expect": {"status": 200},
    }
    objects = {"definitions": [GATEWAY, route("details")]}
    run = ansible.module("apply", **objects, verify=[check], wait_timeout=60)
    assert run.status == 0, run.output
    assert [one["passed"] for one in run.result["checks"]] == [True]
    wrong = ansible.module("apply", definitions=[route("detail")], wait_timeout=5)
    assert wrong.status != 0
    for part in ("HTTPRoute", "Gateway gateway-api: not ResolvedRefs, BackendNotFound", "create the Service"):
        assert part in wrong.result["msg"], wrong.result["msg"]
    assert ansible.module("apply", **objects, state="absent").status == 0


def test_installed_definitions_stay_and_are_never_replaced_by_older_ones(
    ansible: t.Any, definitions: Path, tmp_path: Path
) -> None:
    again = ansible.role("gateway_api")
    assert (again.status, "Install the definitions" in again.output) == (0, False), again.output
    for path in definitions.glob("*.yaml"):
        text = re.sub(r"bundle-version: v\S+", "bundle-version: v1.0.0", path.read_text())
        (tmp_path / path.name).write_text(text)
    older = ansible.role("gateway_api", gateway_api_state="present", gateway_api_definitions=str(tmp_path))
    assert older.status != 0
    assert "objects of the newer version could get lost" in older.output
    assert ansible.module("apply", src=str(tmp_path), wait_timeout=60).status == 0
    for state in ("auto", "existing"):
        refused = ansible.role("gateway_api", gateway_api_state=state)
        assert refused.status != 0
        assert "has the Gateway API v1.0.0, which lacks fields that the labs use" in " ".join(refused.output.split())
    assert ansible.role("gateway_api", gateway_api_state="present").status == 0
    assert ansible.module("mesh_info").result["gateway_api"]["version"] != "v1.0.0"


def test_a_gateway_class_that_does_not_exist_is_named(ansible: t.Any, definitions: Path) -> None:
    gateway = {**GATEWAY, "spec": {**GATEWAY["spec"], "gatewayClassName": "nobody"}}
    wrong = ansible.module("apply", definitions=[gateway], wait_timeout=5)
    assert wrong.status != 0
    for part in ("none serves its GatewayClass nobody", "kubectl get gatewayclasses"):
        assert part in wrong.result["msg"], wrong.result["msg"]
    assert ansible.module("apply", definitions=[gateway], state="absent").status == 0
