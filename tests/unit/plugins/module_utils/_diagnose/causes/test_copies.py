# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    V1,
    Json,
    mesh,
    rule_of,
)

URL = "http://reviews:9080/reviews/0"


def told(http: Json, mirrors: list[Json], share: float = 1.0) -> tuple[str, str]:
    """Sentence and change where this share of copies is expected of version v1, and the proxy makes these."""
    made = rule_of("reviews", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS, **_policies(mirrors)}})
    spec = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}], **http}]}
    found: Mesh = mesh(
        [made], VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}]
    )
    own = {"objects": found.objects, "configs": found.configs, "request": request_of(URL), "answers": 9, "copied": 1}
    expected: Json = {"expects_copies": True, "copy_shares": (("v1", share),)}
    answer = diagnose(Findings(URL, "productpage", "bookinfo", **own, **expected))
    return (answer.sentence, answer.change) if answer is not None else ("", "")


def _policies(mirrors: list[Json]) -> Json:
    return {"request_mirror_policies": mirrors} if mirrors else {}


def copies(numerator: int, denominator: str = "HUNDRED") -> list[Json]:
    share = {"default_value": {"numerator": numerator, "denominator": denominator}}
    return [{"cluster": V1, "runtime_fraction": share}]


TO_V1: Json = {"host": "reviews", "subset": "v1"}
SINGLE: Json = {"mirror": TO_V1, "mirrorPercentage": {"value": 0.5}}
LISTED: Json = {"mirrors": [{"destination": TO_V1, "percentage": {"value": 25}}]}
RULE = "Rule 1 of VirtualService bookinfo/reviews copies"


@pytest.mark.parametrize(
    ("http", "mirrors", "said", "path"),
    [
        (
            SINGLE,
            copies(5000, "MILLION"),
            "0.5 % of the requests (mirrorPercentage, whose value is in percent); the check expects 100 %.",
            "/spec/http/0/mirrorPercentage",
        ),
        (
            LISTED,
            copies(25),
            "25 % of the requests (mirrors[0].percentage, whose value is in percent); the check expects 100 %.",
            "/spec/http/0/mirrors/0/percentage",
        ),
    ],
)
def test_fewer_copies_than_expected(http: Json, mirrors: list[Json], said: str, path: str) -> None:
    sentence, change = told(http, mirrors)
    assert sentence == f"{RULE} {said}"
    assert f'"path": "{path}", "value": {{"value": 100.0}}' in change


def test_as_many_copies_as_expected() -> None:
    assert RULE not in told(LISTED, copies(25), 0.25)[0]


def test_no_copy_at_all() -> None:
    http: Json = {"mirrors": [{"destination": TO_V1, "percentage": {"value": 0}}]}
    assert told(http, [])[0] == (
        "VirtualService bookinfo/reviews copies 0 % of the requests to reviews (mirrors, whose value is in percent, "
        "from 0 to 100), so no copy is sent."
    )
