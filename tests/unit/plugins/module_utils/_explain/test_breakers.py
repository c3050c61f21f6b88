# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.breakers import breaker_of, outliers_of

Json = dict[str, t.Any]

UNLIMITED = {"max_connections": 4294967295, "max_pending_requests": 4294967295, "max_requests": 4294967295}
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        ({}, ""),
        ({"circuit_breakers": {"thresholds": [UNLIMITED]}}, ""),
        ({"circuit_breakers": {"thresholds": [{"priority": "HIGH", "max_connections": 1}]}}, ""),
        (
            {"circuit_breakers": {"thresholds": [{**UNLIMITED, "max_connections": 1, "max_pending_requests": 2}]}},
            "at most 1 connection and 2 waiting requests at once",
        ),
        ({"max_requests_per_connection": 1}, "a connection is used for 1 request"),
        (
            {
                "typed_extension_protocol_options": {
                    HTTP: {"common_http_protocol_options": {"max_requests_per_connection": 2}}
                }
            },
            "a connection is used for 2 requests",
        ),
    ],
)
def test_what_a_circuit_breaker_lets_through(cluster: Json, text: str) -> None:
    assert breaker_of(cluster) == text


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (None, ""),
        ({}, ""),
        (
            {"consecutive_5xx": 2, "base_ejection_time": "5s", "max_ejection_percent": 100},
            "a pod is ejected for 5 s after 2 errors (5xx) in a row, at most 100 % of the pods",
        ),
        ({"consecutive_5xx": 2, "enforcing_consecutive_5xx": 0}, ""),
        (
            {"consecutive_gateway_failure": 3, "enforcing_consecutive_gateway_failure": 100},
            "a pod is ejected for 30 s after 3 gateway errors (502, 503, 504) in a row, at most 10 % of the pods",
        ),
    ],
)
def test_when_a_pod_is_ejected(rules: Json | None, text: str) -> None:
    assert outliers_of({"outlier_detection": rules} if rules is not None else {}) == text
