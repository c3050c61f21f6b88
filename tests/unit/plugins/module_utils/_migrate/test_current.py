# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import with_current_fields


def test_only_what_is_outdated_is_converted() -> None:
    route = {"route": [{"destination": {"host": "a"}}]}
    document = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": {"http": [{"mirror": {"host": "b"}, "mirrorPercent": 5, **route}]},
    }
    found, said = with_current_fields(document)
    assert found["spec"]["http"] == [{"mirror": {"host": "b"}, "mirrorPercentage": {"value": 5}, **route}]
    assert said == ["spec.http[0].mirrorPercent: mirrorPercent is mirrorPercentage today."]
    assert with_current_fields(found) == (found, [])


def test_a_document_that_is_wrong_is_left_to_the_server() -> None:
    for http in (
        [{"mirrorPercent": 500}],
        [{"timeuot": "1s"}],
        [{"route": [{"destination": {"host": "a", "weight": 1}}], "mirrorPercent": 5}],
    ):
        document = {"kind": "VirtualService", "metadata": {"name": "a"}, "spec": {"http": http}}
        assert with_current_fields(document) == (document, [])


LEAST_CONN = "load_balancer: {simple: LEAST_CONN}"
LEAST_REQUEST = "loadBalancer: {simple: LEAST_REQUEST}"
ROUTE = "route: [{destination: {host: a}}]"


@pytest.mark.parametrize(
    ("kind", "old", "new", "notes"),
    [
        ("DestinationRule", f"{{traffic_policy: {{{LEAST_CONN}}}}}", f"{{trafficPolicy: {{{LEAST_REQUEST}}}}}", 3),
        (
            "DestinationRule",
            f"{{subsets: [{{name: v, traffic_policy: {{{LEAST_CONN}}}}}]}}",
            f"{{subsets: [{{name: v, trafficPolicy: {{{LEAST_REQUEST}}}}}]}}",
            3,
        ),
        (
            "DestinationRule",
            f"{{trafficPolicy: {{port_level_settings: [{{port: {{number: 1}}, {LEAST_CONN}}}]}}}}",
            f"{{trafficPolicy: {{portLevelSettings: [{{port: {{number: 1}}, {LEAST_REQUEST}}}]}}}}",
            3,
        ),
        (
            "VirtualService",
            f"{{http: [{{fault: {{delay: {{percentage: {{value: 5}}, fixed_delay: 1s}}}}, {ROUTE}}}]}}",
            f"{{http: [{{fault: {{delay: {{percentage: {{value: 5}}, fixedDelay: 1s}}}}, {ROUTE}}}]}}",
            1,
        ),
        (
            "VirtualService",
            f"{{http: [{{http_retry: {{attempts: 3, per_try_timeout: 2s}}, {ROUTE}}}]}}",
            f"{{http: [{{retries: {{attempts: 3, perTryTimeout: 2s}}, {ROUTE}}}]}}",
            2,
        ),
        (
            "EnvoyFilter",
            "{config_patches: [{apply_to: HTTP_FILTER, match: {listener: {filter_chain: {filter: {name: a, "
            "sub_filter: {name: envoy.router}}}}}}]}",
            "{configPatches: [{applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: {name: a, "
            "subFilter: {name: envoy.filters.http.router}}}}}}]}",
            5,
        ),
    ],
)
def test_fields_are_found_in_either_spelling_and_each_is_told(kind: str, old: str, new: str, notes: int) -> None:
    document: dict[str, t.Any] = {"kind": kind, "metadata": {"name": "a"}, "spec": yaml.safe_load(old)}
    found, said = with_current_fields(document)
    assert found["spec"] == yaml.safe_load(new)
    assert len(said) == notes, said


@pytest.mark.parametrize("name", ["RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"])
def test_names_that_are_still_taken_stay(name: str) -> None:
    spec = {"host": "a", "trafficPolicy": {"loadBalancer": {"simple": name}}}
    document: dict[str, t.Any] = {"kind": "DestinationRule", "metadata": {"name": "a"}, "spec": spec}
    assert with_current_fields(document) == (document, [])
