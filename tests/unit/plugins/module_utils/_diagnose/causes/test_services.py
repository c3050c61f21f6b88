# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import Diagnosis, diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    record,
    service,
)

URL = "http://reviews:9080/reviews/0"


def told(found: Mesh, status: int = 503, url: str = URL, **parts: t.Any) -> Diagnosis:
    seen = ({"status": status, "body": "", "headers": []},)
    given = {"seen": seen, "objects": found.objects, "configs": found.configs, "request": request_of(url)}
    answer = diagnose(Findings(url, "productpage", "bookinfo", expected_status=(200,), **{**given, **parts}))
    assert answer is not None
    return answer


def with_service(found: Mesh, changed: Json) -> Mesh:
    """The mesh with another Service of a name that is there."""
    others = [one for one in found.objects["Service"] if one["metadata"]["name"] != changed["metadata"]["name"]]
    return dataclasses.replace(found, objects={**found.objects, "Service": (*others, changed)})


LOST = (record("productpage-a-b", 503, "UH", REVIEWS),)


def test_a_selector_that_no_pod_has_is_named() -> None:
    found = with_service(mesh(), service("reviews", app="review"))
    assert told(found, records=LOST).sentence == (
        "Service bookinfo/reviews selects app=review, and no pod in namespace bookinfo has these labels."
    )


def test_a_selector_of_pods_that_are_not_there_yet_is_right() -> None:
    found = with_service(mesh(), service("reviews", app="review"))
    template = {"metadata": {"labels": {"app": "review"}}}
    meta = {"name": "review", "namespace": "bookinfo"}
    deployments = ({"metadata": meta, "spec": {"template": template}, "status": {}},)
    answer = told(found, records=LOST, objects={**found.objects, "Deployment": deployments})
    assert "selects app=review" not in answer.sentence


def refused(pod: str) -> t.Any:
    """What a callee's proxy writes where nobody listens behind it."""
    own = record(pod, 503, "UF", "inbound|9080||")
    return dataclasses.replace(own, failure="delayed_connect_error:_Connection_refused")


def test_a_target_port_of_nobody_is_named_with_its_change() -> None:
    beside = service("reviews-web", 80, app="reviews")
    beside["spec"]["ports"][0]["targetPort"] = 8000
    found = mesh(Service=[beside])
    pods = [{**one, "spec": {**one["spec"], "containers": [{"name": "istio-proxy"}]}} for one in found.objects["Pod"]]
    found = dataclasses.replace(found, objects={**found.objects, "Pod": tuple(pods)})
    answer = told(found, records=(refused("reviews-v1-a-b"),))
    assert answer.sentence == (
        "Service bookinfo/reviews sends its port 9080 to port 9080 of its pods (targetPort), and no application "
        "listens there; its pods have 8000."
    )
    assert '"path": "/spec/ports/0/targetPort", "value": 8000' in answer.change


def test_a_port_that_the_pods_declare_is_the_applications_matter() -> None:
    assert "targetPort" not in told(mesh(), records=(refused("reviews-v1-a-b"),)).sentence


def test_another_name_of_nobody_is_named() -> None:
    alias: Json = {
        "metadata": {"name": "shop", "namespace": "bookinfo"},
        "spec": {"type": "ExternalName", "externalName": "review.bookinfo.svc.cluster.local", "ports": []},
    }
    found = mesh(Service=[alias])
    lost = {"error": {"kind": "name_not_found", "detail": ""}, "status": None}
    assert told(found, url="http://shop:9080/", seen=(lost,)).sentence == (
        "Service bookinfo/shop is another name for review.bookinfo.svc.cluster.local (ExternalName), which is not a "
        "Service; reviews.bookinfo.svc.cluster.local is."
    )


def test_a_sidecars_entry_that_leads_to_nobody_is_named() -> None:
    entry = {"port": {"number": 9080}, "defaultEndpoint": "127.0.0.1:8080"}
    spec = {"workloadSelector": {"labels": {"app": "reviews"}}, "ingress": [entry]}
    sidecar = {"metadata": {"name": "reviews", "namespace": "bookinfo"}, "spec": spec}
    assert told(mesh(Sidecar=[sidecar]), records=(refused("reviews-v1-a-b"),)).sentence == (
        "Sidecar bookinfo/reviews passes port 9080 on to 127.0.0.1:8080 (ingress[0].defaultEndpoint), and no "
        "application listens there."
    )
