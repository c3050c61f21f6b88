# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh, service_named
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import from_workload, without_proxy
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    PASSTHROUGH,
    REVIEWS,
    Json,
    cluster,
    mesh,
    outbound,
    pod,
    service,
)

TLS = cluster(REVIEWS)["transport_socket_matches"][0]["transport_socket"]


def headless(port: int = 9080) -> Mesh:
    """The mesh with a headless Service ratings, whose cluster is as istiod makes one for sidecars."""
    own = service("ratings", port)
    own["spec"]["clusterIP"] = "None"
    name = f"outbound|{port}||ratings.bookinfo.svc.cluster.local"
    stateful = [pod("x", f"10.0.1.{number}", app="ratings") for number in range(2)]
    for number, one in enumerate(stateful):
        one["metadata"]["name"] = f"ratings-{number}"
    domains = ["ratings", "ratings.bookinfo.svc.cluster.local", "*.ratings", "*.ratings.bookinfo.svc.cluster.local"]
    base = outbound([{"match": {"prefix": "/"}, "route": {"cluster": name}}], domains)
    base.listeners[0]["address"]["socket_address"]["port_value"] = port
    found = mesh(Pod=stateful, Service=[own])
    chain: Json = {"filter_chain_match": {"destination_port": 9080}, "filters": []}
    callees = {
        ("bookinfo", f"ratings-{number}"): dataclasses.replace(
            base, pod=f"ratings-{number}", listeners=({"name": "virtualInbound", "filter_chains": [chain]},)
        )
        for number in range(2)
    }
    made = {"name": name, "type": "ORIGINAL_DST", "transport_socket": TLS}
    caller = dataclasses.replace(base, clusters={**base.clusters, name: made})
    return Mesh(found.objects, {**found.configs, ("bookinfo", "productpage-a-b"): caller, **callees})


@pytest.mark.parametrize(
    ("host", "pods"),
    [
        ("ratings", ["ratings-0", "ratings-1"]),
        ("ratings.bookinfo.svc.cluster.local", ["ratings-0", "ratings-1"]),
        ("ratings-1.ratings", ["ratings-1"]),
        ("ratings-1.ratings.bookinfo.svc.cluster.local", ["ratings-1"]),
    ],
)
def test_a_headless_service_is_its_pods(host: str, pods: list[str]) -> None:
    found = headless()
    journey = from_workload(found, request_of(f"http://{host}:9080/"), found.of("Pod")[0])
    assert [(one.proxy, one.mtls, one.accepted) for one in journey.received] == [(one, True, True) for one in pods]
    assert outcome_of(journey) == f"Outcome: answered by the application in {' or '.join(pods)}."
    assert [one.proxy for one in without_proxy(found, request_of(f"http://{host}:9080/"), "bookinfo").received] == pods


def test_a_headless_service_has_the_ports_of_its_pods() -> None:
    # Nobody translates port 80 into the pods' 9080, since the pods themselves are asked.
    found = headless(80)
    journey = from_workload(found, request_of("http://ratings/"), found.of("Pod")[0])
    assert [(one.port, one.accepted) for one in journey.received] == [(80, False), (80, False)]


def test_a_client_without_a_sidecar_reaches_the_pod_that_it_connects_to() -> None:
    journey = without_proxy(mesh(), request_of("http://reviews:9080/"), "bookinfo", "10.0.0.3")
    assert [one.proxy for one in journey.received] == ["reviews-v2-a-b"]


def test_what_is_passed_through_to_a_services_address_reaches_its_pods() -> None:
    through: Json = {"match": {"prefix": "/"}, "route": {"cluster": PASSTHROUGH}}
    found = mesh([through])
    journey = from_workload(found, request_of("http://reviews:9080/"), found.of("Pod")[0])
    assert [(one.proxy, one.mtls) for one in journey.received] == [
        ("reviews-v1-a-b", False),
        ("reviews-v2-a-b", False),
    ]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("ratings-0.ratings.bookinfo.svc.cluster.local", ("ratings", "bookinfo")),
        ("ratings-0.ratings.bookinfo.svc", ("ratings", "bookinfo")),
        ("ratings.bookinfo.svc", ("ratings", "bookinfo")),
        ("a.b.c", None),
        ("a.b.example.com", None),
    ],
)
def test_names_of_pods_name_their_service(host: str, name: tuple[str, str] | None) -> None:
    assert service_named(host, "x") == name
