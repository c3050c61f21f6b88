# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import GATEWAY_OF_API, Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, mesh, with_gateway

SERVICE: Json = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}
WAY_IN: Json = {"name": "way-in", "namespace": "istio-system"}
CONTROLLER = "istio.io/gateway-controller"
SHOP = "mybookstore.com"


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


NO_BACKEND = condition("ResolvedRefs", "False", "BackendNotFound", "backend(reviews-v9) not found")
ACCEPTED = (condition("Accepted"), condition("ResolvedRefs"))


def route(parent: Json, conditions: t.Sequence[Json], **spec: t.Any) -> Json:
    """An HTTPRoute as the API server shows it."""
    answers = (
        [{"parentRef": parent, "controllerName": CONTROLLER, "conditions": list(conditions)}] if conditions else []
    )
    meta = {"name": "reviews", "namespace": "bookinfo", "generation": 1}
    return {"metadata": meta, "spec": {"parentRefs": [parent], **spec}, "status": {"parents": answers}}


def gateway(*conditions: Json, **status: t.Any) -> Json:
    meta = {"name": "way-in", "namespace": "istio-system", "generation": 1}
    return {
        "metadata": meta,
        "spec": {"gatewayClassName": "istio"},
        "status": {"conditions": list(conditions), **status},
    }


def told(source: str, url: str, **objects: list[Json]) -> tuple[str, str]:
    """Sentence and remedy of a check that gets 500."""
    found = with_gateway(mesh(**objects))
    seen = ({"status": 500, "body": "", "headers": []},)
    answer = diagnose(
        Findings(
            url, source, "bookinfo", seen=seen, objects=found.objects, configs=found.configs, request=request_of(url)
        )
    )
    return (answer.sentence, answer.remedy) if answer is not None else ("", "")


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_a_route_to_a_service_that_does_not_exist(kind: str) -> None:
    parts = {kind: [route(SERVICE, (condition("Accepted"), NO_BACKEND))]}
    assert told("productpage", "http://reviews:9080/reviews/0", **parts) == (
        f"The status of {kind} bookinfo/reviews says what is wrong: Service reviews: not ResolvedRefs, BackendNotFound "
        "(backend(reviews-v9) not found).",
        "Create the Service that backendRefs names, or correct its name.",
    )


def test_a_route_that_the_gateway_does_not_admit() -> None:
    refused = condition("Accepted", "False", "NotAllowedByListeners", "no listener admits it")
    sentence, remedy = told("host", f"http://{SHOP}/", HTTPRoute=[route(WAY_IN, (refused,), hostnames=[SHOP])])
    assert "HTTPRoute bookinfo/reviews says what is wrong: Gateway way-in: not Accepted" in sentence
    assert "allowedRoutes" in remedy


def test_a_route_that_no_controller_has_looked_at() -> None:
    sentence, remedy = told("host", f"http://{SHOP}/", HTTPRoute=[route(WAY_IN, ())])
    assert "no controller has looked at it for its parent Gateway way-in" in sentence
    assert remedy.startswith("Create it or correct the name")


def test_the_gateway_of_a_route_that_is_right() -> None:
    right = route(WAY_IN, ACCEPTED, hostnames=[f"*.{SHOP.partition('.')[2]}", SHOP])
    lost = condition("ResolvedRefs", "False", "InvalidCertificateRef", "secret shop not found")
    listeners = [{"name": "https", "conditions": [lost]}]
    wrong = gateway(condition("Accepted"), condition("Programmed"), listeners=listeners)
    sentence, remedy = told("host", f"http://{SHOP}/", HTTPRoute=[right], **{GATEWAY_OF_API: [wrong]})
    assert sentence == (
        "The status of Gateway istio-system/way-in says what is wrong: listener https: not ResolvedRefs, "
        "InvalidCertificateRef (secret shop not found)."
    )
    assert "certificateRefs" in remedy


@pytest.mark.parametrize(
    ("source", "url", "parent", "spec"),
    [
        ("productpage", "http://productpage:9080/", SERVICE, {}),
        ("productpage", "http://reviews:9080/reviews/0", WAY_IN, {}),
        ("host", f"http://{SHOP}/", WAY_IN, {"hostnames": ["other.example"]}),
    ],
)
def test_a_route_for_other_requests_is_not_accused(source: str, url: str, parent: Json, spec: Json) -> None:
    sentence, _remedy = told(source, url, HTTPRoute=[route(parent, (condition("Accepted"), NO_BACKEND), **spec)])
    assert "HTTPRoute" not in sentence


def test_a_route_of_others_for_any_host_is_not_accused() -> None:
    other = route(WAY_IN, (condition("Accepted"), NO_BACKEND))
    assert "HTTPRoute bookinfo/reviews" in told("host", f"http://{SHOP}/", HTTPRoute=[other])[0]
    other["metadata"]["namespace"] = "elsewhere"
    assert "HTTPRoute" not in told("host", f"http://{SHOP}/", HTTPRoute=[other])[0]
    for host, accused in ((SHOP, True), ("other.example", False)):
        bound = gateway(condition("Accepted"))
        bound["spec"]["listeners"] = [{"name": "http", "hostname": host}]
        sentence, _remedy = told("host", f"http://{SHOP}/", HTTPRoute=[other], **{GATEWAY_OF_API: [bound]})
        assert ("HTTPRoute elsewhere/reviews" in sentence) == accused


def test_a_route_and_a_gateway_that_are_right_are_not_accused() -> None:
    parts = {"HTTPRoute": [route(WAY_IN, ACCEPTED)], GATEWAY_OF_API: [gateway(*ACCEPTED[:1], condition("Programmed"))]}
    assert "status of" not in told("host", f"http://{SHOP}/", **parts)[0]
