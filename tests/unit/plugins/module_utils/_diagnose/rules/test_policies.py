# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that do not reach what they are for are named; what has its effect is not."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    PAGE,
    Json,
    inside,
    pod,
    policy,
    said,
    sentence,
    thing,
    world,
)


def test_a_policy_in_another_namespace_is_named() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="default", app="reviews")]}
    found = inside(objects, PAGE, expected_status=(403,))
    assert sentence(found) == (
        "AuthorizationPolicy default/closed selects app=reviews, and no pod in namespace default has these labels; "
        "pods of namespace bookinfo have them."
    )
    assert found
    assert found.remedy == "Apply it in namespace bookinfo instead."


def test_from_the_host_any_pod_may_have_been_meant() -> None:
    objects = {**world(), "AuthorizationPolicy": [policy(namespace="default", app="reviews")]}
    assert "pods of namespace bookinfo have them" in sentence(said(objects, PAGE, expected_status=(403,)))


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
        "AuthorizationPolicy bookinfo/closed selects app=review, and no pod in namespace bookinfo has these labels."
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
    assert "it rejects invalid tokens, not requests without one" in sentence(found)
    assert found
    assert "requestPrincipals" in found.remedy
    stray = {**world(), "RequestAuthentication": [policy("jwt", "default", app="reviews")]}
    assert "RequestAuthentication default/jwt selects app=reviews, and no pod in namespace" in sentence(
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
