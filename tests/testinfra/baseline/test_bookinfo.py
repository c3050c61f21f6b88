# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookinfo's contract, service by service and through the gateway, with no lab applied."""

from __future__ import annotations

import pytest

REVIEWERS = ["Reviewer1", "Reviewer2"]


def test_details_answers_with_the_fields_of_the_contract(kube):
    details = kube.service_get("details", "/details/0")
    assert set(details) == {
        "id",
        "author",
        "year",
        "type",
        "pages",
        "publisher",
        "language",
        "ISBN-10",
        "ISBN-13",
    }
    assert details["id"] == 0


def test_ratings_answers_with_the_numbers_of_the_contract(kube):
    assert kube.service_get("ratings", "/ratings/0") == {"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}


def test_reviews_answers_as_its_version_does(kube):
    colors = {"v1": None, "v2": "black", "v3": "red"}
    seen = set()
    for _number in range(60):
        answer = kube.service_get("reviews", "/reviews/0")
        version = answer["podname"].split("-")[1]
        assert [review["reviewer"] for review in answer["reviews"]] == REVIEWERS
        for review, stars in zip(answer["reviews"], (5, 4), strict=True):
            color = colors[version]
            assert review.get("rating") == (None if color is None else {"stars": stars, "color": color})
        seen.add(version)
    assert seen == set(colors)


@pytest.mark.parametrize("service", ["productpage", "details", "reviews", "ratings"])
def test_every_service_has_a_health_page(kube, service):
    assert kube.core.connect_get_namespaced_service_proxy_with_path(f"{service}:9080", "bookinfo", "health")


def test_workloads_have_the_names_labels_and_accounts_of_the_sample(kube):
    found = {
        item.metadata.name: (
            item.spec.template.metadata.labels["app"],
            item.spec.template.metadata.labels["version"],
            item.spec.template.spec.service_account_name,
        )
        for item in kube.apps.list_namespaced_deployment("bookinfo").items
    }
    assert found == {
        "productpage-v1": ("productpage", "v1", "bookinfo-productpage"),
        "details-v1": ("details", "v1", "bookinfo-details"),
        "reviews-v1": ("reviews", "v1", "bookinfo-reviews"),
        "reviews-v2": ("reviews", "v2", "bookinfo-reviews"),
        "reviews-v3": ("reviews", "v3", "bookinfo-reviews"),
        "ratings-v1": ("ratings", "v1", "bookinfo-ratings"),
    }


def test_every_pod_has_a_sidecar(kube):
    pods = kube.core.list_namespaced_pod("bookinfo").items
    assert pods
    for pod in pods:
        containers = [*pod.spec.containers, *(pod.spec.init_containers or [])]
        assert "istio-proxy" in {container.name for container in containers}, pod.metadata.name


def test_the_page_shows_details_and_reviews(gateway):
    page = gateway.get("/productpage")
    assert page.status == 200
    assert "The Comedy of Errors" in page.body
    assert "Reviewer1" in page.body
    assert "Sorry, product" not in page.body
    assert "Error fetching" not in page.body


def test_pages_take_milliseconds(gateway, eventually):
    # Split writes against delayed acknowledgements would put 40 ms on top of every page, of the quickest too.
    eventually(lambda: gateway.get("/productpage").seconds < 0.04, "a page in less than 40 ms", 20)


def test_reviews_come_from_all_versions_evenly(gateway):
    versions = gateway.versions(120)
    assert set(versions) == {"v1", "v2", "v3"}
    # Chance puts one of three below 15 of 120 less than once in ten million runs.
    assert min(versions.values()) >= 15, versions


def test_login_changes_the_greeting_and_nothing_else(gateway):
    session = gateway.login("jason")
    assert "jason" in gateway.get("/productpage", headers=session).body
    assert "jason" not in gateway.get("/productpage").body
    assert set(gateway.versions(60, session)) == {"v1", "v2", "v3"}


def test_logout_redirects(gateway):
    assert gateway.get("/logout").status == 302


def test_the_products_are_there_as_json(gateway):
    products = gateway.get("/api/v1/products").json()
    assert [product["title"] for product in products] == ["The Comedy of Errors"]
    for part in ("", "/reviews", "/ratings"):
        answer = gateway.get(f"/api/v1/products/0{part}")
        assert answer.status == 200
        assert int(answer.json()["id"]) == 0


@pytest.mark.parametrize(("host", "path"), [("other.example", "/productpage"), ("mybookstore.com", "/health")])
def test_another_host_and_an_unlisted_path_find_nothing(gateway, host, path):
    assert gateway.get(path, host=host).status == 404
