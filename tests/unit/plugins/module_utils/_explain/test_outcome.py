# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.outcome import outcome_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import from_workload
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import REVIEWS, V1, mesh

LOST = V1.replace("v1", "v9")


@pytest.mark.parametrize(
    ("weights", "outcome"),
    [
        ({LOST: 100, REVIEWS: 0}, "status 503, since there is no pod behind subset v9 of Service bookinfo/reviews."),
        ({LOST: 0, V1: 100}, "answered by the application in reviews-v1-a-b."),
        ({LOST: 50, V1: 50}, "answered by the application in reviews-v1-a-b."),
    ],
)
def test_a_target_of_no_weight_answers_nothing(weights: dict[str, int], outcome: str) -> None:
    parts = [{"name": name, "weight": weight} for name, weight in weights.items()]
    found = mesh([{"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": parts}}}])
    journey = from_workload(found, request_of("http://reviews:9080/"), found.of("Pod")[0])
    assert outcome_of(journey) == f"Outcome: {outcome}"
