# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.filters import filters_beside
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, pod


def found_for(match: Json, version: str = "1.31.0", patch: Json | None = None) -> list[str]:
    """What is said of a filter for reviews, whose proxy has a listener for port 80 outwards and 9080 inwards."""
    patches = [{"match": match, "patch": patch or {}}]
    spec = {"workloadSelector": {"labels": {"app": "reviews"}}, "configPatches": patches}
    one = {"metadata": {"name": "mark", "namespace": "bookinfo"}, "spec": spec}
    outwards = {
        "traffic_direction": "OUTBOUND",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 80}},
    }
    inwards = {"traffic_direction": "INBOUND", "filter_chains": [{"filter_chain_match": {"destination_port": 9080}}]}
    config = ProxyConfig("reviews-v1-a-b", "bookinfo", (outwards, inwards), version=version)
    mesh = Mesh(
        {"EnvoyFilter": (one,), "Pod": (pod("reviews-v1", "10.0.0.2", app="reviews"),)},
        {("bookinfo", "reviews-v1-a-b"): config},
    )
    return [effect.sentence for effect in filters_beside(mesh)]


PORT = "EnvoyFilter bookinfo/mark patches a listener on port 80, but no proxy it applies to has one."


def listener(port: int, context: str) -> Json:
    return {"context": context, "listener": {"portNumber": port}}


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (listener(80, "SIDECAR_INBOUND"), [PORT]),
        (listener(80, "SIDECAR_OUTBOUND"), []),
        (listener(80, "ANY"), []),
        (listener(9080, "SIDECAR_INBOUND"), []),
    ],
)
def test_a_port_is_one_of_the_traffic_that_a_patch_is_for(match: Json, said: list[str]) -> None:
    assert found_for(match) == said


@pytest.mark.parametrize(
    ("pattern", "version", "named"),
    [(r"^1\.9.*", "1.31.0", True), (r"^1\.31.*", "1.31.0", False), ("31", "1.31.0", False), (r"^1\.9.*", "", False)],
)
def test_a_patch_for_proxies_of_another_version(pattern: str, version: str, named: bool) -> None:
    match: t.Any = {"context": "SIDECAR_INBOUND", "proxy": {"proxyVersion": pattern}}
    said = (
        r"EnvoyFilter bookinfo/mark patches proxies whose version fits ^1\.9.* (proxyVersion), and those that it is "
        "for are of 1.31.0."
    )
    assert found_for(match, version) == ([said] if named else [])


@pytest.mark.parametrize(
    ("operation", "name", "named"),
    [
        ("MERGE", "envoy.filters.network.tcp_proxy", False),
        ("INSERT_BEFORE", "envoy.filters.network.tcp_proxy", True),
        ("MERGE", "envoy.filters.network.tcp-proxy", True),
    ],
)
def test_what_is_merged_into_the_end_of_a_chain_waits_for_such_a_chain(operation: str, name: str, named: bool) -> None:
    match: Json = {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": {"name": name}}}}
    said = f"EnvoyFilter bookinfo/mark is put beside the filter {name}, but no proxy it applies to has it."
    assert found_for(match, patch={"operation": operation}) == ([said] if named else [])
