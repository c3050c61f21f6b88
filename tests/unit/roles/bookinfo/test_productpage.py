# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""productpage over HTTP, alone and with the other three services behind it."""

from __future__ import annotations

import re
import time
import typing as t
from urllib.parse import quote, urlencode

import pytest
from bookinfo import productpage, ratings

from .test_backends import TRACE, lower

NO_DETAILS = "Sorry, product details are currently unavailable for this book."
NO_REVIEWS = "Sorry, product reviews are currently unavailable for this book."
NO_RATINGS = "Sorry, product ratings are currently unavailable for this book."

REVIEWS = {
    "id": "0",
    "podname": "reviews-v2-abc",
    "clustername": "null",
    "reviews": [{"reviewer": "Reviewer1", "text": "Good.", "rating": {"stars": 5, "color": "black"}}],
}


def login(page: t.Any, user: str) -> str:
    """Log in and return the cookie."""
    answer = page.post("/login", urlencode({"username": user, "passwd": "any"}))
    assert answer.status == 302
    assert answer.headers["Location"] == "/productpage"
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def podname(text: str) -> str:
    found = re.search('Reviews served by: <span id="reviews-podname">([^<]*)</span>', text)
    assert found
    return found[1]


@pytest.mark.parametrize(("version", "color"), [("v1", None), ("v2", "black"), ("v3", "red")])
def test_the_whole_chain(start_bookinfo: t.Any, version: str, color: str | None) -> None:
    answer = start_bookinfo(version).get("/productpage")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.text
    assert "The Comedy of Errors" in text
    for fact in ("William Shakespeare", "1595", "paperback", "200", "PublisherA", "1234567890", "123-1234567890"):
        assert f"<dd>{fact}</dd>" in text
    assert podname(text) == f"reviews-{version}-abc"
    assert f'id="reviews-version">{version}<' in text
    assert "productpage-v1-abc" in text
    assert re.findall('class="stars stars-([a-z]+)"', text) == ([color] * 2 if color else [])
    assert re.findall('aria-label="([0-9]) out of 5 stars"', text) == (["5", "4"] if color else [])
    assert text.count("glyphicon-star") == (9 if color else 0)
    assert "Error fetching" not in text


def test_a_page_of_v1_has_not_even_the_word_star(start_bookinfo: t.Any) -> None:
    """So that a check may look for it."""
    assert "star" not in start_bookinfo("v1").get("/productpage").text


def test_the_waiting_times_of_the_contract() -> None:
    assert productpage.Timeouts() == productpage.Timeouts(details=3.0, reviews=3.0, ratings=3.0)
    assert productpage.REVIEWS_ATTEMPTS == 2


@pytest.mark.parametrize("failure", [{"status": 503}, {"silent": True}, {"body": "no JSON"}, {"body": [1]}], ids=str)
def test_the_page_says_what_is_missing_and_shows_the_rest(
    start_page: t.Any, start_fake: t.Any, start_details: t.Any, failure: t.Any
) -> None:
    broken, server = start_fake(**failure)
    good, reviews = start_fake(body=REVIEWS)

    impatient = productpage.Timeouts(reviews=0.2)
    answer = start_page(start_details().port, server.port, timeouts=impatient).get("/productpage")
    assert answer.status == 200
    assert "Error fetching product reviews" in answer.text
    assert NO_REVIEWS in answer.text
    assert "PublisherA" in answer.text
    assert len(broken.requests) == 2

    impatient = productpage.Timeouts(details=0.2)
    answer = start_page(server.port, reviews.port, timeouts=impatient).get("/productpage")
    assert answer.status == 200
    assert "Error fetching product details" in answer.text
    assert NO_DETAILS in answer.text
    assert podname(answer.text) == "reviews-v2-abc"
    assert (len(broken.requests), len(good.requests)) == (3, 1)


def test_a_page_without_any_backend(start_page: t.Any) -> None:
    answer = start_page().get("/productpage")
    assert answer.status == 200
    assert NO_DETAILS in answer.text
    assert NO_REVIEWS in answer.text


def test_a_page_waits_twice_for_reviews(start_page: t.Any, start_fake: t.Any, start_details: t.Any) -> None:
    silent, server = start_fake(silent=True)
    page = start_page(start_details().port, server.port, timeouts=productpage.Timeouts(reviews=0.4))
    before = time.monotonic()
    assert NO_REVIEWS in page.get("/productpage").text
    assert time.monotonic() - before > 0.75
    assert len(silent.requests) == 2


def test_ratings_that_fail_are_a_notice_beside_the_review(
    start_page: t.Any, start_reviews: t.Any, start_details: t.Any
) -> None:
    text = start_page(start_details().port, start_reviews("v2", 1).port).get("/productpage").text
    assert text.count("Ratings service is currently unavailable") == 2
    assert "Error fetching" not in text
    assert "out of 5 stars" not in text


def test_the_api(start_bookinfo: t.Any) -> None:
    page = start_bookinfo("v2")
    products = page.get("/api/v1/products")
    assert products.headers["Content-Type"] == "application/json"
    assert [(product["id"], product["title"]) for product in products.json] == [(0, "The Comedy of Errors")]
    assert set(products.json[0]) == {"id", "title", "descriptionHtml"}
    assert page.get("/api/v1/products/0").json["author"] == "William Shakespeare"
    assert page.get("/api/v1/products/0/reviews").json["podname"] == "reviews-v2-abc"
    assert page.get("/api/v1/products/0/ratings").json == {"id": 0, "ratings": ratings.STARS}


@pytest.mark.parametrize(("path", "error"), [("", NO_DETAILS), ("/reviews", NO_REVIEWS), ("/ratings", NO_RATINGS)])
def test_the_api_passes_the_status_of_a_backend_on(start_page: t.Any, start_fake: t.Any, path: str, error: str) -> None:
    for failure, status in (({"status": 418}, 418), ({"status": 403}, 403), ({"status": 204}, 204)):
        _fake, server = start_fake(**failure)
        answer = start_page(server.port, server.port, server.port).get(f"/api/v1/products/0{path}")
        assert answer.status == status
        assert answer.body == b"" or answer.json == {"error": error}
    answer = start_page().get(f"/api/v1/products/0{path}")
    assert (answer.status, answer.json) == (500, {"error": error})


def test_a_product_id_stays_one_part_of_the_path(start_page: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake()
    start_page(server.port).get("/api/v1/products/" + quote("0/../1?x=#y", safe=""))
    assert fake.requests[0][0] == "/details/" + quote("0/../1?x=#y", safe="")


def test_login_and_logout(start_bookinfo: t.Any) -> None:
    page = start_bookinfo("v1")
    cookie = login(page, "jason")
    text = page.get("/productpage", Cookie=cookie).text
    assert '<b id="user-name">jason</b>' in text
    assert 'href="/logout"' in text
    anonymous = page.get("/productpage").text
    assert "jason" not in anonymous
    assert 'action="/login"' in anonymous

    answer = page.get("/logout", Cookie=cookie)
    assert (answer.status, answer.headers["Location"]) == (302, "/productpage")
    assert str(answer.headers["Set-Cookie"]).startswith('session="";')


def test_the_cookie_is_signed_and_closed_to_scripts(start_bookinfo: t.Any) -> None:
    page = start_bookinfo("v1")
    answer = page.post("/login", "username=jason&passwd=x")
    cookie = str(answer.headers["Set-Cookie"])
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "jason" not in cookie
    signed = cookie.partition(";")[0].rstrip('"')
    forged = signed[:-1] + ("1" if signed.endswith("0") else "0") + '"'
    for value in (forged, "session=jason", "session=", 'session="\\377"'):
        assert "Signed in" not in page.get("/productpage", Cookie=value).text


def test_pods_that_share_a_secret_share_sessions(start_page: t.Any) -> None:
    one, two = (start_page(environ={"SESSION_SECRET": "shared"}) for _number in range(2))
    assert "jason" in two.get("/productpage", Cookie=login(one, "jason")).text
    assert "jason" not in start_page().get("/productpage", Cookie=login(one, "jason")).text


@pytest.mark.parametrize("user", ["", "   ", "\r\n\t"])
def test_no_name_is_no_login(start_page: t.Any, user: str) -> None:
    page = start_page()
    answer = page.post("/login", urlencode({"username": user, "passwd": "x"}))
    assert answer.status == 302
    assert "Signed in" not in page.get("/productpage", Cookie="session=").text


def test_names_cannot_break_out_of_the_page_or_of_a_header(start_page: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake(body=REVIEWS)
    page = start_page(server.port, server.port)
    text = page.get("/productpage", Cookie=login(page, "<script>alert('x')</script>")).text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    page.get("/productpage", Cookie=login(page, "a\r\nx-admin: 1"))
    received = lower(fake.requests[-1][1])
    assert received["end-user"] == "a x-admin: 1"
    assert "x-admin" not in received
    assert productpage.clean_username("x" * 500) == "x" * 64


def test_names_may_be_of_any_language(start_page: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake(body=REVIEWS)
    page = start_page(server.port, server.port)
    assert "Zoë 李" in page.get("/productpage", Cookie=login(page, "Zoë 李")).text
    assert lower(fake.requests[-1][1])["end-user"].encode("latin-1").decode() == "Zoë 李"


@pytest.mark.parametrize("field", ["reviewer", "text", "podname", "clustername", "rating"])
def test_what_backends_answer_is_escaped(start_page: t.Any, start_fake: t.Any, field: str) -> None:
    evil = "<img src=x onerror=alert(1)>"
    review: dict[str, t.Any] = {"reviewer": "R", "text": "T"}
    document: dict[str, t.Any] = {"podname": "p", "clustername": "c", "reviews": [review]}
    if field == "rating":
        review["rating"] = {"error": evil}
    elif field in review:
        review[field] = evil
    else:
        document[field] = evil
    _fake, server = start_fake(body=document)
    answer = start_page(server.port, server.port).get("/productpage")
    assert evil not in answer.text
    assert "&lt;img" in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"reviews": None},
        {"reviews": ["x", 1, None]},
        {"reviews": [{}]},
        {"reviews": [{"rating": 5}, {"rating": {"stars": "5"}}, {"rating": {"stars": 99, "color": "blue"}}]},
        {"reviews": [{"rating": {"stars": -3}}]},
    ],
    ids=str,
)
def test_odd_answers_of_reviews_do_not_break_the_page(start_page: t.Any, start_fake: t.Any, document: t.Any) -> None:
    _fake, server = start_fake(body=document)
    assert start_page(server.port, server.port).get("/productpage").status == 200


def test_the_page_carries_the_headers_on_to_both(start_page: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake(body=REVIEWS)
    start_page(server.port, server.port).request("GET", "/productpage", headers=TRACE)
    assert [path for path, _headers in fake.requests] == ["/details/0", "/reviews/0"]
    for _path, headers in fake.requests:
        received = lower(headers)
        assert {name: received.get(name) for name in TRACE} == TRACE


def test_the_session_says_who_the_end_user_is(start_page: t.Any, start_fake: t.Any) -> None:
    fake, server = start_fake(body=REVIEWS)
    page = start_page(server.port, server.port, server.port)
    cookie = login(page, "bob")
    page.get("/productpage", Cookie=cookie, end_user="jason")
    page.get("/api/v1/products/0/ratings", Cookie=cookie)
    assert [lower(headers)["end-user"] for _path, headers in fake.requests] == ["bob"] * 3
    page.get("/productpage")
    assert "end-user" not in lower(fake.requests[-1][1])


def test_the_headers_reach_the_end_of_the_chain(
    start_page: t.Any, start_reviews: t.Any, start_details: t.Any, start_fake: t.Any
) -> None:
    fake, server = start_fake(body={"ratings": ratings.STARS})
    page = start_page(start_details().port, start_reviews("v2", server.port).port)
    cookie = login(page, "jason")
    page.request("GET", "/productpage", headers={**TRACE, "end-user": "", "cookie": cookie})
    received = lower(fake.requests[0][1])
    assert {name: received.get(name) for name in TRACE} == {**TRACE, "cookie": cookie}


def test_every_file_that_the_page_names_is_served(start_page: t.Any) -> None:
    page = start_page()
    text = page.get("/productpage").text
    found = set(re.findall('(?:href|src)="(/static/[^"]+)"', text))
    assert len(found) == 3
    for path in found:
        answer = page.get(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == ("text/css" if ".css" in path else "image/svg+xml")
    assert not re.search('(?:href|src)="(?!/)', text)


@pytest.mark.parametrize("path", ["/static/none.css", "/static/../service.py", "/static/%2e%2e/service.py", "/other"])
def test_anything_else_is_not_found(start_page: t.Any, path: str) -> None:
    assert start_page().get(path).status == 404


def test_an_unknown_path_has_a_page_for_browsers(start_page: t.Any) -> None:
    answer = start_page().get("/other")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Not Found</h1>" in answer.text


def test_the_index_names_the_services(start_page: t.Any) -> None:
    page = start_page(environ={"REVIEWS_HOSTNAME": "reviews", "REVIEWS_SERVICE_PORT": "9080"})
    answer = page.get("/index.html")
    assert answer.status == 200
    assert "http://reviews:9080" in answer.text
    assert 'href="/productpage"' in answer.text


def test_the_bare_host_leads_to_the_page(start_page: t.Any) -> None:
    answer = start_page().get("/")
    assert (answer.status, answer.headers["Location"]) == (302, "/productpage")


def test_reviews_and_who_served_them_come_before_the_details(start_bookinfo: t.Any) -> None:
    """What labs change is seen without scrolling."""
    text = start_bookinfo("v2").get("/productpage").text
    places = [text.index(part) for part in ("<h1>", "Reviews served by", 'class="review"', "Book details")]
    assert places == sorted(places)


def test_health(start_page: t.Any) -> None:
    answer = start_page().get("/health")
    assert (answer.status, answer.text) == (200, "Product page is healthy")


def test_login_by_get_leads_to_the_page(start_page: t.Any) -> None:
    answer = start_page().get("/login")
    assert (answer.status, answer.headers["Location"]) == (302, "/productpage")
