# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .quotas import old


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


@pytest.mark.parametrize(
    ("window", "interval"), [("720h", "2592000s"), ("0.25s", "0.25s"), ("336h0m0.5s", "1209600.5s")]
)
def test_a_long_window_is_written_out(converter: Converter, window: str, interval: str) -> None:
    (found,) = converter.outputs(old().replace("60s", window), quota="local")
    config = found["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]
    assert {item["token_bucket"]["fill_interval"] for item in config["descriptors"]} == {interval}
    if window.startswith("336h"):
        assert "not per 1209600.5 s; set quota to local" in converter.refusal(old().replace("60s", window))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (old().replace("60s", "10ms"), "a local limit is filled every 50 ms at most"),
        (old(charge=2), "Envoy does not take a local limit of 0"),
    ],
)
def test_what_a_proxy_cannot_count_alone_is_refused(converter: Converter, text: str, reason: str) -> None:
    assert reason in converter.refusal(text, quota="local")


@pytest.mark.parametrize("quota", ["global", "local"])
def test_what_costs_nothing_is_not_counted(converter: Converter, quota: str) -> None:
    result = converter.result(old(charge=0), quota=quota)
    assert [doc.outputs for doc in result.docs] == [[]] * 5
    texts = [note.text for note in result.docs[0].differences]
    assert texts[1:] == ["A request is charged 0, so it limited nothing; nothing is written for it."]
    assert "limited nothing" in str(result.docs[4].differences)
