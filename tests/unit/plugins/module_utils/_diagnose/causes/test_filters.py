# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import Json, mesh

URL = "http://reviews:9080/reviews/0"
BUCKET: Json = {"max_tokens": 4, "tokens_per_fill": 4, "fill_interval": "60s"}
ON: Json = {"default_value": {"numerator": 100}}
OFF: Json = {"default_value": {"numerator": 0}}


def told(found: Mesh, **parts: t.Any) -> Diagnosis:
    seen = ({"status": 200, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(URL)}
    answer = diagnose(Findings(URL, "productpage", "bookinfo", answers=1, **{**given, **parts}))
    assert answer is not None
    return answer


def for_reviews(name: str, *patches: Json, app: str = "reviews") -> Json:
    spec = {"workloadSelector": {"labels": {"app": app}}, "configPatches": list(patches)}
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({}, "without filter_enabled and filter_enforced, which are 0 %"),
        ({"filter_enabled": ON}, "without filter_enforced, which is 0 %"),
        ({"filter_enabled": OFF, "filter_enforced": OFF}, "whose filter_enabled and filter_enforced are 0 %"),
        ({"filter_enforced": OFF}, "without filter_enabled, which is 0 %, and whose filter_enforced is 0 %"),
        (
            {"filter_enabled": ON, "filter_enforced": OFF},
            "whose filter_enforced is 0 %",
        ),
    ],
)
def test_a_rate_limit_that_is_not_switched_on_limits_nobody(switches: Json, said: str) -> None:
    config = {"token_bucket": BUCKET, **switches}
    filters = [{"name": "envoy.filters.http.local_ratelimit", "typed_config": config}]
    limit = for_reviews("limit", {"patch": {"value": {"name": "envoy.filters.http.local_ratelimit"}}})
    answer = told(mesh(filters=filters, EnvoyFilter=[limit]), expects_quota=True)
    assert answer.sentence == (f"EnvoyFilter bookinfo/limit gives reviews a rate limit {said}: no request is limited.")


@pytest.mark.parametrize("context", ["WAYPOINT", "of a later Istio"])
def test_a_filter_that_no_sidecar_has_does_not_keep_the_cause_from_being_told(context: str) -> None:
    filters = [{"name": "envoy.filters.http.local_ratelimit", "typed_config": {"token_bucket": BUCKET}}]
    limit = for_reviews("limit", {"patch": {"value": {"name": "envoy.filters.http.local_ratelimit"}}})
    other = for_reviews("other", {"match": {"context": context}})
    answer = told(mesh(filters=filters, EnvoyFilter=[limit, other]), expects_quota=True)
    assert answer.sentence.startswith("EnvoyFilter bookinfo/limit gives reviews a rate limit without filter_enabled")


def test_a_limit_by_what_the_request_lacks_does_not_count_it() -> None:
    action = {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}}
    own = {"entries": [{"key": "user"}], "token_bucket": BUCKET}
    config = {"rate_limits": [{"actions": [action]}], "descriptors": [own], "filter_enabled": ON, "filter_enforced": ON}
    filters = [{"name": "envoy.filters.http.local_ratelimit", "typed_config": config}]
    limit = for_reviews("limit", {"patch": {"value": {"name": "envoy.filters.http.local_ratelimit"}}})
    answer = told(mesh(filters=filters, EnvoyFilter=[limit]), expects_quota=True)
    assert answer.sentence == (
        "EnvoyFilter bookinfo/limit does not count this request at reviews: the header x-user is what it counts by, "
        "and the request has none."
    )


@pytest.mark.parametrize(
    ("app", "context", "said"),
    [
        ("reviews", "SIDECAR_OUTBOUND", "what reviews sends (context SIDECAR_OUTBOUND), and this request comes in at"),
        (
            "productpage",
            "SIDECAR_INBOUND",
            "what comes in at productpage (context SIDECAR_INBOUND), and this request is",
        ),
    ],
)
def test_a_filter_for_what_the_request_does_not_pass_is_named(app: str, context: str, said: str) -> None:
    mark = for_reviews("mark", {"match": {"context": context}}, app=app)
    answer = told(mesh(EnvoyFilter=[mark]), expected_headers=("x-mark",))
    assert said in answer.sentence
    assert answer.sentence.startswith("EnvoyFilter bookinfo/mark patches ")
    assert "/spec/configPatches/0/match/context" in answer.change


@pytest.mark.parametrize("context", ["SIDECAR_INBOUND", "ANY"])
def test_a_filter_that_the_request_passes_is_not_accused(context: str) -> None:
    mark = for_reviews("mark", {"match": {"context": context}})
    assert "mark" not in told(mesh(EnvoyFilter=[mark]), expected_headers=("x-mark",)).sentence
