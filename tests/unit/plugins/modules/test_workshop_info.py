# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import view
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import page
from ansible_collections.mesh.workshop.plugins.modules import workshop_info
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_returns import documented

Json = dict[str, t.Any]

WAY_IN = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "bookinfo"},
    "spec": {"hosts": ["shop.example"]},
}
REVIEWS = {**WAY_IN, "metadata": {"name": "reviews"}, "spec": {"hosts": ["reviews"]}}
BASELINE = {"title": "B", "stages": [{"name": "baseline", "title": "B", "resources": [WAY_IN]}]}
ROUTING = {"title": "R", "stages": [{"name": "all_v1", "title": "A", "resources": [REVIEWS]}]}
READY = {"type": "Ready", "status": "True"}
DETAILS = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "details-v1"}, "spec": {"replicas": 1}}


def placed(document: Json, **changes: t.Any) -> Json:
    return {**document, "metadata": {**document["metadata"], "namespace": "bookinfo"}, **changes}


@pytest.fixture(name="server")
def server_fixture(api: FakeApi) -> FakeApi:
    api.kinds.append(("v1", "nodes", "Node", False))
    api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}, "status": {"conditions": [READY]}})
    for name, label in (("istiod", {"app": "istiod"}), ("gw", {"istio": "ingressgateway"})):
        meta = {"name": name, "namespace": "istio-system", "labels": label}
        api.put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 0}})
    marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mesh-workshop"}}
    api.put(placed(marker, data={"lab": "routing", "stage": "all_v1"}))
    return api


@pytest.fixture(name="look")
def look_fixture(server: FakeApi, capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Json]:
    def look(**given: t.Any) -> Json:
        with patch_module_args({"host": server.url, "api_key": "the-token", **given}), pytest.raises(SystemExit):
            workshop_info.main()
        return dict(json.loads(capsys.readouterr().out))

    return look


def test_what_is_missing_of_bookinfo_and_edited_of_the_stage_is_named(
    look: t.Callable[..., Json], server: FakeApi
) -> None:
    server.put(placed(WAY_IN))
    server.put(placed(REVIEWS, spec={"hosts": ["ratings"]}))
    result = look(bookinfo=[DETAILS], definition=ROUTING, baseline=BASELINE)
    troubles = "\n".join(result["status"]["troubles"])
    assert "Deployment bookinfo/details-v1 of Bookinfo is missing: run mesh.workshop.reset" in troubles
    assert "VirtualService bookinfo/reviews differs from stage all_v1 of lab routing (spec.hosts[0]" in troubles
    assert "run mesh.workshop.lab -e lab=routing -e stage=all_v1." in troubles
    assert "VirtualService bookinfo/bookinfo" not in troubles
    assert not result["status"]["healthy"]
    assert server.asked("PATCH") == []


def test_in_a_room_the_remedy_names_the_attendee(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.put(placed(WAY_IN))
    troubles = look(definition=ROUTING, baseline=BASELINE, attendee="ada")["status"]["troubles"]
    assert "run mesh.workshop.lab -e lab=routing -e stage=all_v1 -e attendee=ada." in "\n".join(troubles)


def test_what_is_as_it_was_applied_is_no_trouble(look: t.Callable[..., Json], server: FakeApi) -> None:
    for document in (placed(WAY_IN), placed(REVIEWS), placed(DETAILS, status={"readyReplicas": 1})):
        server.put(document)
    troubles = look(bookinfo=[DETAILS], definition=ROUTING, baseline=BASELINE)["status"]["troubles"]
    assert [one for one in troubles if "gateway has no address" not in one] == []


def test_a_user_who_may_not_see_something_sees_all_the_rest_and_what_is_missing(
    look: t.Callable[..., Json], server: FakeApi
) -> None:
    server.put(placed(DETAILS, status={"readyReplicas": 1}))
    for part in ("/nodes", "/apis/apps/v1/deployments", "/istio-system/deployments", "/virtualservices/"):
        server.fail(403, part=part, times=9)
    server.fail(403, part="/services", times=9)
    result = look(bookinfo=[DETAILS], definition=ROUTING, baseline=BASELINE)
    status = result["status"]
    assert "node" not in result["page"].lower(), "users of a single namespace do not need to see them"
    assert status["workloads"] == {"details-v1": "1/1"}
    assert status["healthy"], "what is not seen is not reported as trouble"
    assert status["unseen"] == [
        "list Deployments in istio-system",
        "list Services of the gateway",
        "get VirtualServices in bookinfo",
    ]


def lease(holder: str = "", transitions: int = 1, **annotations: str) -> Json:
    """The namespace's Lease, with notes on the stage that is applied."""
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    held = {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    notes = {"verified": "routing/all_v1/istio", "verified-at": "2020-11-28T10:02:03Z", **annotations}
    meta = {"name": "mesh-workshop", "annotations": {f"mesh.workshop/{name}": text for name, text in notes.items()}}
    spec = {**(held if holder else {}), "leaseTransitions": transitions}
    return placed({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})


def test_it_is_verified_as_long_as_nothing_differs(look: t.Callable[..., Json], server: FakeApi) -> None:
    for document in (placed(WAY_IN), placed(REVIEWS), placed(DETAILS, status={"readyReplicas": 1}), lease()):
        server.put(document)
    given = {"bookinfo": [DETAILS], "lab": "routing", "definition": ROUTING, "baseline": BASELINE}
    result = look(**given)
    assert result["status"]["verified"] == "2020-11-28T10:02:03Z"
    assert "ago (2020-11-28T10:02:03Z)\n" in result["page"]
    server.put(placed(REVIEWS, spec={"hosts": ["ratings"]}))
    result = look(**given)
    assert result["status"]["verified"] == ""
    assert "Verified    no\n" in result["page"]


def test_the_last_failure_is_told(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.put(lease(**{"verified": "", "failed-at": "2020-11-28T10:02:03Z", "failure": "Subset v9 is not there."}))
    result = look()
    assert (result["status"]["failed"], result["status"]["failure"]) == (
        "2020-11-28T10:02:03Z",
        "Subset v9 is not there.",
    )
    assert "Verified    no; failed " in result["page"]
    assert " ago: Subset v9 is not there.\n" in result["page"]


def test_while_a_run_is_at_work_nothing_is_compared(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.put(placed(REVIEWS, spec={"hosts": ["ratings"]}))
    server.put(lease("ada@desk (process 7, lab routing, stage jason_v2)"))
    result = look(bookinfo=[DETAILS], lab="routing", definition=ROUTING, baseline=BASELINE)
    assert "differs" not in str(result["status"]["troubles"])
    assert result["status"]["running"].startswith("lab routing, stage jason_v2 since ")
    assert result["status"]["running"].endswith(" UTC, by ada@desk")
    assert result["status"]["verified"] == ""
    assert "Verified    in progress: lab routing, stage jason_v2 since " in result["page"]


@pytest.mark.parametrize("other", ["lab", "run"])
def test_what_was_changed_while_it_was_read_is_compared_with_nothing(
    look: t.Callable[..., Json], server: FakeApi, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    server.put(lease())
    if other == "run":
        compared = view.compared

        def run_meanwhile(*arguments: t.Any) -> t.Any:
            server.put(lease(transitions=2))
            return compared(*arguments)

        monkeypatch.setattr(view, "compared", run_meanwhile)
    lab = "routing" if other == "run" else "tls"
    status = look(bookinfo=[DETAILS], lab=lab, definition=ROUTING, baseline=BASELINE)["status"]
    assert [one for one in status["troubles"] if "gateway" not in one and "not deployed" not in one] == [
        "Namespace bookinfo was changed while it was read: run mesh.workshop.status again."
    ]
    assert status["verified"] == ""


def test_who_may_not_see_the_lease_sees_the_rest(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.fail(403, part="/leases", times=9)
    status = look()["status"]
    assert (status["verified"], status["running"], status["lab"]) == ("", "", "routing")
    assert "get Leases in bookinfo" in status["unseen"]


def test_the_documentation_shows_what_is_returned(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.put(placed(DETAILS, status={"readyReplicas": 1}))
    real, found = look()["status"], documented("workshop_info")
    samples = {key: entry["sample"] for key, entry in found["status"]["contains"].items()}
    assert {key: type(value) for key, value in samples.items()} == {key: type(value) for key, value in real.items()}
    assert samples["workloads"] == real["workloads"]
    moment = datetime.datetime.fromisoformat(samples["verified"]) + datetime.timedelta(minutes=3)
    assert found["page"]["sample"] == page(samples, found["labs"]["sample"], moment)


def test_all_missing_rights_are_named_with_the_first(look: t.Callable[..., Json], server: FakeApi) -> None:
    server.fail(403, method="GET", part="/configmaps", times=99)
    rules = [{"verbs": ["list"], "apiGroups": ["*"], "resources": ["*"]}]
    body = {"status": {"resourceRules": rules, "incomplete": False}}
    server.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)
    message = look()["msg"]
    assert " This user lacks rights in namespace bookinfo: get " in message
    assert "deployments" in message
    assert "exec" not in message
