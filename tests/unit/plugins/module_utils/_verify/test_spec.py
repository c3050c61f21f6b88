# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import (
    Attempts,
    Check,
    CheckError,
    Session,
    Text,
    Tls,
    parse_checks,
    secrets_of,
)

PEM = "-----BEGIN CERTIFICATE-----"
URL = "http://mybookstore.com/productpage"


def check(**changes: t.Any) -> dict[str, t.Any]:
    """A check that is right, with changes."""
    return {"name": "c", "request": {"url": URL}, "expect": {"status": 200}, **changes}


def parsed(**changes: t.Any) -> Check:
    return parse_checks([check(**changes)])[0]


def test_defaults() -> None:
    one = parse_checks([{"request": {"url": URL}, "expect": {"status": 200}}], default_namespace="bookinfo")[0]
    assert one.name == f"GET {URL} from host"
    assert (one.source, one.namespace, one.deadline, one.consecutive) == ("host", "bookinfo", 60.0, 3)
    assert (one.request.method, one.request.count, one.request.concurrency) == ("GET", None, 8)
    assert one.expect.status == (200,)


def test_nothing_to_check_is_no_error() -> None:
    assert parse_checks(None) == []


def test_metadata_is_carried() -> None:
    one = parsed(control=True, fails_in={"stage": "all_v1"})
    assert one.control
    assert one.fails_in == {"stage": "all_v1"}


def test_shares() -> None:
    assert parsed(expect={"served_by": {"v1": 95, "v3": 5}}).expect.served_by == (("v1", 0.95), ("v3", 0.05))
    shared = parsed(expect={"status": {200: 90, "500": 10}}).expect
    assert (shared.status, shared.status_shares) == ((), (("200", 0.9), ("500", 0.1)))
    assert parsed(expect={"status": {200: 100}}).expect.status == (200,)


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


def test_texts() -> None:
    expect = parsed(
        expect={"body": {"contains": "a", "lacks": ["b", "c"]}, "headers": {"Server": "x", "via": {"present": False}}}
    ).expect
    assert expect.body == Text(contains=("a",), lacks=("b", "c"))
    assert expect.headers == (("server", Text(equals="x")), ("via", Text(present=False)))


def test_a_long_latency_gets_a_longer_timeout() -> None:
    assert parsed(expect={"latency": {"below": 30}}).request.timeout > 30


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"expcet": {}}, "Check 'c': expcet is not known: did you mean expect? allowed here: name, from"),
        ({"expect": {"staus": 200}}, "expect.staus is not known: did you mean status?"),
        ({"expect": {}}, "expect is empty: give at least one of status"),
        ({"expect": None}, "expect is missing"),
        ({"expect": [200]}, "expect must be a mapping with any of"),
        ({"request": None}, "request is missing"),
        ({"request": {"uri": URL}}, "request.uri is not known: did you mean url?"),
        ({"request": {"method": "GET"}}, "request.url is missing"),
        ({"request": {"url": "mybookstore.com"}}, "request.url must look like http://host/path"),
        ({"request": {"url": "ftp://x/"}}, "request.url must look like http://host/path"),
        ({"request": {"url": "http://x:99999/"}}, "request.url is not a URL"),
        ({"request": {"url": "http://x/a b"}}, "request.url must not contain blanks"),
        ({"request": {"url": URL, "method": "FETCH"}}, 'request.method is "FETCH"; allowed: GET, HEAD'),
        ({"request": {"url": URL, "count": 0}}, "request.count must be a number from 1 to 50000, not 0"),
        ({"request": {"url": URL, "count": 1.5}}, "request.count must be a whole number"),
        ({"request": {"url": URL, "count": True}}, "request.count must be a number"),
        ({"request": {"url": URL, "headers": ["a"]}}, "request.headers must be a mapping"),
        ({"request": {"url": URL, "headers": {"a": "b\r\nc: d"}}}, "request.headers.a must not contain a line break"),
        ({"request": {"url": URL, "headers": {"a": None}}}, "request.headers.a must be a text"),
        ({"request": {"url": URL, "body": "a", "form": {"b": "c"}}}, "request.form cannot stand beside request.body"),
        (
            {"request": {"url": URL, "session": {"user": "x"}}},
            "request.session.user is not known: did you mean username?",
        ),
        ({"request": {"url": URL, "session": {"login": "/x"}}}, "request.session.username is missing"),
        ({"request": {"url": URL, "follow_redirects": "maybe"}}, "request.follow_redirects must be true or false"),
        ({"expect": {"status": 99}}, "expect.status must be made of HTTP codes from 100 to 599, not 99"),
        ({"expect": {"status": []}}, "expect.status is an empty list"),
        ({"expect": {"status": {200: 90}}}, "expect.status must total 100 percent, not 90"),
        ({"expect": {"served_by": {"v1": 90, "v2": 5}}}, "expect.served_by must total 100 percent, not 95"),
        ({"expect": {"served_by": "v1"}}, "expect.served_by must be a mapping of shares"),
        ({"expect": {"served_by": {"v1": "most"}}}, "expect.served_by.v1 must be a number from 0 to 100"),
        ({"expect": {"body": {"contain": "x"}}}, "expect.body.contain is not known: did you mean contains?"),
        ({"expect": {"body": {}}}, "expect.body is empty"),
        ({"expect": {"body": {"contains": []}}}, "expect.body.contains must be a text or a list of texts"),
        ({"expect": {"body": {"matches": "("}}}, "expect.body.matches is not a regular expression"),
        ({"expect": {"headers": {}}}, "expect.headers must be a mapping of header names"),
        ({"expect": {"headers": {"a": None}}}, "expect.headers.a must be a text or a mapping"),
        ({"expect": {"latency": {}}}, "expect.latency is empty"),
        (
            {"expect": {"latency": {"above": 2, "below": 1}}},
            "latency.above is greater than expect.latency.below",
        ),
        (
            {"request": {"url": URL, "timeout": 1}, "expect": {"latency": {"below": 2}}},
            "timeout of 1 s ends before",
        ),
        ({"expect": {"refused": True, "status": 200}}, "expect.refused means that no answer comes"),
        (
            {"expect": {"trace_share": 50, "served_by": {"v1": 100}}},
            "Check 'c': expect asks for traces, and for what access logs tell: make two checks of it",
        ),
        ({"expect": {"trace": ["a"], "callee": "b", "attempts": 1}}, "expect asks for traces"),
        (
            {"from": "a", "request": {"url": "tcp://x:1"}, "expect": {"refused": True}},
            "expect.refused cannot be told from a workload for what is no plain HTTP: its own sidecar",
        ),
        (
            {"from": "a", "request": {"url": "https://x/"}, "expect": {"refused": True}},
            "expect.refused cannot be told from a workload",
        ),
        ({"expect": {"attempts": 1}}, "expect.callee is missing: from the host, attempts needs the name"),
        ({"expect": {"mirrored": {"v2": 0}}}, "expect.callee is missing: from the host, mirrored needs the name"),
        ({"expect": {"refused": False}}, "expect.refused can only be true"),
        ({"expect": {"refused": True, "no_listener": True}}, "expect.no_listener cannot stand beside expect.refused"),
        ({"from": "Product Page"}, "from must be host, no_sidecar or the name of a workload"),
        ({"deadline": -1}, "deadline must be a number from 0 to 3600"),
        ({"name": ["x"]}, "Check 1: name must be a text"),
        ({"expect": {"grpc_status": "OK"}}, "expect.grpc_status needs a URL that begins with grpc"),
        ({"expect": {"grpc_status": "FINE"}}, 'expect.grpc_status is "FINE"; allowed: 0 to 16, or OK, CANCELLED'),
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
        ({"expect": {"tls": "untrusted_ca"}}, "expect.tls needs a URL that begins with https"),
        ({"expect": {"tls": "wrong_ca"}}, 'expect.tls is "wrong_ca"; allowed: untrusted_ca, certificate_required'),
        ({"expect": {"tls": {}}}, "expect.tls needs one of error and peer"),
        (
            {"request": {"url": "https://x/"}, "expect": {"tls": "expired", "status": 200}},
            "means that no answer",
        ),
        ({"expect": {"callee": "reviews", "status": 200}}, "expect.callee is the service that served_by, attempts and"),
        ({"expect": {"failures": 0}}, "expect.failures and request.stream belong together"),
        ({"request": {"url": URL, "stream": True}}, "expect.failures and request.stream belong together"),
        ({"expect": {"admitted": 5000}}, "expect.admitted.count must be a number from 1 to 1500"),
        ({"expect": {"admitted": 1000}}, "expect.admitted.count is more than 250 a second"),
        ({"expect": {"admitted": {"seconds": 1}}}, "expect.admitted.count is missing"),
        ({"expect": {"attempts": {}}}, "expect.attempts is empty"),
        ({"expect": {"some": {"percent": 10}}}, "expect.some.status is missing"),
        ({"expect": {"some": {"status": 99}}}, "expect.some.status must be made of HTTP codes"),
        ({"expect": {"some": {"status": 503, "precent": 1}}}, "did you mean percent?"),
        ({"expect": {"upstream_cluster": "x"}}, "expect.upstream_cluster needs a check from a workload"),
        ({"from": "a", "expect": {"upstream_cluster": {}}}, "expect.upstream_cluster is empty"),
        ({"request": {"url": URL, "connect_to": "site"}}, "request.connect_to needs a check from a workload"),
        ({"request": {"url": URL, "connect_to": "a b"}}, "request.connect_to must be the name of a workload"),
        ({"expect": {"attempts": 1.5}}, "expect.attempts must be a whole number"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(CheckError) as caught:
        parse_checks([check(**changes)])
    text = str(caught.value)
    assert sentence in text
    assert text.startswith("Check ")
    assert text.endswith(".")
    assert "\n" not in text


def test_input_that_is_no_list() -> None:
    with pytest.raises(CheckError, match="must be a list of mappings"):
        parse_checks({"name": "x"})
    with pytest.raises(CheckError, match="Check 1 must be a mapping"):
        parse_checks(["x"])


def test_names_are_unique() -> None:
    with pytest.raises(CheckError, match="Check 2 has the name 'c' of check 1"):
        parse_checks([check(), check()])


def test_secrets_are_those_of_checks_marked_no_log() -> None:
    request = {"url": URL, "headers": {"authorization": "Bearer abc"}, "body": {"pin": "1234"}, "session": "jason"}
    assert secrets_of([check(request=request)]) == set()
    assert secrets_of([check(request=request, no_log=True)]) == {"Bearer abc", "1234", "jason"}
    wrong = {
        "name": "w",
        "no_log": True,
        "request": {"headers": {"authorization": "Bearer abc"}, "session": {"password": "pw1"}},
    }
    assert secrets_of([wrong, "nonsense", {"request": None}]) == {"Bearer abc", "pw1"}, (
        "a wrong check keeps its secrets too"
    )
    request = {"url": "http://x/?token=q123&page=1", "headers": {"x-pin": 4711}}
    assert secrets_of([check(request=request, no_log=True)]) == {"q123", "4711", "token=q123&page=1"}


def test_tls() -> None:
    tls = {"ca": PEM, "cert": PEM, "key": "-----BEGIN PRIVATE KEY-----"}
    one = parsed(request={"url": "https://x/", "tls": tls})
    assert one.request.tls == Tls(PEM, PEM, "-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in repr(one), "a key is never shown"
    assert secrets_of([check(request={"url": "https://x/", "tls": tls})]) == {"-----BEGIN PRIVATE KEY-----"}
    both = f"{PEM}-----BEGIN PRIVATE KEY-----"
    assert secrets_of([check(request={"url": "https://x/", "tls": {"cert": both}})]) == {both}
    assert parsed(request={"url": "https://x/"}, expect={"tls": "untrusted_ca"}).expect.tls_error == "untrusted_ca"
    assert parsed(request={"url": "tls://x:1"}, expect={"tls": {"peer": "spiffe://a"}}).expect.tls_peer == "spiffe://a"


def test_where_a_refusal_can_be_told() -> None:
    for source, url in (("a", URL), ("no_sidecar", "tcp://x:1"), ("host", "https://x/")):
        assert parsed(**{"from": source}, request={"url": url}, expect={"refused": True}).expect.refused


def test_what_the_proxies_saw() -> None:
    assert parsed(expect={"attempts": 1, "callee": "ratings"}).expect.attempts == Attempts(each=1)
    assert parsed(expect={"attempts": {"above": 1}, "callee": "ratings"}).expect.attempts == Attempts(above=1)
    assert parsed(expect={"mirrored": {"v3": 50}}, **{"from": "productpage"}).expect.mirrored == (("v3", 0.5),)
