# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.text import hops_of, outcome_of, text_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import Journey, from_workload, without_proxy
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import V1, mesh, rule_of


def walk(**parts: object) -> Journey:
    found = mesh(**parts)
    return from_workload(found, request_of("http://reviews:9080/reviews/0"), found.of("Pod")[0])


def test_each_hop_tells_what_decides() -> None:
    route = {"name": "to-v1", "match": {"prefix": "/"}, "route": {"cluster": V1, "timeout": "3s"}}
    text = text_of(walk(routes=[rule_of("reviews", route)]))
    assert text.splitlines() == [
        "GET http://reviews:9080/reviews/0 from productpage-a-b",
        "1. the caller's proxy, productpage-a-b",
        "   listener   0.0.0.0_9080, taken as HTTP (port 9080 of Service bookinfo/reviews: by its name http).",
        "   host       Virtual host reviews.bookinfo.svc.cluster.local:9080, the most specific for reviews.",
        "   route      Taken by a rule 'to-v1' of VirtualService bookinfo/reviews.",
        "   timeout    The request has 3 s.",
        "   target     subset v1 of Service bookinfo/reviews: 1 of 1 pods healthy, over mTLS.",
        "2. the callee's proxy, reviews-v1-a-b",
        "   connection mTLS on port 9080 is taken; the mode is PERMISSIVE by default.",
        "   policy     No AuthorizationPolicy holds here, so everyone is let in.",
        "Outcome: answered by the application in reviews-v1-a-b.",
    ]


def test_a_rule_that_was_passed_over_says_why() -> None:
    jason = {"prefix": "/", "headers": [{"name": "end-user", "string_match": {"exact": "jason"}}]}
    routes = [rule_of("reviews", {"match": jason, "route": {"cluster": V1}})]
    text = text_of(walk(routes=routes))
    assert (
        "Passed over a rule of VirtualService bookinfo/reviews: the header end-user has to be exactly 'jason', and the "
        "request has none." in text
    )
    assert text.endswith("Outcome: status 404 by the proxy itself, since no route takes the request.")


def test_the_same_for_machines() -> None:
    first, *_others = [hop.data() for hop in hops_of(walk())]
    assert (first["proxy"], first["role"]) == ("productpage-a-b", "caller")
    assert [one["what"] for one in first["steps"]] == ["listener", "host", "route", "target"]


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        (
            {},
            "Outcome: answered by the application in reviews-v1-a-b; or answered by the application in reviews-v2-a-b.",
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
    assert "refused by reviews-v1-a-b, which takes no plain text on port 9080" in outcome_of(journey)


def test_what_has_no_effect_is_added() -> None:
    assert "What is applied for it and has no effect:\n   X does nothing." in text_of(walk(), ["X does nothing."])
