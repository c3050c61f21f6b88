# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.sampling import in_words, sampling_of, wider
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, mesh, pod

PAGE = pod("productpage", "10.0.0.1", app="productpage")
GATEWAY = pod("ingress", "10.0.0.8", "istio-system", istio="ingressgateway")
PROVIDER = {"providers": [{"name": "zipkin"}]}


def telemetry(name: str, namespace: str, share: float | None, created: str = "", **selector: str) -> Json:
    tracing: Json = {**PROVIDER, **({"randomSamplingPercentage": share} if share is not None else {})}
    spec = {"tracing": [tracing], **({"selector": {"matchLabels": selector}} if selector else {})}
    return {"metadata": {"name": name, "namespace": namespace, "creationTimestamp": created}, "spec": spec}


EVERYWHERE = telemetry("default", "istio-system", 1)


@pytest.mark.parametrize(
    ("telemetries", "asked", "said"),
    [
        ([], PAGE, ""),
        ([EVERYWHERE], PAGE, "by Telemetry istio-system/default (1 %)"),
        ([EVERYWHERE, telemetry("a", "bookinfo", 50)], PAGE, "by Telemetry bookinfo/a (50 %)"),
        ([EVERYWHERE, telemetry("a", "bookinfo", 50)], GATEWAY, "by Telemetry istio-system/default (1 %)"),
        (
            [telemetry("b", "bookinfo", 70, app="productpage"), telemetry("a", "bookinfo", 50), EVERYWHERE],
            PAGE,
            "by Telemetry bookinfo/b (70 %)",
        ),
        ([EVERYWHERE, telemetry("b", "bookinfo", 70, app="reviews")], PAGE, "by Telemetry istio-system/default (1 %)"),
        # What a closer one leaves out is inherited, whether it turns tracing on or not.
        ([EVERYWHERE, telemetry("a", "bookinfo", None)], PAGE, "by Telemetry istio-system/default (1 %)"),
        (
            [telemetry("a", "bookinfo", None)],
            PAGE,
            "by the mesh's default (1 %), since Telemetry bookinfo/a has no randomSamplingPercentage",
        ),
        # One of the root namespace with a selector is for its own pods.
        ([telemetry("g", "istio-system", 100, istio="ingressgateway")], GATEWAY, "by Telemetry istio-system/g (100 %)"),
        ([telemetry("g", "istio-system", 100, app="productpage")], PAGE, ""),
        (
            [telemetry("new", "bookinfo", 9, "2026-02-01"), telemetry("old", "bookinfo", 8, "2026-01-01")],
            PAGE,
            "by Telemetry bookinfo/old (8 %)",
        ),
        ([{"metadata": {"name": "logs", "namespace": "bookinfo"}, "spec": {"accessLogging": [{}]}}], PAGE, ""),
    ],
)
def test_the_closest_telemetry_decides(telemetries: list[Json], asked: Json, said: str) -> None:
    found = sampling_of(mesh(Telemetry=telemetries), asked)
    assert (in_words(found) if found is not None else "") == said


def test_what_may_not_be_read_is_not_known() -> None:
    assert sampling_of(Mesh({}), PAGE) is None
    partly = Mesh({"Telemetry": (telemetry("a", "bookinfo", 50),)}, partial={"Telemetry": frozenset(["bookinfo"])})
    assert sampling_of(partly, PAGE) is None


def test_who_asks_for_more() -> None:
    found = mesh(Telemetry=[EVERYWHERE, telemetry("a", "bookinfo", 50), telemetry("b", "other", 60)])
    assert [str(one) for one in wider(found, 1, {"bookinfo", "istio-system"})] == ["Telemetry bookinfo/a"]
    assert list(map(str, wider(found, 50, {"bookinfo", "other"}))) == ["Telemetry other/b"]
