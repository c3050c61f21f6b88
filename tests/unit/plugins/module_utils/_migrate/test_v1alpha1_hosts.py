# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .route_rules import rule


def test_the_first_form_is_read_too(converter: Converter) -> None:
    text = """\
type: route-rule
name: r
spec:
  destination: ratings.default.svc.cluster.local
  match: {httpHeaders: {cookie: {exact: a}}}
  route: [{tags: {version: v1}, weight: 100}]
"""
    service = converter.outputs(text)[0]
    assert service["spec"]["http"][0]["route"] == [{"destination": {"host": "ratings", "subset": "v1"}}]


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("RouteRule", "{destination: {name: a}, l4Fault: {}}", "spec.l4Fault"),
        (
            "RouteRule",
            "{destination: {name: a}, httpReqTimeout: {simple_timeout: {timeout: 1s, override_header_name: x}}}",
            "spec.httpReqTimeout.simpleTimeout.overrideHeaderName",
        ),
        ("DestinationPolicy", "{destination: {name: a}, loadBalancing: {custom: {}}}", "spec.loadBalancing.custom"),
    ],
)
def test_fields_that_nothing_took_the_place_of_are_told_as_such(
    converter: Converter, kind: str, spec: str, field: str
) -> None:
    assert f"{field} has no successor" in converter.refusal(rule("a", spec, kind))
