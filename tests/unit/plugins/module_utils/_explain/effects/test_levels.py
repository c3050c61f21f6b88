# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import sentences

RULE = "kind: DestinationRule\nmetadata: {name: ratings}\nspec: {host: ratings, trafficPolicy: "
READY = (
    "---\nkind: Pod\nmetadata: {{name: ratings-v{0}-a-b, labels: {{app: ratings}}}}\n"
    "status: {{conditions: [{{type: Ready, status: 'True'}}]}}\n"
)
BREAKER = "connectionPool: {tcp: {maxConnections: 1}}"
FAULTS = [
    (
        f"{RULE}{{{BREAKER}, portLevelSettings: [{{port: {{number: 80}}, tls: {{mode: DISABLE}}}}]}}}}",
        "The connectionPool of DestinationRule bookinfo/ratings does not hold for port 80, which has settings of its "
        "own (portLevelSettings): these take the place of all that is above them.",
    ),
    (
        f"{RULE}{{outlierDetection: {{consecutive5xxErrors: 0}}}}}}",
        "The outlierDetection of DestinationRule bookinfo/ratings counts no errors (consecutive5xxErrors is 0), so it "
        "ejects no pod.",
    ),
    (
        f"{RULE}{{outlierDetection: {{consecutive5xxErrors: 2}}}}}}\n{READY.format(2)}",
        "The outlierDetection of DestinationRule bookinfo/ratings may eject 10 % of the pods (maxEjectionPercent is "
        "10), which is less than one of ratings's 1, so it ejects none.",
    ),
    (
        f"{RULE}{{outlierDetection: {{maxEjectionPercent: 40}}}}}}\n{READY.format(2)}{READY.format(3)}",
        "The outlierDetection of DestinationRule bookinfo/ratings may eject 40 % of the pods (maxEjectionPercent: 40), "
        "which is less than one of ratings's 2, so it ejects none.",
    ),
]
SOUND = [
    f"{RULE}{{{BREAKER}, portLevelSettings: [{{port: {{number: 81}}, tls: {{mode: DISABLE}}}}]}}}}",
    f"{RULE}{{{BREAKER}, portLevelSettings: [{{port: {{number: 80}}, {BREAKER}}}]}}}}",
    f"{RULE}{{outlierDetection: {{consecutive5xxErrors: 0, consecutiveGatewayErrors: 3}}}}}}",
    f"{RULE}{{outlierDetection: {{maxEjectionPercent: 50}}}}}}\n{READY.format(2)}{READY.format(3)}",
    f"{RULE}{{outlierDetection: {{consecutive5xxErrors: 2}}}}}}",
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_setting_that_does_not_count_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_one_that_counts_is_not(text: str) -> None:
    assert sentences(text) == []
