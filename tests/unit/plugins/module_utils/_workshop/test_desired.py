# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Applied, applied_stage, desired_state
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.catalogue import Stage


def document(kind: str, name: str, **spec: object) -> dict:
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


BASELINE = Stage("baseline", "Baseline", resources=(document("Gateway", "way-in"), document("VirtualService", "page")))


def names(documents: list[dict]) -> set[tuple[str, str]]:
    return {(item["kind"], item["metadata"]["name"]) for item in documents}


def build(stage: Stage | None) -> list[dict]:
    return desired_state(baseline=BASELINE, lab="demo", stage=stage, namespace="room").documents


def test_baseline_is_the_stage_with_nothing_added() -> None:
    documents = build(None)
    assert names(documents) == {("Gateway", "way-in"), ("VirtualService", "page"), ("ConfigMap", "mesh-workshop")}
    assert {item["metadata"]["labels"]["mesh.workshop/lab"] for item in documents} == {"baseline"}


def test_a_stage_removes_adds_and_replaces() -> None:
    stage = Stage(
        "shut",
        "Shut",
        removes=(document("Gateway", "way-in"),),
        resources=(document("VirtualService", "page", hosts=["x"]), document("DestinationRule", "reviews")),
    )
    documents = build(stage)
    assert ("Gateway", "way-in") not in names(documents)
    page = next(item for item in documents if item["metadata"]["name"] == "page")
    assert page["spec"] == {"hosts": ["x"]}
    assert page["metadata"]["labels"] == {
        "mesh.workshop/lab": "demo",
        "mesh.workshop/stage": "shut",
        "mesh.workshop/attendee": "room",
    }


def test_everything_lies_in_the_namespace_and_carries_the_attendee() -> None:
    stage = Stage(
        "s",
        "S",
        resources=({**document("Telemetry", "all"), "metadata": {"name": "all", "namespace": "istio-system"}},),
    )
    documents = build(stage)
    places = {item["metadata"]["name"]: item["metadata"]["namespace"] for item in documents}
    assert places == {"way-in": "room", "page": "room", "all": "istio-system", "mesh-workshop": "room"}
    selector = desired_state(baseline=BASELINE, lab="d", stage=None, namespace="room").prune_selector
    assert selector == {"mesh.workshop/attendee": ("room",)}
    assert all(item["metadata"]["labels"]["mesh.workshop/attendee"] == "room" for item in documents)


def test_the_catalogue_is_not_changed_by_labelling() -> None:
    build(None)
    assert "labels" not in BASELINE.resources[0]["metadata"]


def test_the_marker_tells_what_is_applied() -> None:
    stage = Stage("s", "S")
    marker = next(item for item in build(stage) if item["kind"] == "ConfigMap")
    assert marker["data"] == {"lab": "demo", "stage": "s"}
    assert applied_stage(marker) == Applied("demo", "s", "istio")
    assert applied_stage(None) is None
    assert applied_stage({"data": {}}) is None


def test_the_marker_tells_of_the_gateway_api() -> None:
    for stage, api in ((Stage("s", "S"), "gateway"), (None, "istio")):
        documents = desired_state(baseline=BASELINE, lab="demo", stage=stage, namespace="room", api="gateway").documents
        found = applied_stage(next(item for item in documents if item["kind"] == "ConfigMap"))
        assert found is not None
        assert found.api == api, "baseline is Istio's in either"
