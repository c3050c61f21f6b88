# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `rbac`: who may do what, step by step, then by service account and by token."""

from __future__ import annotations

import base64

import pytest

PAGES = 20
DENIED = "RBAC: access denied"


def policies(kube):
    found = kube.custom.list_namespaced_custom_object("security.istio.io", "v1", "bookinfo", "authorizationpolicies")
    return {item["metadata"]["name"] for item in found["items"]}


def pages(gateway, **options):
    return [gateway.get("/productpage", **options) for _number in range(PAGES)]


@pytest.mark.stage("rbac", "deny_all")
def test_deny_all_denies_the_page(gateway, kube):
    assert policies(kube) == {"deny-all"}
    for page in pages(gateway):
        assert page.status == 403
        assert page.body == DENIED


@pytest.mark.stage("rbac", "page")
def test_page_shows_the_page_alone(gateway):
    for page in pages(gateway):
        assert page.status == 200
        assert "Error fetching product details" in page.body
        assert "Error fetching product reviews" in page.body
    assert gateway.request("POST", "/productpage").status == 403


@pytest.mark.stage("rbac", "details_reviews")
def test_details_reviews_shows_both_and_no_stars(gateway):
    for page in pages(gateway):
        assert page.status == 200
        assert "Error fetching product" not in page.body
        assert "stars-" not in page.body


@pytest.mark.stage("rbac", "full")
def test_full_shows_everything(gateway, kube):
    assert len(policies(kube)) == 5
    assert set(gateway.versions(PAGES * 3)) == {"v1", "v2", "v3"}
    assert all("currently unavailable" not in page.body for page in pages(gateway))


@pytest.mark.stage("rbac", "analyzer")
def test_analyzer_runs_beside_bookinfo_under_accounts_of_their_own(gateway, kube):
    assert policies(kube) == {"analyzer"}
    for name in ("guestbook", "analyzer"):
        deployment = kube.apps.read_namespaced_deployment(name, "bookinfo")
        assert deployment.status.ready_replicas == 1
        assert deployment.spec.template.spec.service_account_name == name
    assert set(gateway.versions(PAGES)) <= {"v1", "v2", "v3"}


@pytest.mark.stage("rbac", "analyzer")
def test_analyzer_takes_posts_of_the_guestbook_alone(ask_from):
    tone = "http://analyzer:9080/tone"
    post = {"method": "POST", "body": "a great book"}
    for answer in ask_from("guestbook", tone, **post, count=PAGES):
        assert (answer.status, answer.json()["tone"]) == (200, "glad")
    for denied in (
        ask_from("guestbook", "http://analyzer:9080/", count=PAGES),
        ask_from("productpage", tone, **post, count=PAGES),
        ask_from("productpage", "http://analyzer:9080/", count=PAGES),
    ):
        assert {(answer.status, answer.body) for answer in denied} == {(403, DENIED)}
    # By way of the guestbook anyone may.
    (answer,) = ask_from("productpage", "http://guestbook:9080/", method="POST", body="a boring book")
    assert (answer.status, answer.json()["tone"]) == (200, "sad")


@pytest.mark.stage("rbac", "jwt")
def test_jwt_asks_for_a_token_of_the_readers(gateway, kube):
    data = kube.core.read_namespaced_secret("workshop-credentials", "bookinfo").data
    wanted = {"reader": 200, "visitor": 403, "forged": 401}
    for name, status in wanted.items():
        token = base64.b64decode(data[f"token_{name}"]).decode()
        answers = pages(gateway, headers={"Authorization": f"Bearer {token}"})
        assert {answer.status for answer in answers} == {status}, name
    assert {answer.status for answer in pages(gateway)} == {403}
