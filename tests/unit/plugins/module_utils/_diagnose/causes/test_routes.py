# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    record,
    rule_of,
)

URL = "http://reviews:9080/reviews/0"
USER: Json = {"name": "end-user", "string_match": {"exact": "jason"}}


@pytest.mark.parametrize(
    ("matches", "nearest"),
    [
        (
            [{"prefix": "/ratings"}, {"prefix": "/reviews", "headers": [USER]}],
            "(2 tried), so the proxy of productpage-a-b answers 404 itself; the nearest, rule 2 of VirtualService "
            "bookinfo/reviews, does not: the header end-user has to be exactly 'jason', and the request has none.",
        ),
        (
            [{"path": "/x"}, {"prefix": "/reviews/1"}, {"prefix": "/y"}],
            "(3 tried), so the proxy of productpage-a-b answers 404 itself; the nearest, rule 2 of VirtualService "
            "bookinfo/reviews, does not: the path has to begin with '/reviews/1', and is '/reviews/0'.",
        ),
    ],
)
def test_the_rule_that_was_nearest(matches: list[Json], nearest: str) -> None:
    routes = [rule_of("reviews", {"match": match, "route": {"cluster": REVIEWS}}) for match in matches]
    spec = {"hosts": ["reviews"], "http": [{"match": [{}]} for _match in matches]}
    found = mesh(routes, VirtualService=[{"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}])
    seen = ({"status": 404, "body": "", "headers": []},)
    own = Findings(
        URL, "productpage", "bookinfo", seen=seen, objects=found.objects, configs=found.configs, request=request_of(URL)
    )
    answer = diagnose(own)
    assert answer is not None
    assert answer.sentence == f"No rule takes the request {nearest}"


def test_an_applications_own_404_accuses_no_rule() -> None:
    found = mesh([rule_of("reviews", {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}})])
    seen = ({"status": 404, "body": "", "headers": []},)
    records = (record("productpage-a-b", 404, "-", REVIEWS),)
    answer = diagnose(
        Findings(
            URL,
            "productpage",
            "bookinfo",
            seen=seen,
            objects=found.objects,
            configs=found.configs,
            records=records,
            request=request_of(URL),
        )
    )
    assert answer is None or "No rule takes" not in answer.sentence
