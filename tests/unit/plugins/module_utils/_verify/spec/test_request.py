# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import secrets_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.types import Session, Tls
from ansible_collections.mesh.workshop.tests.unit.authority import Authority
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.spec.making import (
    PEM,
    URL,
    check,
    parsed,
    refused,
)


def test_session_in_short_and_in_full() -> None:
    short = parsed(request={"url": URL, "session": "jason"}).request.session
    assert short == Session("/login", (("username", "jason"), ("passwd", "jason")))
    full = {"login": "/signin", "username": "a", "password": "b", "form": {"token": 1}}
    assert parsed(request={"url": URL, "session": full}).request.session == Session(
        "/signin", (("username", "a"), ("passwd", "b"), ("token", "1"))
    )


def test_body_in_its_forms() -> None:
    text = parsed(request={"url": URL, "body": "hello"}).request
    assert (text.method, text.body, text.headers) == ("POST", b"hello", ())
    form = parsed(request={"url": URL, "form": {"a": "b c"}}).request
    assert (form.body, form.headers) == (b"a=b+c", (("content-type", "application/x-www-form-urlencoded"),))
    json = parsed(request={"url": URL, "body": {"a": [1]}, "headers": {"Content-Type": "x/y"}}).request
    assert (json.body, json.headers) == (b'{"a": [1]}', (("Content-Type", "x/y"),))


def test_tls(tmp_path: pathlib.Path) -> None:
    authority = Authority()
    both = authority.issue(tmp_path, "me.example").read_text()
    cert, begin, key = both.partition("-----BEGIN PRIVATE KEY-----")
    tls = {"ca": authority.pem(), "cert": cert, "key": begin + key}
    one = parsed(request={"url": "https://x/", "tls": tls})
    assert one.request.tls == Tls(authority.pem(), cert, begin + key)
    assert "PRIVATE" not in repr(one), "a key is never shown"
    assert secrets_of([check(request={"url": "https://x/", "tls": tls})]) == {begin + key}
    assert secrets_of([check(request={"url": "https://x/", "tls": {"cert": both}})]) == {both}
    assert parsed(request={"url": "https://x/"}, expect={"tls": "untrusted_ca"}).expect.tls_error == "untrusted_ca"
    assert parsed(request={"url": "tls://x:1"}, expect={"tls": {"peer": "spiffe://a"}}).expect.tls_peer == "spiffe://a"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"request": {"uri": URL}}, "request.uri is not known: did you mean url?"),
        ({"request": {"method": "GET"}}, "request.url is missing"),
        ({"request": {"url": "mybookstore.com"}}, "request.url must look like http://host/path"),
        ({"request": {"url": "ftp://x/"}}, "request.url must look like http://host/path"),
        ({"request": {"url": "http://x:99999/"}}, "request.url is not a URL"),
        ({"request": {"url": "http://ä/ü"}}, "request.url must be ASCII: write other characters percent-encoded"),
        ({"request": {"url": URL, "headers": {"ü": "a"}}}, "request.headers.ü is not a header name"),
        ({"request": {"url": URL, "headers": {"a": "€"}}}, "request.headers.a must not contain control characters"),
        ({"request": {"url": URL, "session": {"username": "a", "login": "http://["}}}, "session.login must be a path"),
        ({"request": {"url": "https://x/", "tls": {"ca": ""}}}, "request.tls.ca must be a string"),
        (
            {"request": {"url": "https://x/", "tls": {"ca": "-----BEGIN ü"}}},
            "tls.ca must be PEM text, which is",
        ),
        (
            {"request": {"url": "https://x/", "tls": {"ca": PEM}}},
            "tls.ca holds no certificate that can be read",
        ),
        (
            {"request": {"url": "https://x/", "tls": {"cert": PEM, "key": "-----BEGIN PRIVATE KEY-----"}}},
            "request.tls.cert and its key cannot be read together",
        ),
        ({"request": {"url": "http://x/a b"}}, "request.url must not contain blanks"),
        ({"request": {"url": URL, "method": "FETCH"}}, 'request.method is "FETCH"; allowed: GET, HEAD'),
        ({"request": {"url": URL, "count": 0}}, "request.count must be a number from 1 to 50000, not 0"),
        ({"request": {"url": URL, "count": 1.5}}, "request.count must be a whole number"),
        ({"request": {"url": URL, "count": True}}, "request.count must be a number"),
        ({"request": {"url": URL, "headers": ["a"]}}, "request.headers must be a mapping"),
        ({"request": {"url": URL, "headers": {"a": "b\r\nc: d"}}}, "request.headers.a must not contain a line break"),
        ({"request": {"url": URL, "headers": {"a": None}}}, "request.headers.a must be a string"),
        ({"request": {"url": URL, "body": "a", "form": {"b": "c"}}}, "request.form cannot stand beside request.body"),
        (
            {"request": {"url": URL, "session": {"user": "x"}}},
            "request.session.user is not known: did you mean username?",
        ),
        ({"request": {"url": URL, "session": {"login": "/x"}}}, "request.session.username is missing"),
        ({"request": {"url": URL, "follow_redirects": "maybe"}}, "request.follow_redirects must be true or false"),
        (
            {"request": {"url": URL, "timeout": 1}, "expect": {"latency": {"below": 2}}},
            "timeout of 1 s ends before",
        ),
        (
            {"request": {"url": "grpc://x:1/Health"}},
            "request.url must look like grpc://host:port/package.Service/Method",
        ),
        ({"request": {"url": URL, "protocol": "HTTP/3"}}, 'request.protocol is "HTTP/3"; allowed: HTTP/1.1, HTTP/2'),
        ({"request": {"url": "tcp://x/"}}, "request.url must look like tcp://host:port"),
        ({"request": {"url": "tcp://x:7"}}, "request.url begins with tcp, which has neither a status"),
        ({"request": {"url": URL, "tls": {"insecure": True}}}, "request.tls needs a URL that begins with https"),
        (
            {"request": {"url": "https://x/", "tls": {"ca": "no-such-file"}}},
            "tls.ca must be PEM text or the name",
        ),
        ({"request": {"url": "https://x/", "tls": {"cert": PEM}}}, "request.tls.key is missing"),
        ({"request": {"url": "https://x/", "tls": {"key": PEM}}}, "request.tls.key is given without request.tls.cert"),
        ({"request": {"url": "https://x/", "tls": {"ca": PEM, "insecure": True}}}, "tls.insecure cannot stand beside"),
        ({"expect": {"failures": 0}}, "expect.failures and request.stream belong together"),
        ({"request": {"url": URL, "stream": True}}, "expect.failures and request.stream belong together"),
        ({"request": {"url": URL, "connect_to": "site"}}, "request.connect_to needs a check from a workload"),
        ({"request": {"url": URL, "connect_to": "a b"}}, "request.connect_to must be the name of a workload"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, t.Any], sentence: str) -> None:
    refused([check(**changes)], sentence)
