# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was applied and has no effect is named, with the reason; what has its effect is not."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    PAGE,
    UNAVAILABLE,
    Json,
    pod,
    record,
    said,
    thing,
    world,
)

INSIDE = {"source": "productpage", "url": "http://reviews:9080/reviews/0"}


def inside(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> Diagnosis | None:
    """The diagnosis where productpage asks reviews."""
    return said(objects, *seen, **{**INSIDE, **parts})


def sentence(found: Diagnosis | None) -> str:
    assert found
    return found.sentence


def policy(name: str = "closed", namespace: str = "bookinfo", **labels: str) -> Json:
    return thing(name, namespace, spec={"selector": {"matchLabels": labels}} if labels else {})


# -- pods without a proxy ------------------------------------------------


def without_sidecar(**labels: str) -> dict[str, list[Json]]:
    objects = world()
    objects["Pod"][0] = pod("productpage-v1-x", sidecar=False, app="productpage", **labels)
    return objects


@pytest.mark.parametrize(
    ("namespace", "labels", "words", "remedy"),
    [
        ({}, {}, "Namespace bookinfo is not labelled istio-injection=enabled, so its pods run", "Label the namespace"),
        ({"istio-injection": "enabled"}, {}, "Pods run without a sidecar", "only pods made after the namespace was"),
        ({"istio.io/rev": "a"}, {}, "Pods run without a sidecar", "rollout restart deployment"),
        ({}, {"sidecar.istio.io/inject": "false"}, "Pods run without a sidecar", "Remove the label sidecar.istio.io/"),
    ],
)
def test_why_pods_have_no_sidecar(namespace: dict[str, str], labels: dict[str, str], words: str, remedy: str) -> None:
    space = {"metadata": {"name": "bookinfo", "labels": namespace}}
    found = inside({**without_sidecar(**labels), "Namespace": [space]}, ERROR)
    assert found
    assert words in found.sentence
    assert "bookinfo/productpage-v1-x" in found.sentence
    assert remedy in found.remedy


def test_no_rule_holds_for_what_a_workload_without_a_sidecar_sends() -> None:
    assert "run without a sidecar" in sentence(inside(without_sidecar(), PAGE))
    assert "sidecar" not in sentence(inside(without_sidecar(), PAGE, expects_refusal=True))


def test_a_pod_that_no_service_leads_to_is_not_on_the_way_from_the_host() -> None:
    objects = world()
    objects["Pod"].append(pod("site-x", sidecar=False, app="site"))
    found = said(objects, ERROR)
    assert found is None or "sidecar" not in found.sentence


# -- policies ------------------------------------------------------------


def test_a_policy_in_another_namespace_is_named() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="default", app="reviews")]}
    found = inside(objects, PAGE, expected_status=(403,))
    assert sentence(found) == (
        "AuthorizationPolicy default/closed holds only for its own namespace default, so it has no effect on reviews "
        "in namespace bookinfo."
    )
    assert found
    assert found.remedy == "Apply it in namespace bookinfo instead."


def test_from_the_host_any_pod_may_have_been_meant() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="default", app="reviews")]}
    assert "no effect on the pods in namespace bookinfo" in sentence(said(objects, PAGE, expected_status=(403,)))


def test_a_policy_that_has_work_in_its_own_namespace_is_not_blamed() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="second", app="reviews")]}
    objects["Pod"].append(pod("reviews-v1-y", "second", app="reviews"))
    assert sentence(inside(objects, PAGE, expected_status=(403,))) == (
        "No AuthorizationPolicy holds for reviews in namespace bookinfo, so every request is let in."
    )
    assert "No AuthorizationPolicy holds for the pods in namespace bookinfo" in sentence(
        said(objects, PAGE, expected_status=(403,))
    )
    assert said(objects, PAGE, expected_status=(401,)) is None


def test_pods_that_could_not_be_read_are_not_taken_for_absent() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="second", app="reviews")]}
    found = inside(objects, PAGE, expected_status=(403,), partial=frozenset(("Pod",)))
    assert "No AuthorizationPolicy holds" in sentence(found)


def test_a_policy_that_selects_no_pod_is_named() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(app="review")]}
    assert sentence(inside(objects, PAGE, expected_status=(403,))) == (
        "AuthorizationPolicy bookinfo/closed selects app=review, and no pod of reviews in namespace bookinfo has these "
        "labels."
    )


def test_a_policy_of_another_workload_is_as_it_should_be() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy("page-viewer", app="productpage")]}
    found = inside(objects, PAGE, expected_status=(403,))
    assert sentence(found) == (
        "No AuthorizationPolicy holds for reviews in namespace bookinfo, so every request is let in."
    )
    objects["AuthorizationPolicy"].append(policy("closed", app="review"))
    assert "AuthorizationPolicy bookinfo/closed selects app=review" in sentence(
        inside(objects, PAGE, expected_status=(403,))
    )


def test_in_a_namespace_that_could_not_be_read_no_selector_is_blamed() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="second", app="review")]}
    objects["Service"].append(thing("reviews", "second", spec={"selector": {"app": "reviews"}}))
    asked = {"url": "http://reviews.second:9080/", "expected_status": (403,)}
    assert "selects app=review" in sentence(inside(objects, PAGE, **asked))
    assert inside(objects, PAGE, **asked, partial=frozenset(("Pod",))) is None


def test_a_policy_of_the_gateway_is_for_those_who_pass_it() -> None:
    gateway = policy("gateway", "istio-system", istio="ingressgateway")
    objects = {**world(), "AuthorizationPolicy": [gateway]}
    assert "let this request in" in sentence(said(objects, PAGE, expected_status=(403,)))
    assert "No AuthorizationPolicy holds for reviews" in sentence(inside(objects, PAGE, expected_status=(403,)))


def test_strict_mtls_of_another_workload_is_as_it_should_be() -> None:
    strict = {"selector": {"matchLabels": {"app": "productpage"}}, "mtls": {"mode": "STRICT"}}
    objects = {**world(), "PeerAuthentication": [thing("page", spec=strict)]}
    found = said(objects, PAGE, source="no_sidecar", url="http://reviews.bookinfo:9080/", expects_refusal=True)
    assert sentence(found) == (
        "No PeerAuthentication demands mTLS of reviews in namespace bookinfo, so plain text is let in."
    )


def test_a_policy_on_pods_without_a_proxy_is_named() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(app="reviews")]}
    objects["Pod"][1] = pod("reviews-v1-x", sidecar=False, app="reviews", version="v1")
    found = inside(objects, PAGE, expected_status=(403,))
    assert "holds for reviews, and nothing enforces it: the pods have no sidecar (bookinfo/reviews-v1-x)" in sentence(
        found
    )
    assert found
    assert "istio-injection=enabled" in found.remedy


@pytest.mark.parametrize("holding", [policy(app="reviews"), policy(namespace="istio-system"), policy()])
def test_rules_that_let_the_request_in(holding: Json) -> None:
    objects = {**world(), "AuthorizationPolicy": [holding]}
    assert "let this request in" in sentence(inside(objects, PAGE, expected_status=(403,)))


def test_a_policy_with_targets_may_hold() -> None:
    gateway = thing("closed", "istio-system", spec={"targetRefs": [{"kind": "Gateway", "name": "gate"}]})
    objects = {**world(), "AuthorizationPolicy": [gateway]}
    assert "let this request in" in sentence(inside(objects, PAGE, expected_status=(403,)))


def test_a_request_without_a_token_is_not_refused_by_a_request_authentication() -> None:
    objects = {**world(), "RequestAuthentication": [policy("jwt", app="reviews")]}
    found = inside(objects, PAGE, expected_status=(401,))
    assert "it refuses tokens that are not valid, not requests without one" in sentence(found)
    assert found
    assert "requestPrincipals" in found.remedy
    stray = {**world(), "RequestAuthentication": [policy("jwt", "default", app="reviews")]}
    assert "RequestAuthentication default/jwt holds only for its own namespace" in sentence(
        inside(stray, PAGE, expected_status=(401,))
    )


def test_answers_that_are_expected_need_no_policy() -> None:
    objects = {**world(), "AuthorizationPolicy": []}
    assert inside(objects, PAGE, expected_status=(200,)) is None
    assert inside(objects, PAGE, expected_status=(200, 403)) is None
    assert inside(objects, {**PAGE, "status": 404}, expected_status=(403,)) is None


def test_strict_mtls_in_another_namespace_or_on_bare_pods_lets_plain_text_in() -> None:
    outside = {"source": "no_sidecar", "url": "http://reviews.bookinfo:9080/", "expects_refusal": True}
    strict = thing("strict", "default", spec={"mtls": {"mode": "STRICT"}})
    lax = thing("lax", "default", spec={"mtls": {"mode": "PERMISSIVE"}})
    objects = {**world(), "PeerAuthentication": [lax, strict]}
    assert "PeerAuthentication default/strict holds only for its own namespace default" in sentence(
        said(objects, PAGE, **outside)
    )
    objects["PeerAuthentication"] = [thing("strict", spec={"mtls": {"mode": "STRICT"}})]
    assert said(objects, PAGE, **outside) is None
    objects["Pod"][1] = pod("reviews-v1-x", sidecar=False, app="reviews", version="v1")
    assert "holds for reviews, and nothing enforces it" in sentence(said(objects, PAGE, **outside))


# -- routes --------------------------------------------------------------


def test_a_route_in_another_namespace_is_named() -> None:
    objects = world()
    objects["VirtualService"][1]["metadata"]["namespace"] = "default"
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert sentence(found) == (
        "VirtualService default/reviews is in namespace default, where reviews is no Service, so it has no effect on "
        "reviews in namespace bookinfo."
    )
    assert found
    assert found.remedy == "Apply it in namespace bookinfo instead."
    objects["Service"].append(thing("reviews", "default", spec={}))
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert "No VirtualService routes to v1" in sentence(found)


def test_a_route_for_a_host_that_is_no_service_is_named_with_the_one_meant() -> None:
    objects = world()
    objects["VirtualService"][1]["spec"]["hosts"] = ["review"]
    found = inside(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert sentence(found) == (
        "VirtualService bookinfo/reviews is for the host review, and namespace bookinfo has no Service of that name, "
        "so it rules no request."
    )
    assert found
    assert found.remedy == "Correct its hosts: probably reviews is meant."
    assert said(objects, PAGE, partial=frozenset(("Service",))) is None


def test_a_route_for_an_outside_host_is_as_it_should_be() -> None:
    objects = world()
    objects["VirtualService"].append(thing("site", spec={"hosts": ["site.example"]}))
    objects["VirtualService"].append(thing("short", spec={"hosts": ["site"]}))
    objects["ServiceEntry"] = [thing("site", spec={"hosts": ["site"]})]
    assert said(objects, PAGE) is None


def test_a_subset_defined_in_another_namespace_is_named() -> None:
    objects = world()
    objects["DestinationRule"][0]["metadata"]["namespace"] = "default"
    found = inside(objects, ERROR, records=(record("NC", subset="v1"),))
    assert sentence(found) == (
        "VirtualService bookinfo/reviews routes to subset v1 of reviews, which no DestinationRule for it defines: "
        "DestinationRule default/reviews has it, but in namespace default."
    )
    assert found
    assert found.remedy == "Apply DestinationRule reviews in namespace bookinfo instead."
    objects["DestinationRule"][0]["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    assert inside(objects, ERROR, records=(record("NC", subset="v1"),)) == found, "Istio does not look there"


def test_a_subset_defined_for_a_host_that_is_none_is_named() -> None:
    objects = world()
    objects["DestinationRule"][0]["spec"]["host"] = "review"
    found = inside(objects, UNAVAILABLE)
    assert "DestinationRule bookinfo/reviews has it, but for the host review, which is no Service" in sentence(found)
    assert found
    assert found.remedy == "Correct the host of DestinationRule bookinfo/reviews to reviews."


@pytest.mark.parametrize("namespace", ["bookinfo", "istio-system"])
def test_subsets_are_found_where_istio_looks(namespace: str) -> None:
    objects = world()
    rule = objects["DestinationRule"][0]
    rule["metadata"]["namespace"] = namespace
    rule["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    assert inside(objects, UNAVAILABLE) is None


# -- the outside ---------------------------------------------------------

BLOCKED = {**ERROR, "status": 502}
SITE = {"url": "http://site.example:9080/", "expected_status": (200,)}
REGISTRY_ONLY = thing("default", spec={"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}})


def test_a_host_that_the_mesh_may_not_call_needs_a_service_entry() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY], "ServiceEntry": []}
    found = inside(objects, BLOCKED, **SITE)
    assert sentence(found) == (
        "The mesh does not know the host site.example, and Sidecar bookinfo/default lets workloads call only what the "
        "mesh knows (REGISTRY_ONLY)."
    )
    assert found
    assert found.remedy == "Apply a ServiceEntry for site.example with port 9080."


def test_the_mesh_itself_may_be_closed() -> None:
    by_mesh = record(status=502, route="block_all", service="")
    found = inside(world(), BLOCKED, **SITE, records=(by_mesh,))
    assert "and workloads may call only what the mesh knows (REGISTRY_ONLY)" in sentence(found)


def test_a_port_that_is_not_known_is_another_matter() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY]}
    objects["ServiceEntry"] = [thing("site", spec={"hosts": ["*.example"], "ports": [{"number": 80}]})]
    blocked = record(status=502, route="block_all", service="")
    found = inside(objects, BLOCKED, **SITE, records=(blocked,))
    assert "ServiceEntry bookinfo/site does not offer site.example on port 9080 to productpage" in sentence(found)
    found = inside(objects, BLOCKED, url="http://reviews:1/", records=(blocked,))
    assert "Service bookinfo/reviews does not offer reviews on port 1" in sentence(found)


def test_a_502_of_what_is_known_is_something_else() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY], "ServiceEntry": []}
    assert inside(objects, BLOCKED) is None
    assert inside({**world(), "ServiceEntry": []}, BLOCKED, **SITE) is None
    assert said(objects, BLOCKED, **SITE, source="host") is None


# -- the check itself ----------------------------------------------------


def test_versions_of_another_service_ask_for_a_callee() -> None:
    objects = world()
    objects["Pod"].append(pod("ratings-v7-x", app="ratings", version="v7"))
    objects["Service"].append(thing("ratings", spec={"selector": {"app": "ratings"}}))
    found = inside(objects, PAGE, expected_versions=("v7",), served=("v1",))
    assert sentence(found) == "The check expects v7 of reviews, which the URL asks, and reviews has only v1."
    assert found
    assert found.remedy == "Name the service that is meant as callee beside served_by (callee: ratings)."
    named = inside(objects, PAGE, expected_versions=("v7",), served=("v1",), callee="ratings")
    assert "No VirtualService routes to v7" in sentence(named) or "other versions" in sentence(named)


def test_an_answer_that_names_no_pod_asks_for_a_callee() -> None:
    found = said(world(), PAGE, expected_versions=("v1",))
    assert sentence(found) == "The answer does not tell which pod gave it, so nobody can say its version."
    assert found
    assert "(of productpage, reviews)" in found.remedy
    found = said(world(), UNAVAILABLE, expected_versions=("v1",))
    assert found is None or "which pod" not in found.sentence
