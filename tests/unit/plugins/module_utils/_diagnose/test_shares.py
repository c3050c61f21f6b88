# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares that are not as expected are traced to weights, or to there being none."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    PAGE,
    Json,
    pod,
    said,
    sentence,
    thing,
    world,
)

CANARY = {
    "expected_versions": ("v1", "v3"),
    "expected_shares": (("v1", 0.95), ("v3", 0.05)),
    "observed_shares": (("v1", 0.9), ("v3", 0.1)),
    "shares_are_wrong": True,
    "answered_by": frozenset(("reviews-v1-x", "reviews-v3-x")),
}
INSIDE = {"source": "productpage", "url": "http://reviews:9080/reviews/0", "answered_by": frozenset()}


def rule(*targets: tuple[str | None, int | None], **parts: t.Any) -> Json:
    """A route to versions of reviews with weights."""
    return {
        "route": [
            {"destination": {"host": "reviews", **({"subset": subset} if subset else {})}}
            | ({} if weight is None else {"weight": weight})
            for subset, weight in targets
        ],
        **parts,
    }


def shifted(*http: Json) -> dict[str, list[Json]]:
    """Three versions of reviews, and what their VirtualService says."""
    objects = world()
    versions = ("v1", "v2", "v3")
    subsets = [{"name": one, "labels": {"version": one}} for one in versions]
    objects["DestinationRule"] = [thing("reviews", spec={"host": "reviews", "subsets": subsets})]
    objects["Pod"] += [pod(f"reviews-{one}-x", app="reviews", version=one) for one in versions[1:]]
    objects["Service"].append(thing("reviews-v1", spec={"selector": {"app": "reviews", "version": "v1"}}))
    objects["VirtualService"][1]["spec"]["http"] = list(http)
    if not http:
        del objects["VirtualService"][1]
    return objects


def wrong(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> Diagnosis:
    found = said(objects, *seen, **{**CANARY, **parts})
    assert found
    return found


@pytest.mark.parametrize("where", [{}, INSIDE, {"callee": "reviews"}])
def test_wrong_weights_are_named_with_the_right_ones(where: Json) -> None:
    found = wrong(shifted(rule(("v1", 90), ("v3", 10))), **where)
    assert found.sentence == (
        "VirtualService bookinfo/reviews sends 90 % to v1 and 10 % to v3; the check expects 95 and 5."
    )
    assert found.remedy == "Correct the weights: v1 95, v3 5."
    path = "/spec/http/0/route/%d/weight"
    operations = [{"op": "add", "path": path % n, "value": weight} for n, weight in enumerate((95, 5))]
    assert found.change == (
        f"kubectl -n bookinfo patch virtualservice reviews --type=json -p '{json.dumps(operations)}'"
    )


def test_weights_of_other_versions_are_not_made_up() -> None:
    found = wrong(shifted(rule(("v1", 90), ("v2", 10))))
    assert found.remedy == "Correct the weights: v1 95, v3 5."
    assert found.change == ""


def test_everything_to_one_version_is_a_matter_of_weights_too() -> None:
    found = wrong(shifted(rule(("v1", None))), answered_by=frozenset(("reviews-v1-x",)))
    assert "sends 100 % to v1 and 0 % to v3; the check expects 95 and 5." in found.sentence


def test_a_version_too_many_is_named() -> None:
    found = wrong(shifted(rule(("v1", 90), ("v3", 5), ("v2", 5))))
    assert "sends 90 % to v1, 5 % to v3 and 5 % to v2; the check expects 95, 5 and 0." in found.sentence


def test_a_version_that_should_get_nothing_gets_it_by_its_weight() -> None:
    complete = {"expected_versions": ("v3",), "expected_shares": (("v3", 1.0),), "shares_are_wrong": False}
    half = shifted(rule(("v1", 50), ("v3", 50)))
    found = wrong(half, PAGE, served=("v1",), **complete)
    assert "sends 50 % to v3 and 50 % to v1; the check expects 100 and 0." in found.sentence
    by_match = shifted(rule(("v3", None), match=[{"headers": {"x": {"exact": "y"}}}]), rule(("v1", 50), ("v2", 50)))
    assert "its matches or weights" in wrong(by_match, PAGE, served=("v1",), **complete).sentence


def test_versions_may_be_services_of_their_own() -> None:
    objects = shifted(rule(("v1", 90)))
    objects["Service"].append(thing("reviews-v3", spec={"selector": {"app": "reviews", "version": "v3"}}))
    objects["VirtualService"][1]["spec"]["http"] = [
        {
            "route": [
                {"destination": {"host": "reviews-v1"}, "weight": 9},
                {"destination": {"host": "reviews-v3"}, "weight": 1},
            ]
        }
    ]
    assert "sends 90 % to v1 and 10 % to v3" in wrong(objects).sentence


def test_the_rule_that_comes_closest_to_what_was_seen_is_compared() -> None:
    match = [{"headers": {"end-user": {"exact": "jason"}}}]
    found = wrong(shifted(rule(("v2", None), match=match), rule(("v1", 90), ("v3", 10))))
    assert "sends 90 % to v1 and 10 % to v3" in found.sentence


def test_where_nothing_splits_the_number_of_pods_does() -> None:
    found = wrong(shifted())
    assert found.sentence == (
        "No VirtualService splits reviews by version, so the shares come from the number of pods (v1 1, v2 1, v3 1)."
    )
    assert "weights v1 95, v3 5" in found.remedy
    plain = wrong(shifted(rule((None, None))))
    assert plain.sentence.startswith("VirtualService bookinfo/reviews does not split reviews by version, so")


@pytest.mark.parametrize("parts", [{"exportTo": ["."]}, {"hosts": ["details"]}, {"gateways": ["gate"]}])
def test_a_virtual_service_that_does_not_hold_is_not_compared(parts: Json) -> None:
    objects = shifted(rule(("v1", 90), ("v3", 10)))
    one = objects["VirtualService"][1]
    one["spec"].update(parts)
    if "exportTo" in parts:
        one["metadata"]["namespace"], one["spec"]["hosts"] = "other", ["reviews.bookinfo.svc.cluster.local"]
    objects["Service"].append(thing("details", spec={"selector": {"app": "details"}}))
    assert "No VirtualService splits reviews" in wrong(objects).sentence


def test_what_the_gateway_sends_itself_is_up_to_the_gateways_rule() -> None:
    objects = shifted(rule(("v1", 95), ("v3", 5)))
    straight = {"match": [{"uri": {"prefix": "/"}}], **rule(("v1", 80), ("v3", 20))}
    objects["VirtualService"][0]["spec"]["http"] = [straight]
    assert "VirtualService bookinfo/bookinfo sends 80 % to v1 and 20 % to v3" in wrong(objects).sentence


def test_right_weights_are_said_to_be_right() -> None:
    right = rule(("v1", 95), ("v3", 5))
    found = wrong(shifted(right))
    assert found.sentence == (
        "VirtualService bookinfo/reviews sends 95 % to v1 and 5 % to v3, as the check expects, so the weights are not "
        "what is wrong."
    )
    match = [{"headers": {"end-user": {"regex": ".*"}}}]
    first = wrong(shifted(rule(("v1", None), match=match), right))
    assert ", but rule 1 of VirtualService bookinfo/reviews sends 100 % to v1 and 0 % to v3." in first.sentence
    assert "the first rule that matches holds" in first.remedy


def test_right_weights_with_a_hash_or_a_second_virtual_service() -> None:
    objects = shifted(rule(("v1", 95), ("v3", 5)))
    objects["DestinationRule"][0]["spec"]["trafficPolicy"] = {
        "loadBalancer": {"consistentHash": {"httpHeaderName": "x"}}
    }
    assert "DestinationRule bookinfo/reviews chooses by a hash of the request" in wrong(objects).sentence
    second = thing("zweiter", spec={"hosts": ["reviews"], "http": [rule((None, None))]})
    objects["VirtualService"].append(second)
    assert "not the only one for this host: bookinfo/reviews, bookinfo/zweiter" in wrong(objects).sentence


def test_a_hash_where_no_virtual_service_splits() -> None:
    objects = shifted(rule(("v1", 50), ("v3", 50)))
    objects["VirtualService"] = [one for one in objects["VirtualService"] if one["metadata"]["name"] != "reviews"]
    policy = {"loadBalancer": {"consistentHash": {"httpHeaderName": "x"}}}
    objects["DestinationRule"][0]["spec"]["trafficPolicy"] = policy
    told = said(objects, **{**CANARY, "observed_shares": (("v1", 1.0),)})
    assert sentence(told) == (
        "DestinationRule bookinfo/reviews chooses a pod of reviews by a hash of the request (consistentHash), so equal "
        "requests go to the same pod."
    )
    assert "number of pods" in sentence(said(objects, **{**CANARY, "observed_shares": (("v1", 0.4), ("v3", 0.6))}))


def test_nothing_is_said_of_what_is_not_known() -> None:
    objects = shifted(rule(("v1", 90), ("v3", 10)))
    assert said(objects, **{**CANARY, "answered_by": frozenset(("gone",))}) is None
    del objects["VirtualService"]
    assert said(objects, **CANARY) is None
