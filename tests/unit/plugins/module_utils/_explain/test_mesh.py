# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects import effects_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import (
    GATEWAY_NAME,
    gateway_named,
    holds_for,
    rule_of_route,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.sampling import sampling_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, mesh, pod

ENTRANCE = pod("entrance", "10.0.0.30", **{GATEWAY_NAME: "entrance"})
REVIEWS = pod("reviews-v1", "10.0.0.2", app="reviews")


def policy(
    kind: str, target: str = "Gateway", name: str = "entrance", namespace: str = "bookinfo", **spec: object
) -> Json:
    refs = [{"group": "gateway.networking.k8s.io", "kind": target, "name": name}]
    return {"kind": kind, "metadata": {"name": "p", "namespace": namespace}, "spec": {"targetRefs": refs, **spec}}


@pytest.mark.parametrize(
    ("one", "gateway", "other"),
    [
        (policy("AuthorizationPolicy"), True, False),
        (policy("AuthorizationPolicy", namespace="shop"), False, False),
        (policy("RequestAuthentication", name="exit"), False, False),
        # A waypoint decides for a Service, and no sidecar does.
        (policy("AuthorizationPolicy", "Service", "reviews"), False, False),
        (
            {
                "metadata": {"name": "p", "namespace": "bookinfo"},
                "spec": {"targetRef": policy("")["spec"]["targetRefs"][0]},
            },
            True,
            False,
        ),
        ({"metadata": {"name": "p", "namespace": "bookinfo"}, "spec": {}}, True, True),
    ],
)
def test_a_policy_with_targets_is_for_these_alone(one: Json, gateway: bool, other: bool) -> None:
    assert (holds_for(one, ENTRANCE), holds_for(one, REVIEWS)) == (gateway, other)


def test_a_telemetry_with_targets_is_for_these_alone() -> None:
    wide = {
        "metadata": {"name": "wide", "namespace": "bookinfo"},
        "spec": {"tracing": [{"randomSamplingPercentage": 5}]},
    }
    own = policy("Telemetry", tracing=[{"randomSamplingPercentage": 100}])
    found = mesh(Telemetry=[own, wide])
    shares = [sampling.share for one in (ENTRANCE, REVIEWS) if (sampling := sampling_of(found, one)) is not None]
    assert shares == [100, 5]


def test_a_policy_for_a_gateway_that_is_none() -> None:
    gateway = {"metadata": {"name": "bookinfo", "namespace": "bookinfo"}, "spec": {}}
    found = mesh(Gateway=[gateway], AuthorizationPolicy=[policy("AuthorizationPolicy", name="bookinfo")])
    (one,) = [one for one in effects_of(found) if one.field == "spec.targetRefs"]
    assert one.sentence == (
        "AuthorizationPolicy bookinfo/p targets Gateway bookinfo, and no pod in namespace bookinfo has the label "
        "gateway.networking.k8s.io/gateway-name=bookinfo; Gateway bookinfo/bookinfo is Istio's, which policies select "
        "by the labels of its pods."
    )
    there = mesh(Pod=[ENTRANCE], AuthorizationPolicy=[policy("AuthorizationPolicy")])
    assert not [one for one in effects_of(there) if one.field == "spec.targetRefs"]


def rules(name: str, *http: Json, hosts: tuple[str, ...] = (), **spec: object) -> Json:
    named = {"hosts": list(hosts)} if hosts else {}
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": {**named, "http": list(http), **spec}}


A, B, LEADS = {"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}, {"delegate": {"name": "inner"}}


@pytest.mark.parametrize(
    ("root", "inner", "places"),
    [
        ([{"match": [A, B]}, {}], [], ["root 0", "root 0", "root 1", ""]),
        ([{"match": [A], **LEADS}, {}], [{}, {}], ["inner 0", "inner 1", "root 1", ""]),
        ([{"match": [A, B], **LEADS}, {}], [{}], ["inner 0", "inner 0", "root 1"]),
        ([LEADS, {}], [{"match": [A, B]}], ["inner 0", "inner 0", "root 1"]),
        ([{"match": [A], **LEADS}, {}], [{"match": [A]}], ["", ""]),
        ([{"match": [{"gateways": ["mesh"]}]}, {}], [], ["", ""]),
    ],
)
def test_the_rule_that_a_route_is_made_of(root: list[Json], inner: list[Json], places: list[str]) -> None:
    own = rules("root", *root, hosts=("reviews",))
    found = mesh(VirtualService=[own, rules("inner", *inner)])
    told = [rule_of_route(found, own, position) for position in range(len(places))]
    assert [f"{one[0].name} {one[1]}" if one else "" for one in told] == places


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ([], "VirtualService bookinfo/inner, which does not exist"),
        ([rules("inner", {}, hosts=("reviews",))], "which has hosts of its own, so it is not a delegate"),
        ([rules("inner")], "which has no http rules"),
        ([rules("inner", {}, exportTo=["shop"])], "which is exported to shop only (exportTo)"),
        ([rules("inner", {})], ""),
    ],
)
def test_a_delegate_that_is_none(inner: list[Json], said: str) -> None:
    root = rules("root", LEADS, hosts=("reviews",))
    found = [one for one in effects_of(mesh(VirtualService=[root, *inner])) if one.field.endswith("delegate")]
    assert [str(one.origin) for one in found] == (["VirtualService bookinfo/root"] if said else [])
    assert said in "".join(one.sentence for one in found)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shop", ("shop", "bookinfo")),
        ("./shop", ("shop", "bookinfo")),
        ("other/shop", ("shop", "other")),
        ("shop.other", ("shop", "other")),
        ("shop.other.svc.cluster.local", ("shop", "other")),
    ],
)
def test_a_gateway_is_named_in_several_ways(text: str, named: tuple[str, str]) -> None:
    assert gateway_named(text, "bookinfo") == named


@pytest.mark.parametrize(("host", "addresses"), [("240.1.1.9", ["240.1.1.9"]), ("fd00::1", ["fd00::1"]), ("x.y", [])])
def test_an_address_is_resolved_to_itself(host: str, addresses: list[str]) -> None:
    assert mesh().addresses_of(host, "bookinfo") == addresses
