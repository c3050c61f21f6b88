# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec.types import Attempts, Text
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.spec.making import (
    URL,
    check,
    parsed,
    refused,
)


def test_shares() -> None:
    assert parsed(expect={"served_by": {"v1": 95, "v3": 5}}).expect.served_by == (("v1", 0.95), ("v3", 0.05))
    shared = parsed(expect={"status": {200: 90, "500": 10}}).expect
    assert (shared.status, shared.status_shares) == ((), (("200", 0.9), ("500", 0.1)))
    assert parsed(expect={"status": {200: 100}}).expect.status == (200,)


def test_texts() -> None:
    expect = parsed(
        expect={"body": {"contains": "a", "lacks": ["b", "c"]}, "headers": {"Server": "x", "via": {"present": False}}}
    ).expect
    assert expect.body == Text(contains=("a",), lacks=("b", "c"))
    assert expect.headers == (("server", Text(equals="x")), ("via", Text(present=False)))


def test_a_long_latency_gets_a_longer_timeout() -> None:
    assert parsed(expect={"latency": {"below": 30}}).request.timeout > 30


def test_where_a_refusal_can_be_told() -> None:
    for source, url in (("a", URL), ("no_sidecar", "tcp://x:1"), ("host", "https://x/")):
        assert parsed(**{"from": source}, request={"url": url}, expect={"refused": True}).expect.refused


def test_what_the_proxies_saw() -> None:
    assert parsed(expect={"attempts": 1, "callee": "ratings"}).expect.attempts == Attempts(each=1)
    assert parsed(expect={"attempts": {"above": 1}, "callee": "ratings"}).expect.attempts == Attempts(above=1)
    assert parsed(expect={"mirrored": {"v3": 50}}, **{"from": "productpage"}).expect.mirrored == (("v3", 0.5),)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"expect": {"staus": 200}}, "expect.staus is not known: did you mean status?"),
        ({"expect": {}}, "expect is empty: give at least one of status"),
        ({"expect": [200]}, "expect must be a mapping with any of"),
        ({"expect": {"status": 99}}, "expect.status must be made of HTTP codes from 100 to 599, not 99"),
        ({"expect": {"status": []}}, "expect.status is an empty list"),
        ({"expect": {"status": {200: 90}}}, "expect.status must total 100 percent, not 90"),
        ({"expect": {"served_by": {"v1": 90, "v2": 5}}}, "expect.served_by must total 100 percent, not 95"),
        ({"expect": {"served_by": "v1"}}, "expect.served_by must be a mapping of shares"),
        ({"expect": {"served_by": {"v1": "most"}}}, "expect.served_by.v1 must be a number from 0 to 100"),
        ({"expect": {"body": {"contain": "x"}}}, "expect.body.contain is not known: did you mean contains?"),
        ({"expect": {"body": {}}}, "expect.body is empty"),
        ({"expect": {"body": {"contains": []}}}, "expect.body.contains must be a string or a list of strings"),
        ({"expect": {"body": {"matches": "("}}}, "expect.body.matches is not a regular expression"),
        ({"expect": {"headers": {}}}, "expect.headers must be a mapping of header names"),
        ({"expect": {"headers": {"a": None}}}, "expect.headers.a must be a string or a mapping"),
        ({"expect": {"latency": {}}}, "expect.latency is empty"),
        (
            {"expect": {"latency": {"above": 2, "below": 1}}},
            "latency.above is greater than expect.latency.below",
        ),
        ({"expect": {"refused": True, "status": 200}}, "expect.refused means that no answer comes"),
        (
            {"expect": {"trace_share": 50, "served_by": {"v1": 100}}},
            "Check 'c': expect asks for traces and for evidence from access logs: make two checks of it",
        ),
        ({"expect": {"metric": {"above": 1}}}, "expect.metric.query is missing: the PromQL that gives one number"),
        (
            {"expect": {"metric": {"query": "a"}}},
            "expect.metric needs one of: each (by how much it grows with a request)",
        ),
        ({"expect": {"metric": {"query": "a", "each": 1, "below": 2}}}, "expect.metric needs one of: each"),
        ({"expect": {"metric": {"query": "a", "each": 1.5}}}, "expect.metric.each must be a whole number"),
        ({"expect": {"metric": {"query": "a", "share": 101}}}, "expect.metric.share must be a number from 0 to 100"),
        (
            {"expect": {"metric": {"query": "a", "above": 2, "below": 1}}},
            "metric.above is greater than expect.metric.below",
        ),
        ({"expect": {"metric": {"query": "a", "abvoe": 2}}}, "expect.metric.abvoe is not known: did you mean above?"),
        (
            {"expect": {"metric": {"query": "a", "each": 1}, "trace_share": 1}},
            "expect.metric cannot stand beside shares",
        ),
        ({"expect": {"metric": {"query": "a", "each": 1}, "status": {200: 50, 500: 50}}}, "expect.metric cannot stand"),
        ({"expect": {"metric": {"query": "a", "each": 1}, "admitted": 10}}, "expect.metric cannot stand beside shares"),
        (
            {"from": "b", "expect": {"metric": {"query": "a", "each": 1}, "served_by": {"v1": 100}}},
            "expect.metric cannot stand beside shares, quotas, streams, traces and evidence from access logs",
        ),
        ({"expect": {"metric": {"query": "a", "each": 1}, "refused": True}}, "expect.refused means that no answer"),
        ({"expect": {"trace": ["a"], "callee": "b", "attempts": 1}}, "expect asks for traces"),
        ({"from": "a", "expect": {"status": [200, 500], "logged": []}}, "expect.logged is an empty list"),
        ({"from": "a", "expect": {"status": [200], "logged": "5xx"}}, "expect.logged must be made of HTTP codes"),
        ({"from": "a", "expect": {"logged": 500}}, "expect.status must list what expect.logged has and at least one"),
        ({"from": "a", "expect": {"status": 500, "logged": 500}}, "expect.status must list what expect.logged has"),
        ({"from": "a", "expect": {"status": [200, 404], "logged": 500}}, "expect.status must list what expect.logged"),
        (
            {"from": "a", "expect": {"status": [200, 500], "logged": 500, "attempts": 1}},
            "expect.logged cannot stand beside quotas and other evidence from access logs",
        ),
        ({"expect": {"status": [200, 500], "logged": 500}}, "expect.logged needs a check from a workload"),
        (
            {"from": "no_sidecar", "expect": {"status": [200, 500], "logged": 500}},
            "expect.logged needs a check from a workload: it is about the log of the caller's proxy",
        ),
        (
            {"from": "a", "expect": {"status": [200, 500], "logged": 500, "metric": {"query": "a", "each": 1}}},
            "expect.metric cannot stand beside",
        ),
        (
            {"from": "a", "request": {"url": "tcp://x:1"}, "expect": {"refused": True}},
            "expect.refused cannot be told from a workload for what is not plain HTTP: its own sidecar",
        ),
        (
            {"from": "a", "request": {"url": "https://x/"}, "expect": {"refused": True}},
            "expect.refused cannot be told from a workload",
        ),
        ({"expect": {"attempts": 1}}, "expect.callee is missing: from the host, attempts needs the name"),
        ({"expect": {"mirrored": {"v2": 0}}}, "expect.callee is missing: from the host, mirrored needs the name"),
        ({"expect": {"refused": False}}, "expect.refused can only be true"),
        ({"expect": {"refused": True, "no_listener": True}}, "expect.no_listener cannot stand beside expect.refused"),
        ({"expect": {"grpc_status": "OK"}}, "expect.grpc_status needs a URL that begins with grpc"),
        ({"expect": {"grpc_status": "FINE"}}, 'expect.grpc_status is "FINE"; allowed: 0 to 16, or OK, CANCELLED'),
        ({"expect": {"tls": "untrusted_ca"}}, "expect.tls needs a URL that begins with https"),
        ({"expect": {"tls": "wrong_ca"}}, 'expect.tls is "wrong_ca"; allowed: untrusted_ca, certificate_required'),
        ({"expect": {"tls": {}}}, "expect.tls needs one of error and peer"),
        (
            {"request": {"url": "https://x/"}, "expect": {"tls": "expired", "status": 200}},
            "means that no answer",
        ),
        ({"expect": {"callee": "reviews", "status": 200}}, "expect.callee is the service that served_by, attempts and"),
        ({"expect": {"admitted": 5000}}, "expect.admitted.count must be a number from 1 to 1500"),
        ({"expect": {"admitted": 1000}}, "expect.admitted.count is more than 250 a second"),
        ({"expect": {"admitted": {"seconds": 1}}}, "expect.admitted.count is missing"),
        ({"expect": {"attempts": {}}}, "expect.attempts is empty"),
        ({"expect": {"some": {"percent": 10}}}, "expect.some.status is missing"),
        ({"expect": {"some": {"status": 99}}}, "expect.some.status must be made of HTTP codes"),
        ({"expect": {"some": {"status": 503, "precent": 1}}}, "did you mean percent?"),
        ({"expect": {"upstream_cluster": "x"}}, "expect.upstream_cluster needs a check from a workload"),
        ({"from": "a", "expect": {"upstream_cluster": {}}}, "expect.upstream_cluster is empty"),
        ({"expect": {"attempts": 1.5}}, "expect.attempts must be a whole number"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, t.Any], sentence: str) -> None:
    refused([check(**changes)], sentence)
