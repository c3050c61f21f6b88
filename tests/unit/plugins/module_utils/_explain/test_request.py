# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_fault, request_of, token_of


def token(claims: object) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", json.dumps(claims).encode(), b"x")
    )


def test_the_parts_of_a_url() -> None:
    request = request_of("http://reviews:9080/reviews/0?a=b&c", "GET", [("End-User", "jason")])
    assert (request.host, request.port, request.path, request.authority) == (
        "reviews",
        9080,
        "/reviews/0",
        "reviews:9080",
    )
    assert request.header("end-user") == "jason"
    assert request.header(":path") == "/reviews/0?a=b&c"
    assert request.header(":scheme") == "http"
    assert request.header("x") is None


def test_a_host_header_replaces_the_authority() -> None:
    assert request_of("http://a/", headers=[("Host", "b")]).header(":authority") == "b"


def test_default_ports_are_not_in_the_authority() -> None:
    assert request_of("http://a/").authority == "a"
    assert request_of("https://a").authority == "a"
    assert request_of("https://a:80").authority == "a:80"


def test_grpc_is_a_post_over_http2() -> None:
    request = request_of("grpc://health:50051/grpc.health.v1.Health/Check")
    assert request.http2
    assert (request.method, request.header("content-type")) == ("POST", "application/grpc")


def test_tokens() -> None:
    found = token_of(request_of("http://a/", headers=[("authorization", f"Bearer {token({'iss': 'i', 'sub': 's'})}")]))
    assert found is not None
    assert (found.issuer, found.subject) == ("i", "s")
    for value in ("Basic abc", "Bearer abc", f"Bearer {token('text')}", "Bearer a.!.c", ""):
        assert token_of(request_of("http://a/", headers=[("authorization", value)])) is None


def test_a_token_that_nests_without_end_is_none() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 200_000).decode()
    assert token_of(request_of("http://a/", headers=[("authorization", f"Bearer e30.{deep}.x")])) is None


@pytest.mark.parametrize(
    ("url", "method", "headers", "fault"),
    [
        ("http://reviews:9080/a?b=c", "GET", {"end-user": "jason", "n": 5}, ""),
        ("grpc://[::1]:50051/a.B/C", "POST", {}, ""),
        ("reviews:9080", "GET", {}, "url: 'reviews:9080' is not an HTTP URL"),
        ("http://[", "GET", {}, "url: 'http://[' is not an HTTP URL"),
        ("http://x:99999/", "GET", {}, "url: "),
        ("http://x:0/", "GET", {}, "url: "),
        ("http://x:a/", "GET", {}, "url: "),
        ("http://x/ä", "GET", {}, "url: "),
        ("http://x/a b", "GET", {}, "url: "),
        ("http://x/\r\n", "GET", {}, "url: "),
        ("http://x/", "GET /", {}, "method: "),
        ("http://x/", "", {}, "method: "),
        ("http://x/", "GET", {"": "a"}, "headers: '' is not a header name"),
        ("http://x/", "GET", {"a:": "b"}, "headers: 'a:' is not a header name"),
        ("http://x/", "GET", {"a": "b\nc"}, "headers: a must be one line"),
        ("http://x/", "GET", {"a": None}, "headers: a must be one line"),
    ],
)
def test_what_no_request_can_have(url: str, method: str, headers: dict[str, t.Any], fault: str) -> None:
    found = request_fault(url, method, headers)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)
