# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.journey import Journey
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.text import WIDTH, hops_of, text_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import from_workload, without_proxy
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    V1,
    mesh,
    record,
    rule_of,
)


def flat(journey: Journey) -> str:
    """The text without its line breaks."""
    return " ".join(text_of(journey).split())


def walk(**parts: object) -> Journey:
    found = mesh(**parts)
    return from_workload(found, request_of("http://reviews:9080/reviews/0"), found.of("Pod")[0])


def test_each_hop_tells_what_decides() -> None:
    route = {"name": "to-v1", "match": {"prefix": "/"}, "route": {"cluster": V1, "timeout": "3s"}}
    assert text_of(walk(routes=[rule_of("reviews", route)])).splitlines() == [
        "GET http://reviews:9080/reviews/0 from productpage-a-b",
        "1. the caller's proxy, productpage-a-b",
        "   listener   0.0.0.0_9080, taken as HTTP (port 9080 of Service bookinfo/reviews: by its name http).",
        "   host       Virtual host reviews.bookinfo.svc.cluster.local:9080, the most specific for reviews.",
        "   route      Taken by a rule 'to-v1' of VirtualService bookinfo/reviews.",
        "              To change it: spec.http of VirtualService bookinfo/reviews.",
        "   timeout    The request has 3 s.",
        "              To change it: spec.http.timeout of VirtualService bookinfo/reviews.",
        "   target     subset v1 of Service bookinfo/reviews: 1 of 1 pods healthy, over mTLS.",
        "2. the callee's proxy, reviews-v1-a-b",
        "   connection mTLS on port 9080 is taken; the mode is PERMISSIVE by default.",
        "              To change it: a PeerAuthentication with another mode.",
        "   policy     No AuthorizationPolicy holds here, so everyone is let in.",
        "              To change it: an AuthorizationPolicy: ALLOW for those who may, or DENY for those who",
        "                may not.",
        "Outcome: answered by the application in reviews-v1-a-b.",
    ]


def test_no_line_is_wider_than_a_projector_shows() -> None:
    jason = {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": "jason " * 30}}]}
    text = text_of(walk(routes=[rule_of("reviews", {"match": jason, "route": {"cluster": V1}})]), ["word " * 50])
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_callees_at_which_the_same_is_decided_are_one() -> None:
    text = text_of(walk())
    assert "2. the callees' proxies, reviews-v1-a-b and reviews-v2-a-b" in text
    assert "3. " not in text


def test_the_rule_of_a_virtual_service_is_named_by_its_place() -> None:
    jason = {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": "jason"}}]}
    routes = [
        rule_of("reviews", {"match": jason, "route": {"cluster": V1}}),
        rule_of("reviews", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}),
    ]
    rule = {
        "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {"http": [{"match": [{"headers": {"end-user": {"exact": "jason"}}}]}, {}]},
    }
    text = flat(walk(routes=routes, VirtualService=[rule]))
    assert "To change it: spec.http[1] of VirtualService bookinfo/reviews." in text
    # Which routes istiod makes for this proxy of matches that are bound to something is not known here.
    rule["spec"]["http"][0]["match"][0]["sourceLabels"] = {"app": "productpage"}
    assert "To change it: spec.http of VirtualService bookinfo/reviews." in flat(
        walk(routes=routes, VirtualService=[rule])
    )


def test_a_rule_that_was_passed_over_says_why() -> None:
    jason = {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": "jason"}}]}
    text = flat(walk(routes=[rule_of("reviews", {"match": jason, "route": {"cluster": V1}})]))
    assert (
        "Passed over a rule of VirtualService bookinfo/reviews: the header end-user has to be exactly 'jason', and the "
        "request has none." in text
    )
    assert text.endswith("Outcome: status 404 by the proxy itself, since no route takes the request.")


def test_the_same_for_machines() -> None:
    first, *_others = [hop.data() for hop in hops_of(walk())]
    assert (first["proxy"], first["role"]) == ("productpage-a-b", "caller")
    assert [one["what"] for one in first["steps"]] == ["listener", "host", "route", "target"]
    assert first["steps"][2]["change"] == "a VirtualService for reviews."


def test_what_a_proxy_wrote_about_the_request_stands_at_its_hop() -> None:
    busy = record("productpage-a-b", 503, "UO", REVIEWS)
    other = record("productpage-a-b", 200, "", "outbound|9080||details.bookinfo.svc.cluster.local")
    callee = record("reviews-v2-a-b", 200, "", "inbound|9080||")
    caller, one, two = [
        [step.sentence for step in hop.steps if step.what == "answered"]
        for hop in hops_of(walk(), [busy, busy, other, callee])
    ]
    assert caller == ["Status 503 after 3 ms (UO, a circuit breaker is full)."]
    assert (one, two) == ([], ["Status 200 after 3 ms."])


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        (
            {},
            "Outcome: answered by the application in reviews-v1-a-b or reviews-v2-a-b.",
        ),
        (
            {"routes": [{"match": {"prefix": "/"}, "route": {"cluster": V1.replace("v1", "v9")}}]},
            "Outcome: status 503, since there is no pod behind subset v9 of Service bookinfo/reviews.",
        ),
        (
            {"routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 502}}]},
            "Outcome: status 502 by the proxy itself: the mesh does not know this host and port.",
        ),
    ],
)
def test_outcomes(parts: dict[str, object], outcome: str) -> None:
    assert outcome_of(walk(**parts)) == outcome


def test_plain_text_is_refused_under_strict_mtls() -> None:
    journey = without_proxy(mesh(strict=True), request_of("http://reviews.bookinfo:9080/"), "default")
    assert "refused by reviews-v1-a-b or reviews-v2-a-b, which takes no plain text on port 9080" in outcome_of(journey)


def test_what_has_no_effect_is_added() -> None:
    assert "What is applied for it and has no effect:\n   X does nothing." in text_of(walk(), ["X does nothing."])


FILTERS = "envoy.extensions.filters.http"


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            [{"name": "x.new", "typed_config": {"@type": f"x/{FILTERS}.new_one.v3.New"}}],
            "x.new (new_one): what it does is not known here; it may answer or change the request.",
        ),
        (
            [
                {
                    "name": "envoy.filters.http.local_ratelimit",
                    "typed_config": {
                        "token_bucket": {"max_tokens": 10, "tokens_per_fill": 10, "fill_interval": "1s"},
                        "filter_enabled": {"default_value": {"numerator": 100}},
                        "filter_enforced": {"default_value": {"numerator": 100}},
                    },
                }
            ],
            "The proxy alone lets 10 per 1 s through; more are answered 429.",
        ),
        (
            [{"name": "envoy.filters.http.ratelimit", "typed_config": {"domain": "shop"}}],
            "The rate limit service is not asked. No route or virtual host has rate_limits.",
        ),
    ],
)
def test_filters_of_the_callee(filters: list[dict[str, object]], said: str) -> None:
    assert said in flat(walk(filters=filters))


def test_a_rate_limit_makes_the_outcome_depend() -> None:
    limit = {
        "token_bucket": {"max_tokens": 1},
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 100}},
    }
    journey = walk(filters=[{"name": "envoy.filters.http.local_ratelimit", "typed_config": limit}])
    assert outcome_of(journey).endswith("reviews-v1-a-b or reviews-v2-a-b, as long as a rate limit lets it through.")
