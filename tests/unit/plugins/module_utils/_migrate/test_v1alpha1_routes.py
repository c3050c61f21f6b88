# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_a_match_alone_leaves_the_other_requests_as_they_were(converter: Converter) -> None:
    text = rule(
        "a", "{destination: {name: ratings}, match: {request: {headers: {x: {exact: y}}}}, redirect: {uri: /n}}"
    )
    assert converter.outputs(text)[0]["spec"]["http"] == [
        {"match": [{"headers": {"x": {"exact": "y"}}}], "redirect": {"uri": "/n"}},
        {"route": [{"destination": {"host": "ratings"}}]},
    ]


def test_a_subset_of_a_rule_in_the_input_is_used(converter: Converter) -> None:
    text = rule("a", "{destination: {name: ratings}, route: [{labels: {version: '1.0'}}]}") + (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
        "spec: {host: ratings, subsets: [{name: old, labels: {version: '1.0'}}]}\n"
    )
    found = converter.outputs(text)
    assert [doc["kind"] for doc in found] == ["VirtualService", "DestinationRule"]
    assert found[0]["spec"]["http"][0]["route"][0]["destination"]["subset"] == "old"


def test_a_day_is_so_many_hours(converter: Converter) -> None:
    cors = "{destination: {name: ratings}, corsPolicy: {allowOrigin: [a], maxAge: 1d}}"
    result = converter.result(rule("a", cors))
    assert result.docs[0].outputs[0]["spec"]["http"][0]["corsPolicy"]["maxAge"] == "24h"
    assert [(note.text, note.line) for note in result.docs[0].repairs] == [("1d is 24h.", 4)]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("httpReqTimeout: {simpleTimeout: {timeout: 5}}", "httpReqTimeout.simpleTimeout.timeout"),
        ("httpReqRetries: {simpleRetry: {perTryTimeout: 5}}", "httpReqRetries.simpleRetry.perTryTimeout"),
        ("httpFault: {delay: {percent: 5, fixedDelay: soon}}", "httpFault.delay.fixedDelay"),
        ("corsPolicy: {maxAge: long}", "corsPolicy.maxAge"),
    ],
)
def test_a_duration_without_a_unit_is_refused_where_it_stands(converter: Converter, spec: str, field: str) -> None:
    refusal = converter.refusal(rule("a", f"{{destination: {{name: ratings}}, {spec}}}"))
    assert f"spec.{field} must be a duration with a unit" in refusal
