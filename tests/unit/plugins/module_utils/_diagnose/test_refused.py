# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod that the cluster refuses to make, or nobody wants, explains what its absence leads to, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    NOT_FOUND,
    PAGE,
    UNAVAILABLE,
    Json,
    pod,
    record,
    said,
    thing,
    world,
)

CONSTRAINED = (
    'pods "reviews-v1-7d9-" is forbidden: unable to validate against any security context constraint: [provider '
    '"anyuid": Forbidden: not usable by user or serviceaccount, provider restricted-v2: .containers[0].runAsUser: '
    "Invalid value: 1000: must be in the ranges: [1000740000, 1000749999]]"
)
INSIDE = {"source": "productpage", "url": "http://reviews:9080/reviews/0", "expected_status": (200,)}


def refused(message: str = CONSTRAINED, app: str = "reviews", namespace: str = "bookinfo", ready: int = 0) -> Json:
    template = {"metadata": {"labels": {"app": app, "version": "v1"}}, "spec": {"serviceAccountName": f"of-{app}"}}
    conditions = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]
    status = {"conditions": conditions, "readyReplicas": ready}
    return thing(f"{app}-v1", namespace, spec={"template": template}, status=status)


def without_reviews(*deployments: Json) -> dict[str, list[Json]]:
    objects = {**world(), "Deployment": list(deployments)}
    objects["Pod"] = [one for one in objects["Pod"] if one["metadata"]["labels"].get("app") != "reviews"]
    return objects


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        pytest.param(ERROR, INSIDE, id="of what is asked"),
        pytest.param(PAGE, {**INSIDE, "expected_versions": ("v1",), "served": ("v2",)}, id="of the version expected"),
        pytest.param(UNAVAILABLE, {}, id="of what the page needs"),
    ],
)
def test_constraints_that_refuse_the_pods_are_the_reason(answer: Json, parts: Json) -> None:
    found = said(without_reviews(refused()), answer, **parts)
    assert found
    assert found.sentence == (
        "Deployment bookinfo/reviews-v1 has no pod: OpenShift admits the pod under none of the "
        "SecurityContextConstraints that its ServiceAccount may use (restricted-v2: containers[0].runAsUser 1000: must "
        "be in the ranges: [1000740000, 1000749999])."
    )
    assert found.remedy.startswith("Leave out what is forbidden")
    assert found.remedy.endswith("(oc adm policy add-scc-to-user nonroot-v2 -z of-reviews -n bookinfo).")


def test_other_refusals_are_told_as_well() -> None:
    found = said(without_reviews(refused("exceeded quota: small")), ERROR, **INSIDE)
    assert found
    assert found.sentence == "Deployment bookinfo/reviews-v1 has no pod: exceeded quota: small."
    assert found.remedy == "Raise the quota or lower what the pods ask for."


@pytest.mark.parametrize(
    ("deployment", "answer", "parts"),
    [
        pytest.param(refused(ready=1), ERROR, INSIDE, id="a pod is there"),
        pytest.param(refused(app="ratings"), NOT_FOUND, {}, id="the answer is the gateway's"),
        pytest.param(refused(namespace="shop"), ERROR, INSIDE, id="of another namespace"),
        pytest.param(refused(""), ERROR, INSIDE, id="nothing is said"),
    ],
)
def test_what_a_missing_pod_does_not_explain_is_not_put_down_to_it(deployment: Json, answer: Json, parts: Json) -> None:
    objects = {**world(), "Deployment": [deployment]}
    objects["Pod"].append(pod("ratings-v1-x", app="ratings"))
    found = said(objects, answer, **parts)
    assert found is None or "has no pod" not in found.sentence


LOST = record("UH", cluster="outbound|9080||reviews.bookinfo.svc.cluster.local")


def scaled(version: str, replicas: int | None) -> Json:
    one = refused("")
    one["metadata"]["name"] = f"reviews-{version}"
    one["spec"]["template"]["metadata"]["labels"]["version"] = version
    return {**one, "spec": {**one["spec"], **({} if replicas is None else {"replicas": replicas})}, "status": {}}


@pytest.mark.parametrize(("answer", "parts"), [(ERROR, INSIDE), (UNAVAILABLE, {})])
def test_a_deployment_that_is_scaled_to_zero_is_named(answer: Json, parts: Json) -> None:
    found = said(without_reviews(scaled("v1", 0)), answer, records=(LOST,), **parts)
    assert found
    assert found.sentence == (
        "Deployment bookinfo/reviews-v1 is scaled to 0 replicas, so there is no pod behind Service bookinfo/reviews."
    )
    assert found.change == "kubectl -n bookinfo scale deployment reviews-v1 --replicas=1"


def test_all_that_are_scaled_to_zero_are_named() -> None:
    found = said(without_reviews(scaled("v1", 0), scaled("v2", 0)), ERROR, records=(LOST,), **INSIDE)
    assert found
    assert found.sentence.startswith("Deployment bookinfo/reviews-v1 and Deployment bookinfo/reviews-v2 are scaled to")


@pytest.mark.parametrize("other", [1, None])
def test_where_another_deployment_is_to_have_pods_none_is_accused(other: int | None) -> None:
    found = said(without_reviews(scaled("v1", 0), scaled("v2", other)), ERROR, records=(LOST,), **INSIDE)
    assert found is None or "scaled to 0" not in found.sentence


def test_of_a_subset_its_own_deployment_is_named() -> None:
    objects = without_reviews(scaled("v1", 0), scaled("v2", 1))
    objects["Pod"].append(pod("reviews-v2-x", app="reviews", version="v2"))
    lost = record("UH", cluster="outbound|9080|v1|reviews.bookinfo.svc.cluster.local", subset="v1")
    found = said(objects, ERROR, records=(lost,), **INSIDE)
    assert found
    assert found.sentence == (
        "Deployment bookinfo/reviews-v1 is scaled to 0 replicas, so there is no pod behind Service bookinfo/reviews "
        "with these labels."
    )
