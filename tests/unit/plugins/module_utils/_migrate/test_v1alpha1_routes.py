# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

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
