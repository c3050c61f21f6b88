# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, migrate
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Converter, facts
from .quotas import limits_of, old

Json = dict[str, t.Any]

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


@pytest.mark.parametrize(
    ("match", "name", "string"),
    [
        ('request.method == "POST"', ":method", {"exact": "POST"}),
        ('match(request.path, "/api*")', ":path", {"prefix": "/api"}),
        ('request.url_path.startsWith("/api")', ":path", {"prefix": "/api"}),
        ('request.host == "a.example"', ":authority", {"exact": "a.example"}),
        ('match(request.useragent, "*bot")', "user-agent", {"suffix": "bot"}),
    ],
)
def test_what_a_match_asks_of_a_request_is_asked_of_its_headers(
    converter: Converter, match: str, name: str, string: Json
) -> None:
    text = old(match=f"'{match}'")
    asked = limits_of(converter.outputs(text))[0]["actions"][1]["header_value_match"]["headers"]
    assert asked == [{"name": name, "treat_missing_header_as_empty": True, "string_match": string}]
    # No request without the header passes any of these.
    assert "without the header" not in str(converter.result(text).docs[0].differences)


@pytest.mark.parametrize(
    "match", ['request.url_path == "/a"', 'request.url_path.startsWith("/a?")', 'request.size == "5"']
)
def test_what_no_header_says_is_refused(converter: Converter, match: str) -> None:
    assert "a rate limit can ask for headers, method, host, path" in converter.refusal(old(match=f"'{match}'"))
