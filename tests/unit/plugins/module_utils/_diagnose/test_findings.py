# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster is looked at once for all that fails, and what may not be read is left out."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import GATEWAY_OF_API, LOOKED_AT, Look
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError

from .worlds import thing


class Cluster:
    """Lists one object of each kind, and counts; Pods only of one namespace, Gateways not at all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.lock = threading.Lock()
        self.telemetry: dict[str, t.Any] = {}
        self.refuses: tuple[str, ...] = ()
        self.unreadable: tuple[str, ...] = ("Gateway",)

    def list(
        self, version: str, kind: str, namespace: str | None = None, label_selector: str | None = None
    ) -> list[t.Any]:
        if kind == "ConfigMap":
            assert (namespace, label_selector) == ("istio-system", "istio.io/rev")
            self.refuse("list")
            injector = {**thing("istio-sidecar-injector-canary", namespace), "data": {"config": ""}}
            return [{**thing("istio-canary", namespace), "data": {"mesh": ""}}, injector]
        with self.lock:
            self.asked.append((kind, namespace))
        if kind in self.unreadable or (kind == "Pod" and namespace is None):
            raise ApiError(403, "Forbidden", "no")
        return [{**thing(version, namespace or "bookinfo"), **(self.telemetry if kind == "Telemetry" else {})}]

    def get(self, _version: str, kind: str, name: str, namespace: str) -> t.Any:
        assert (kind, name, namespace) == ("ConfigMap", "istio", "istio-system")
        self.refuse("get")
        return {**thing(name, namespace), "data": {"mesh": ""}}

    def refuse(self, verb: str) -> None:
        if verb in self.refuses:
            raise ApiError(403, "Forbidden", "no")


def findings(namespace: str | None) -> Findings:
    return Findings(url="http://a.example/", source="host", namespace=namespace)


def test_many_that_fail_at_the_same_time_look_once() -> None:
    cluster = Cluster()
    look = Look(t.cast(t.Any, cluster))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look.into, [findings("bookinfo")] * 16))
    assert len(cluster.asked) == len(LOOKED_AT) + 3, "each once; three are asked for again in the namespace"
    assert all(one.objects == found[0].objects for one in found)
    assert not found[0].known("Gateway")
    assert found[0].partial == {"Pod"}


def test_gateways_of_either_api_are_told_apart() -> None:
    cluster = Cluster()
    cluster.unreadable = ("Pod",)
    found = Look(t.cast(t.Any, cluster)).into(findings("bookinfo"))
    assert [one["metadata"]["name"] for one in found.of("Gateway")] == ["networking.istio.io/v1"]
    assert [one["metadata"]["name"] for one in found.of(GATEWAY_OF_API)] == ["gateway.networking.k8s.io/v1"]


def test_another_namespace_is_another_look() -> None:
    cluster = Cluster()
    look = Look(t.cast(t.Any, cluster))
    assert look.into(findings("bookinfo")).of("Pod", "bookinfo")
    assert look.into(findings("second")).of("Pod", "second")
    assert not look.into(findings(None)).known("Pod")


@pytest.mark.parametrize(
    ("providers", "refuses", "read"),
    [
        ([], (), []),
        ([{"name": "zipkin"}], (), ["istio-canary"]),
        ([{"name": "zipkin"}], ("list",), ["istio"]),
        ([{"name": "zipkin"}], ("list", "get"), []),
    ],
)
def test_each_revisions_configuration_is_read_for_a_telemetry_with_providers(
    providers: list[dict[str, str]], refuses: tuple[str, ...], read: list[str]
) -> None:
    cluster = Cluster()
    cluster.telemetry = {"spec": {"tracing": [{"providers": providers}]}}
    cluster.refuses = refuses
    found = Look(t.cast(t.Any, cluster)).into(findings("bookinfo"))
    assert [one["metadata"]["name"] for one in found.of("ConfigMap")] == read
