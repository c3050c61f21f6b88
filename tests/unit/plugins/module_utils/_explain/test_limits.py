# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import Filter
from ansible_collections.mesh.workshop.plugins.module_utils._explain.limits import Caller, Limit, limits_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.routing import Routed

Json = dict[str, t.Any]

BUCKET = {"max_tokens": 10, "tokens_per_fill": 10, "fill_interval": "1s"}
ALL = {"default_value": {"numerator": 100}}
LOCAL = {"token_bucket": BUCKET, "filter_enabled": ALL, "filter_enforced": ALL}
GLOBAL = {
    "domain": "shop",
    "failure_mode_deny": True,
    "rate_limit_service": {"grpc_service": {"envoy_grpc": {"cluster_name": "limiter"}}},
}
GENERIC = {"generic_key": {"descriptor_key": "quota", "descriptor_value": "small"}}
USER = {"request_headers": {"header_name": "end-user", "descriptor_key": "user"}}


def look(
    kind: str,
    config: Json,
    host: Json | None = None,
    route: Json | None = None,
    routes: Json | None = None,
    **headers: str,
) -> list[Limit]:
    one = Filter(f"envoy.filters.http.{kind}", kind, config)
    request = request_of("http://reviews:9080/a?q=1&q=2", headers=headers.items())
    return limits_of([one], routes, Routed(host or {}, route or {}), request, Caller("10.0.0.1", "inbound|9080||"))


def test_a_proxy_counts_alone() -> None:
    (limit,) = look("local_ratelimit", LOCAL)
    assert (limit.bucket, limit.share, limit.status, limit.descriptors) == ("10 per 1 s", 1.0, 429, ())
    (limit,) = look("local_ratelimit", {**LOCAL, "token_bucket": {**BUCKET, "max_tokens": 20}, "status": {"code": 503}})
    assert (limit.bucket, limit.status) == ("10 per 1 s, at most 20 at once", 503)


@pytest.mark.parametrize("name", ["filter_enabled", "filter_enforced"])
def test_without_both_fractions_nothing_is_limited(name: str) -> None:
    (limit,) = look("local_ratelimit", {key: value for key, value in LOCAL.items() if key != name})
    assert limit.share == 0.0


def test_a_filter_that_nothing_fills_in_limits_nothing() -> None:
    assert look("local_ratelimit", {"stat_prefix": "empty"}) == []


def test_the_closest_configuration_of_a_filter_holds() -> None:
    own = {"typed_per_filter_config": {"envoy.filters.http.local_ratelimit": LOCAL}}
    other = {"typed_per_filter_config": {"envoy.filters.http.local_ratelimit": {**LOCAL, "status": {"code": 503}}}}
    assert [one.status for one in look("local_ratelimit", {}, host=own, routes=other)] == [429]
    assert [one.status for one in look("local_ratelimit", {}, host=own, route=other)] == [503]


def test_the_bucket_of_a_descriptor_comes_before_the_filters_own() -> None:
    own = {
        "entries": [{"key": "user", "value": "jason"}],
        "token_bucket": {**BUCKET, "max_tokens": 1, "tokens_per_fill": 1},
    }
    config = {**LOCAL, "descriptors": [own]}
    route = {"route": {"rate_limits": [{"actions": [USER]}]}}
    (limit,) = look("local_ratelimit", config, route=route, **{"end-user": "jason"})
    assert (limit.descriptors, limit.bucket) == ((((("user", "jason"),)),), "1 per 1 s")
    (limit,) = look("local_ratelimit", config, route=route, **{"end-user": "mary"})
    assert (limit.descriptors, limit.bucket) == ((), "10 per 1 s")
    own["entries"] = [{"key": "user"}]  # for every value
    (limit,) = look("local_ratelimit", config, route=route, **{"end-user": "mary"})
    assert limit.bucket == "1 per 1 s"


def test_a_service_is_asked_with_descriptors() -> None:
    (limit,) = look("ratelimit", GLOBAL, host={"rate_limits": [{"actions": [GENERIC, USER]}]}, **{"end-user": "jason"})
    assert limit.descriptors == ((("quota", "small"), ("user", "jason")),)
    assert (limit.service, limit.domain, limit.refuses_on_failure, limit.share) == ("limiter", "shop", True, 1.0)


def test_one_action_without_a_value_makes_no_descriptor() -> None:
    host = {"rate_limits": [{"actions": [GENERIC, USER]}, {"actions": [GENERIC]}]}
    (limit,) = look("ratelimit", GLOBAL, host=host)
    assert limit.descriptors == ((("quota", "small"),),)
    assert limit.missing == ("the header end-user is what it counts by, and the request has none",)
    skipping = {"request_headers": {**USER["request_headers"], "skip_if_absent": True}}
    (limit,) = look("ratelimit", GLOBAL, host={"rate_limits": [{"actions": [GENERIC, skipping]}]})
    assert (limit.descriptors, limit.missing) == (((("quota", "small"),),), ())


def test_a_route_with_limits_of_its_own_leaves_out_those_of_its_host() -> None:
    host = {"rate_limits": [{"actions": [GENERIC]}]}
    own = {"rate_limits": [{"actions": [{"remote_address": {}}]}]}
    (limit,) = look("ratelimit", GLOBAL, host=host, route={"route": own})
    assert limit.descriptors == ((("remote_address", "10.0.0.1"),),)
    (limit,) = look("ratelimit", GLOBAL, host=host, route={"route": {**own, "include_vh_rate_limits": True}})
    assert len(limit.descriptors) == 2


def test_other_stages_are_other_filters() -> None:
    host = {"rate_limits": [{"stage": 1, "actions": [GENERIC]}]}
    assert look("ratelimit", GLOBAL, host=host)[0].descriptors == ()
    assert look("ratelimit", {**GLOBAL, "stage": 1}, host=host)[0].descriptors


@pytest.mark.parametrize(
    ("action", "entries"),
    [
        ({"generic_key": {"descriptor_value": "x"}}, (("generic_key", "x"),)),
        ({"destination_cluster": {}}, (("destination_cluster", "inbound|9080||"),)),
        ({"query_parameters": {"query_parameter_name": "q", "descriptor_key": "q"}}, (("q", "1"),)),
        (
            {
                "header_value_match": {
                    "descriptor_value": "get",
                    "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
                }
            },
            (("header_match", "get"),),
        ),
        (
            {
                "header_value_match": {
                    "descriptor_value": "no",
                    "expect_match": False,
                    "headers": [{"name": "x", "present_match": True}],
                }
            },
            (("header_match", "no"),),
        ),
    ],
)
def test_actions(action: Json, entries: tuple[tuple[str, str], ...]) -> None:
    (limit,) = look("ratelimit", GLOBAL, host={"rate_limits": [{"actions": [action]}]})
    assert limit.descriptors == (entries,)


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ({"source_cluster": {}}, "the action source_cluster is not known here"),
        (
            {"extension": {"typed_config": {"@type": "type.googleapis.com/a.expr.v3.Descriptor"}}},
            "a.expr.v3.Descriptor",
        ),
    ],
)
def test_an_action_that_is_not_known_is_named(action: Json, named: str) -> None:
    (limit,) = look("ratelimit", GLOBAL, host={"rate_limits": [{"actions": [action]}]})
    assert limit.descriptors == ()
    assert named in limit.missing[0]
