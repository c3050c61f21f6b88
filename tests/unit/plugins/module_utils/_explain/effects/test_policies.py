# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.policies import (
    policies_twice,
    ports_without_selector,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.routes import failover_without_outliers
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh

Json = dict[str, t.Any]
SELECTOR = {"selector": {"matchLabels": {"app": "reviews"}}}


def thing(name: str = "a", **spec: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


@pytest.mark.parametrize(("spec", "found"), [({}, 1), (SELECTOR, 0)])
def test_modes_of_single_ports_need_a_selector(spec: Json, found: int) -> None:
    ports = {"portLevelMtls": {"9080": {"mode": "DISABLE"}}}
    effects = list(ports_without_selector(Mesh({"PeerAuthentication": (thing(**spec, **ports), thing("b", **spec))})))
    assert [one.field for one in effects] == ["spec.portLevelMtls"] * found


def test_of_two_telemetries_for_the_same_pods_only_the_oldest_holds() -> None:
    target = {"targetRefs": [{"kind": "Gateway", "name": "x"}]}
    every = (thing("a"), thing("b", tracing=[]), thing("c", **SELECTOR), thing("d", **target), thing("e", **target))
    assert [str(one.origin) for one in policies_twice(Mesh({"Telemetry": every}))] == ["Telemetry bookinfo/b"]


FAILOVER = {"loadBalancer": {"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}}
OUTLIERS = {"outlierDetection": {"consecutive5xxErrors": 5}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"trafficPolicy": FAILOVER}, "spec"),
        ({"subsets": [{"name": "v1", "trafficPolicy": FAILOVER}]}, "spec.subsets[v1]"),
        ({"trafficPolicy": {**FAILOVER, **OUTLIERS}}, ""),
        ({"trafficPolicy": OUTLIERS, "subsets": [{"name": "v1", "trafficPolicy": FAILOVER}]}, ""),
        ({"trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}, ""),
    ],
)
def test_a_failover_needs_outlier_detection(spec: Json, field: str) -> None:
    found = list(failover_without_outliers(Mesh({"DestinationRule": (thing(host="reviews", **spec),)})))
    tail = ".trafficPolicy.loadBalancer.localityLbSetting.failover"
    assert [one.field for one in found] == ([f"{field}{tail}"] if field else [])
