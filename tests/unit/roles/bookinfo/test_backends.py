# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""details, reviews and ratings over HTTP: what the contract says they answer."""

from __future__ import annotations

import json
import typing as t

import pytest
from bookinfo import ratings, reviews, service

TRACE = {
    "x-request-id": "0e2b7a5c",
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
    "x-b3-spanid": "a2fb4a1d1a96d312",
    "x-b3-parentspanid": "0020000000000001",
    "x-b3-sampled": "1",
    "x-b3-flags": "1",
    "b3": "463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1",
    "traceparent": "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01",
    "tracestate": "vendor=1",
    "end-user": "jason",
    "user-agent": "probe/1",
    "cookie": "session=abc; other=1",
    "authorization": "Bearer abc",
}


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_details_answers_the_facts_of_the_book(start_details: t.Any) -> None:
    answer = start_details().get("/details/0")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "id": 0,
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }


@pytest.mark.parametrize("product_id", ["abc", "", "-1", "1.5", "٣", "9" * 5000])
def test_a_product_id_that_is_no_number_is_a_bad_request(
    start_details: t.Any, start_ratings: t.Any, product_id: str
) -> None:
    path = service.Backend("details", "", "").url(product_id).partition("/details/")[2]
    for server, name in ((start_details(), "details"), (start_ratings(), "ratings")):
        answer = server.get(f"/{name}/{path}")
        assert answer.status == 400
        assert answer.json == {"error": "the product id must be a number"}


def test_ratings_answers_the_stars_by_reviewer(start_ratings: t.Any) -> None:
    answer = start_ratings().get("/ratings/0")
    assert answer.status == 200
    assert answer.json == {"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}


def test_posted_ratings_replace_those_of_their_product_only(start_ratings: t.Any) -> None:
    server = start_ratings()
    posted = server.post("/ratings/0", json.dumps({"Reviewer1": 1}))
    assert posted.status == 200
    assert posted.json == server.get("/ratings/0").json == {"id": 0, "ratings": {"Reviewer1": 1}}
    assert server.get("/ratings/1").json["ratings"] == ratings.STARS


@pytest.mark.parametrize("body", ["", "{", "[1]", '"text"'])
def test_posted_ratings_must_be_an_object(start_ratings: t.Any, body: str) -> None:
    assert start_ratings().post("/ratings/0", body).status == 400


def test_the_faulty_version_of_ratings_fails_every_other_time(start_ratings: t.Any) -> None:
    draws = iter([0.0, 0.9, 0.49, 0.5])
    server = start_ratings({"SERVICE_VERSION": "v-faulty"}, chance=lambda: next(draws))
    assert [server.get("/ratings/0").status for _number in range(4)] == [503, 200, 503, 200]


def test_the_delayed_version_of_ratings_answers_late_and_well(start_ratings: t.Any) -> None:
    assert ratings.DELAY_SECONDS == 7.0
    server = start_ratings({"SERVICE_VERSION": "v-delayed"}, chance=lambda: 0.0, delay=0.01)
    assert server.get("/ratings/0").json["ratings"] == ratings.STARS


@pytest.mark.parametrize(
    ("version", "rating"),
    [
        ("v1", None),
        ("v2", [{"stars": 5, "color": "black"}, {"stars": 4, "color": "black"}]),
        ("v3", [{"stars": 5, "color": "red"}, {"stars": 4, "color": "red"}]),
    ],
)
def test_the_versions_of_reviews_differ_in_their_stars(
    start_reviews: t.Any, start_ratings: t.Any, version: str, rating: t.Any
) -> None:
    answer = start_reviews(version, start_ratings().port).get("/reviews/0")
    assert answer.status == 200
    document = answer.json
    found = document.pop("reviews")
    assert document == {"id": "0", "podname": f"reviews-{version}-abc", "clustername": "null"}
    assert [review["reviewer"] for review in found] == ["Reviewer1", "Reviewer2"]
    assert all(review["text"] for review in found)
    assert [review.get("rating") for review in found] == (rating or [None, None])


def test_reviews_v1_never_asks_for_ratings(start_reviews: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake()
    assert start_reviews("v1", server.port).get("/reviews/0").status == 200
    assert fake.requests == []


def test_reviews_names_pod_and_cluster_of_the_environment() -> None:
    config = reviews.Settings.from_environment({"HOSTNAME": "reviews-v1-x", "CLUSTER_NAME": "east"})
    assert (config.podname, config.clustername) == ("reviews-v1-x", "east")


@pytest.mark.parametrize(("color", "timeout"), [("black", 10.0), ("red", 2.5), (None, 10.0)])
def test_reviews_waits_for_ratings_as_long_as_the_contract_says(color: str | None, timeout: float) -> None:
    environ = {"ENABLE_RATINGS": "true"} | ({"STAR_COLOR": color} if color else {})
    assert reviews.Settings.from_environment(environ).ratings_timeout == timeout


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 503, "body": "upstream connect error"},
        {"status": 404},
        {"status": 302},
        {"body": "no JSON"},
        {"body": ["no object"]},
        {"body": {"ratings": "none"}},
        {"body": {"ratings": {"Reviewer1": "five", "Reviewer2": True}}},
        {"silent": True},
    ],
    ids=str,
)
def test_reviews_says_so_when_ratings_gives_no_stars(start_reviews: t.Any, start_fake: t.Any, answer: t.Any) -> None:
    _fake, server = start_fake(**answer)
    found = start_reviews("v2", server.port, ratings_timeout=0.2).get("/reviews/0")
    assert found.status == 200
    assert [review["rating"] for review in found.json["reviews"]] == [
        {"error": "Ratings service is currently unavailable"}
    ] * 2


def test_reviews_says_so_when_nobody_listens(start_reviews: t.Any) -> None:
    found = start_reviews("v3", 1).get("/reviews/0").json
    assert found["reviews"][0]["rating"] == {"error": "Ratings service is currently unavailable"}


def test_one_reviewer_without_stars_does_not_take_the_other_s(start_reviews: t.Any, start_ratings: t.Any) -> None:
    server = start_ratings()
    server.post("/ratings/0", json.dumps({"Reviewer2": 2}))
    found = start_reviews("v2", server.port).get("/reviews/0").json["reviews"]
    assert [review["rating"] for review in found] == [
        {"error": "Ratings service is currently unavailable"},
        {"stars": 2, "color": "black"},
    ]


def test_reviews_carries_the_headers_on(start_reviews: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake(body={"ratings": ratings.STARS})
    start_reviews("v2", server.port).request("GET", "/reviews/0", headers=TRACE | {"x-secret": "1"})
    path, headers = fake.requests[0]
    assert path == "/ratings/0"
    received = lower(headers)
    assert {name: received.get(name) for name in TRACE} == TRACE
    assert "x-secret" not in received


def test_every_call_has_a_connection_of_its_own(start_reviews: t.Any, start_fake: t.Any) -> None:
    """Without sidecars kube-proxy chooses a pod per connection."""
    fake, server = start_fake(body={"ratings": ratings.STARS})
    start_reviews("v2", server.port).get("/reviews/0")
    assert lower(fake.requests[0][1])["connection"] == "close"


def test_health(start_details: t.Any, start_ratings: t.Any, start_reviews: t.Any) -> None:
    for server, name in (
        (start_details(), "Details"),
        (start_ratings(), "Ratings"),
        (start_reviews("v1", 1), "Reviews"),
    ):
        answer = server.get("/health")
        assert (answer.status, answer.json) == (200, {"status": f"{name} is healthy"})


def test_other_paths_and_methods_are_answered_as_json(start_details: t.Any, start_reviews: t.Any) -> None:
    server = start_details()
    assert (server.get("/other").status, server.get("/other").json) == (404, {"error": "Not Found"})
    assert server.request("DELETE", "/details/0").status == 405
    assert start_reviews("v1", 1).get("/reviews/abc").status == 404


def test_head_is_get_without_the_body(start_details: t.Any) -> None:
    server = start_details()
    answer = server.request("HEAD", "/details/0")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(server.get("/details/0").body)


def test_where_a_backend_is_comes_from_the_environment() -> None:
    def address(**environ: str) -> str:
        return service.Backend.from_environment("reviews", environ).address

    assert address() == "http://reviews:9080"
    assert address(SERVICES_DOMAIN="shop.svc.cluster.local") == "http://reviews.shop.svc.cluster.local:9080"
    assert address(REVIEWS_HOSTNAME="other", REVIEWS_SERVICE_PORT="80") == "http://other:80"
    assert address(REVIEWS_HOSTNAME="other", SERVICES_DOMAIN="test") == "http://other.test:9080"
