# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .conftest import Converter
from .quotas import config_of, limits_of, old


def test_a_quota_becomes_one_nested_descriptor(converter: Converter) -> None:
    found = converter.outputs(old())
    assert [(doc["kind"], doc["metadata"]) for doc in found] == [
        ("ConfigMap", {"name": "ratelimit-config", "namespace": "mesh-workshop-ratelimit"}),
        ("EnvoyFilter", {"name": "quota-ratings", "namespace": "default"}),
    ]
    anyone = {"key": "source", "rate_limit": {"unit": "minute", "requests_per_unit": 500}}
    one = {"key": "source", "value": "reviews", "rate_limit": {"unit": "minute", "requests_per_unit": 1}}
    other = {**one, "rate_limit": anyone["rate_limit"]}
    assert config_of(found) == {
        "domain": "mesh-workshop",
        "descriptors": [
            {
                "key": "quota",
                "value": "requests.quota.istio-system",
                "descriptors": [
                    {"key": "destination", "value": "ratings", "descriptors": [one, anyone]},
                    {"key": "destination", "descriptors": [other, anyone]},
                ],
            }
        ],
    }
    actions = limits_of(found)[0]["actions"]
    assert actions[:2] == [
        {"generic_key": {"descriptor_key": "quota", "descriptor_value": "requests.quota.istio-system"}},
        {"generic_key": {"descriptor_key": "destination", "descriptor_value": "ratings"}},
    ]
    text = actions[2]["extension"]["typed_config"]["text"]
    assert '"spiffe://cluster.local/ns/default/sa/bookinfo-reviews"' in text
    assert "request.headers" not in text
