# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    endpoint,
    mesh,
    record,
    service,
)

URL = "http://reviews:9080/reviews/0"


def told(found: Mesh, status: int = 503, url: str = URL, **parts: t.Any) -> Diagnosis:
    seen = ({"status": status, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(url)}
    answer = diagnose(Findings(url, "productpage", "bookinfo", expected_status=(200,), **{**given, **parts}))
    assert answer is not None
    return answer


def with_service(found: Mesh, changed: Json) -> Mesh:
    """The mesh with another Service of a name that is there."""
    others = [one for one in found.objects["Service"] if one["metadata"]["name"] != changed["metadata"]["name"]]
    return dataclasses.replace(found, objects={**found.objects, "Service": (*others, changed)})


LOST = (record("productpage-a-b", 503, "UH", REVIEWS),)


def test_a_selector_that_no_pod_has_is_named() -> None:
    found = with_service(mesh(), service("reviews", app="review"))
    assert told(found, records=LOST).sentence == (
        "Service bookinfo/reviews selects app=review, and no pod in namespace bookinfo has these labels."
    )


def test_a_selector_of_pods_that_are_not_there_yet_is_right() -> None:
    found = with_service(mesh(), service("reviews", app="review"))
    template = {"metadata": {"labels": {"app": "review"}}}
    meta = {"name": "review", "namespace": "bookinfo"}
    deployments = ({"metadata": meta, "spec": {"template": template}, "status": {}},)
    answer = told(found, records=LOST, objects={**found.objects, "Deployment": deployments})
    assert "selects app=review" not in answer.sentence


def refused(pod: str) -> t.Any:
    """What a callee's proxy writes where nobody listens behind it."""
    own = record(pod, 503, "UF", "inbound|9080||")
    return dataclasses.replace(own, failure="delayed_connect_error:_Connection_refused")


def test_a_target_port_of_nobody_is_named_with_its_change() -> None:
    beside = service("reviews-web", 80, app="reviews")
    beside["spec"]["ports"][0]["targetPort"] = 8000
    found = mesh(Service=[beside])
    pods = [{**one, "spec": {**one["spec"], "containers": [{"name": "istio-proxy"}]}} for one in found.objects["Pod"]]
    found = dataclasses.replace(found, objects={**found.objects, "Pod": tuple(pods)})
    answer = told(found, records=(refused("reviews-v1-a-b"),))
    assert answer.sentence == (
        "Service bookinfo/reviews sends its port 9080 to port 9080 of its pods (targetPort), and no application "
        "listens there; its pods have 8000."
    )
    assert '"path": "/spec/ports/0/targetPort", "value": 8000' in answer.change


def test_a_port_that_the_pods_declare_is_the_applications_matter() -> None:
    assert "targetPort" not in told(mesh(), records=(refused("reviews-v1-a-b"),)).sentence


def test_another_name_of_nobody_is_named() -> None:
    alias: Json = {
        "metadata": {"name": "shop", "namespace": "bookinfo"},
        "spec": {"type": "ExternalName", "externalName": "review.bookinfo.svc.cluster.local", "ports": []},
    }
    found = mesh(Service=[alias])
    lost = {"error": {"kind": "name_not_found", "detail": ""}, "status": None}
    assert told(found, url="http://shop:9080/", seen=(lost,)).sentence == (
        "Service bookinfo/shop is another name for review.bookinfo.svc.cluster.local (ExternalName), which is not a "
        "Service; reviews.bookinfo.svc.cluster.local is."
    )


def test_a_sidecars_entry_that_leads_to_nobody_is_named() -> None:
    entry = {"port": {"number": 9080}, "defaultEndpoint": "127.0.0.1:8080"}
    spec = {"workloadSelector": {"labels": {"app": "reviews"}}, "ingress": [entry]}
    sidecar = {"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}
    assert told(mesh(Sidecar=[sidecar]), records=(refused("reviews-v1-a-b"),)).sentence == (
        "Sidecar bookinfo/reviews passes port 9080 on to 127.0.0.1:8080 (ingress[0].defaultEndpoint), and no "
        "application listens there."
    )


def as_tcp(found: Mesh, port: int) -> Mesh:
    """The mesh where this port of the pods of reviews is raw TCP."""
    proxy = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": f"inbound|{port}||"}}]}
    listener = {
        "name": "virtualInbound",
        "filter_chains": [{**proxy, "filter_chain_match": {"destination_port": port}}],
    }
    changed = {
        key: dataclasses.replace(config, listeners=(listener,))
        for key, config in found.configs.items()
        if "reviews" in key[1]
    }
    caller = found.configs["bookinfo", "productpage-a-b"]
    place = {"address": "10.0.0.2", "port_value": port}
    asked = {**endpoint("10.0.0.2"), "endpoint": {"address": {"socket_address": place}}}
    changed["bookinfo", "productpage-a-b"] = dataclasses.replace(caller, endpoints={REVIEWS: (asked,)})
    return dataclasses.replace(found, configs={**found.configs, **changed})


CLOSED = {"error": {"kind": "reset_before_response", "detail": ""}, "status": None}


@pytest.mark.parametrize(("port", "named"), [(9085, True), (9080, False)])
def test_a_stream_to_a_port_that_the_pods_do_not_have(port: int, named: bool) -> None:
    raw = service("reviews", port_name="tcp-web")
    raw["spec"]["ports"][0]["targetPort"] = port
    answer = told(as_tcp(with_service(mesh(http=False), raw), port), seen=(CLOSED,))
    said = (
        f"Service bookinfo/reviews sends its port 9080 to port {port} of its pods (targetPort), which say that they "
        "have 9080 only, and the connection ends without an answer."
    )
    assert (answer.sentence == said) == named
    assert ('"path": "/spec/ports/0/targetPort", "value": 9080' in answer.change) == named


@pytest.mark.parametrize(("address", "named"), [("None", True), ("10.96.0.9", False)])
def test_a_headless_service_has_no_target_port(address: str, named: bool) -> None:
    raw = service("reviews", 9085)
    raw["spec"]["clusterIP"] = address
    found = mesh()
    caller = found.configs["bookinfo", "productpage-a-b"]
    (listener, rest) = caller.listeners
    listener = {**listener, "address": {"socket_address": {"address": "0.0.0.0", "port_value": 9085}}}
    caller = dataclasses.replace(caller, listeners=(listener, rest))
    found = dataclasses.replace(found, configs={**found.configs, ("bookinfo", "productpage-a-b"): caller})
    lost = (record("productpage-a-b", 503, "UC", REVIEWS),)
    answer = told(as_tcp(with_service(found, raw), 9085), url="http://reviews:9085/", records=lost)
    said = (
        "Service bookinfo/reviews is headless (clusterIP: None), so callers reach its pods at port 9085 itself, and "
        "its targetPort 9080 does not count; the pods say that they have 9080 only."
    )
    assert (answer.sentence == said) == named


@pytest.mark.parametrize(("address", "named"), [("10.9.9.9", True), ("10.8.8.8", False)])
def test_an_entry_whose_addresses_are_added_to_the_pods(address: str, named: bool) -> None:
    spec = {"hosts": ["reviews.bookinfo.svc.cluster.local"], "endpoints": [{"address": "10.9.9.9"}]}
    found = mesh(ServiceEntry=[{"metadata": {"name": "old", "namespace": "bookinfo"}, "spec": spec}])
    caller = found.configs["bookinfo", "productpage-a-b"]
    asked = (*caller.endpoints[REVIEWS], endpoint(address))
    caller = dataclasses.replace(caller, endpoints={**caller.endpoints, REVIEWS: asked})
    found = dataclasses.replace(found, configs={**found.configs, ("bookinfo", "productpage-a-b"): caller})
    said = (
        "ServiceEntry bookinfo/old is for reviews.bookinfo.svc.cluster.local, which Service bookinfo/reviews has "
        "already, so its endpoints (10.9.9.9) are added to the pods' own."
    )
    assert (told(found).sentence == said) == named
    assert (told(found, seen=(), answers=3).sentence == said) == named, "every answer was right, and they took too long"
    assert told(found, seen=(), shares_are_wrong=True).sentence != said
