# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t

import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, migrate
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Converter, facts
from .quotas import BINDING, NEW, config_of, limits_of, old

Json = dict[str, t.Any]


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


def test_two_handlers_share_what_the_first_has_written(converter: Converter) -> None:
    other = NEW.replace("requests", "others").replace("name: quota,", "name: others,").replace("counter", "other")
    binding = BINDING.replace("CHARGE", "1").replace("requests", "others").replace("name: spec", "name: others")
    result = converter.result(old() + "---\n" + other + binding.replace("name: binding", "name: others"))
    assert result.refusals() == []
    config, shared = (out for doc in result.docs for out in doc.outputs)
    assert len(config_of([config])["descriptors"]) == 2
    assert len(limits_of([config, shared])) == 2
    written = ["ConfigMap ratelimit-config", "EnvoyFilter quota-ratings"]
    assert [doc.moved_to for doc in result.docs] == [[], *[written] * 9]


def test_a_charge_is_what_a_hit_adds(converter: Converter) -> None:
    assert limits_of(converter.outputs(old(charge=5)))[0]["hits_addend"] == {"number": 5}


def test_a_rules_match_is_a_match_of_headers(converter: Converter) -> None:
    found = converter.outputs(old(match='match(request.headers["cookie"], "user=*") == false'))
    match = limits_of(found)[0]["actions"][1]["header_value_match"]
    assert match["expect_match"] is False
    assert match["headers"] == [
        {"name": "cookie", "treat_missing_header_as_empty": True, "string_match": {"prefix": "user="}}
    ]
    assert config_of(found)["descriptors"][0]["descriptors"][0]["key"] == "match-0"


def test_a_local_limit_takes_any_window_and_warns(converter: Converter) -> None:
    text = old().replace("60s", "5s")
    assert "not per 5 s; set quota to local" in converter.refusal(text)
    found = converter.outputs(text, quota="local")
    config = found[0]["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]
    assert [(item["entries"], item["token_bucket"]) for item in config["descriptors"]] == [
        (
            [{"key": "source", "value": "reviews"}],
            {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "5s"},
        ),
        (
            [{"key": "source", "value": "other"}],
            {"max_tokens": 500, "tokens_per_fill": 500, "fill_interval": "5s"},
        ),
    ]
    (source,) = config["rate_limits"][0]["actions"]
    peer = "connection.uri_san_peer_certificate"
    reviews = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
    assert source["extension"]["typed_config"]["text"] == (
        f'has({peer}) ? (({peer} == "{reviews}") ? "reviews" : "other") : "other"'
    )
    assert "Each proxy counts alone" in str(converter.result(text, quota="local").docs[0].differences)


# A reference: which limit Mixer and the rate limit service apply to a tuple ----------------------------------------

VALUES = {"a": ["x", "y", "z"], "b": ["p", "q"], "c": ["m", "n"]}


@settings(max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()}), max_size=4
    )
)
def test_the_first_override_that_matches_wins(overrides: list[dict[str, str]]) -> None:
    documents: list[Json] = [
        {
            "kind": "memquota",
            "spec": {
                "quotas": [
                    {
                        "name": "q",
                        "maxAmount": 99,
                        "validDuration": "1s",
                        "overrides": [
                            {"dimensions": dimensions, "maxAmount": number, "validDuration": "1s"}
                            for number, dimensions in enumerate(overrides)
                        ],
                    }
                ]
            },
        },
        {"kind": "quota", "spec": {"dimensions": {key: f'request.headers["{key}"]' for key in VALUES}}},
    ]
    text = yaml.safe_dump_all(
        [{"apiVersion": "config.istio.io/v1alpha2", "metadata": {"name": "q"}, **document} for document in documents]
    )
    result = migrate([("a.yaml", text.encode())], Options(), [facts()])
    assert result.refusals() == []
    tree = yaml.safe_load(result.docs[0].outputs[0]["data"]["config.yaml"])["descriptors"][0]
    for chosen in itertools.product(*([*values, "else"] for values in VALUES.values())):
        values = dict(zip(VALUES, chosen, strict=True))
        wanted = next(
            (n for n, dims in enumerate(overrides) if all(values[key] == value for key, value in dims.items())), 99
        )
        node = tree
        for key in sorted(VALUES):
            exact = [item for item in node["descriptors"] if item["key"] == key and item.get("value") == values[key]]
            rest = [item for item in node["descriptors"] if item["key"] == key and "value" not in item]
            node = (exact or rest)[0]
        assert node["rate_limit"] == {"unit": "second", "requests_per_unit": wanted}
