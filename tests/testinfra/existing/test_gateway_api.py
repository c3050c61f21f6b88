# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes Gateway API on the same cluster: installed once, taken by istiod, and waited for by apply."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from oracle.forms import definitions as folder_of_definitions

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
    folder = folder_of_definitions()
    yield folder
    gone = ansible.module("apply", src=str(folder), state="absent", wait_timeout=60)
    assert gone.status == 0, gone.output


RETRIES = {"lab": "resilience", "stage": "retries", "lab_api": "gateway"}
"""A stage that needs the experimental channel."""


def toured(ansible: t.Any, **options: t.Any) -> list[str]:
    """The stages of a lab that a tour would show, and the reset at its end."""
    run = ansible.play("tour", "--check", labs=RETRIES["lab"], lab_api=RETRIES["lab_api"], **options)
    assert run.status == 0, run.output
    (stages,) = re.findall(rf"{RETRIES['lab']} +(\S.*reset)", run.output)
    return list(stages.split(", "))


def test_a_stage_that_needs_the_experimental_channel_is_refused_where_nothing_is_installed(ansible: t.Any) -> None:
    refused = ansible.play("lab", **RETRIES)
    assert (refused.status != 0, refused.changed) == (True, 0), refused.output
    assert refused.message == (
        "Stage retries of lab resilience needs the experimental channel of the Gateway API, and this cluster has none: "
        "add gateway_api_channel=experimental, which installs it, or leave out lab_api."
    )
    assert ansible.module("mesh_info").result["gateway_api"]["version"] == ""
    assert toured(ansible) == ["timeout", "reset"]
    assert toured(ansible, gateway_api_channel="experimental") == ["timeout", "retries", "reset"]


def test_the_experimental_channel_takes_the_place_of_the_standard_one_only_when_asked(
    ansible: t.Any, definitions: Path
) -> None:
    refused = ansible.play("lab", **RETRIES)
    assert (refused.status != 0, refused.changed) == (True, 0), refused.output
    assert "has the standard one: add gateway_api_channel=experimental and gateway_api_state=present" in refused.message
    assert toured(ansible) == ["timeout", "reset"]
    for state in ("auto", "existing"):
        refused = ansible.role("gateway_api", gateway_api_channel="experimental", gateway_api_state=state)
        assert refused.status != 0
        assert "of the standard channel, and gateway_api_channel=experimental would replace it for everybody" in (
            " ".join(refused.output.split())
        )
    of_another = {"gateway_api_definitions": str(definitions), "gateway_api_channel": "experimental"}
    refused = ansible.role("gateway_api", gateway_api_state="present", **of_another)
    assert refused.status != 0
    assert "are those of the standard channel: set gateway_api_channel=standard" in " ".join(refused.output.split())
    assert ansible.module("mesh_info").result["gateway_api"]["channel"] == "standard"
    asked = ansible.role("gateway_api", gateway_api_channel="experimental", gateway_api_state="present")
    assert asked.status == 0, asked.output
    assert ansible.module("mesh_info").result["gateway_api"]["channel"] == "experimental"
    assert toured(ansible) == ["timeout", "retries", "reset"]
    kept = ansible.role("gateway_api")
    assert (kept.status, "Install the definitions" in kept.output) == (0, False), kept.output
    assert ansible.role("gateway_api", gateway_api_state="present").status == 0


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
