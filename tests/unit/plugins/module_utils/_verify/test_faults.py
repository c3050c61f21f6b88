# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are wrong by themselves."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import faults_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.wording import expected_text
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.answers import (
    answer,
    check,
    error,
    record,
)


@pytest.mark.parametrize(
    ("expect", "right", "wrong"),
    [
        ({"refused": True}, "reset_before_response", "connection_refused"),
        ({"refused": True}, "reset_before_response", "timeout_response"),
        ({"refused": True}, "reset_before_response", "dns_failure"),
        ({"refused": True}, "reset_before_response", "partial_response"),
        ({"no_listener": True}, "connection_refused", "reset_before_response"),
        ({"no_listener": True}, "connection_refused", "unreachable"),
    ],
)
def test_failures_are_not_mixed_up(expect: dict[str, t.Any], right: str, wrong: str) -> None:
    assert faults_of(check(expect).expect, error(right)) == []
    assert faults_of(check(expect).expect, error(wrong)) != []
    assert faults_of(check(expect).expect, answer()) == ["status 200"]


def test_an_error_is_wrong_wherever_an_answer_is_expected() -> None:
    assert faults_of(check({"status": 200}).expect, error("timeout_response")) == ["no answer in time"]
    assert faults_of(check({"served_by": {"v1": 100}}).expect, error("new_kind")) == ["new_kind"]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"contains": "begin"}, []),
        ({"matches": "^beg"}, []),
        ({"contains": "end"}, ["the body is longer than the 64 KB that are kept"]),
        ({"matches": "end$"}, ["the body is longer than the 64 KB that are kept"]),
        ({"lacks": "end"}, ["the body is longer than the 64 KB that are kept"]),
        ({"equals": "beginning"}, ["the body is longer than the 64 KB that are kept"]),
        ({"lacks": "begin"}, ["body contains 'begin'"]),
    ],
)
def test_the_rest_of_a_body_that_is_cut_is_not_known(body: dict[str, t.Any], faults: list[str]) -> None:
    assert faults_of(check({"body": body}).expect, answer(body="beginning", truncated=True)) == faults


def test_peer() -> None:
    one = check({"tls": {"peer": "spiffe://a"}}, request={"url": "https://x/"})
    assert faults_of(one.expect, answer(peer=["spiffe://a"])) == []
    assert faults_of(one.expect, answer(peer=["spiffe://b"])) == ["peer spiffe://b"]
    assert faults_of(one.expect, answer()) == ["peer without a URI"]


@pytest.mark.parametrize(
    ("records", "faults"),
    [
        (("PassthroughCluster",), []),
        (("inbound|9080||", "PassthroughCluster"), []),
        (("PassthroughCluster", "outbound|80||site.example"), ["cluster is 'outbound|80||site.example'"]),
        (("",), ["cluster is 'none'"]),
        ((), ["cluster is missing"]),
    ],
)
def test_cluster_that_the_proxy_of_the_caller_has_chosen(records: tuple[str, ...], faults: list[str]) -> None:
    one = check({"status": 200, "upstream_cluster": "PassthroughCluster"})
    seen = answer(records=tuple(record(cluster) for cluster in records))
    assert faults_of(one.expect, seen) == faults
    assert expected_text(one) == "status 200, cluster 'PassthroughCluster'"
    other = check({"upstream_cluster": {"lacks": "elsewhere"}}).expect
    assert faults_of(other, seen) == ([] if records else ["cluster is missing"])


def test_what_the_caller_s_proxy_logs() -> None:
    one = check({"status": [200, 500], "logged": 500}).expect
    assert faults_of(one, answer(500, logged=True)) == faults_of(one, answer(200, logged=False)) == []
    assert faults_of(one, answer(200, logged=True)) == ["status 200 is logged"]
    assert faults_of(one, answer(500, logged=False)) == ["status 500 is not logged"]
    assert faults_of(one, answer(500)) == [], "nobody has looked"
    assert faults_of(one, error("timeout_response")) == ["no answer in time"]
