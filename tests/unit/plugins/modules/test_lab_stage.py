# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module from its arguments to its exit: where it applies a stage, over what, and what it verifies."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import REVIEWS, ROUTING, of_lab, room

Json = dict[str, t.Any]


@pytest.fixture(name="stage")
def stage_fixture(run: t.Callable[..., Json]) -> t.Callable[..., Json]:
    """Run the module for a stage of the lab routing."""

    def call(name: str = "", **options: t.Any) -> Json:
        given: Json = {"lab": "routing", "definition": ROUTING, "stage": name, **options}
        if given.get("state") != "verified":
            given.setdefault("wait_timeout", 5)
        return run("lab_stage", **given)

    return call


@pytest.mark.parametrize("check", [False, True])
def test_a_namespace_that_is_not_ours_is_refused(stage: t.Callable[..., Json], api: FakeApi, check: bool) -> None:
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}})
    before = api.versions()
    result = stage(namespace="theirs", check=check)
    assert result["failed"]
    assert "Namespace theirs is not the workshop's" in result["msg"]
    assert api.versions() == before


def test_a_namespace_that_is_only_pretended_is_none_to_refuse(stage: t.Callable[..., Json], api: FakeApi) -> None:
    assert "does not exist" in stage(namespace="nowhere")["msg"]
    result = stage(namespace="nowhere", check=True)
    assert not result.get("failed"), result
    assert [one["kind"] for one in result["results"]][0] == "Namespace"
    assert api.find("Namespace", "nowhere") is None


def test_what_was_done_by_hand_is_verified_and_left_as_it_is(
    stage: t.Callable[..., Json], api: FakeApi, asked: list[str]
) -> None:
    api.put({**REVIEWS, "metadata": {"name": "reviews", "namespace": "bookinfo"}})
    before = api.versions()
    result = stage("all_v1", state="verified")
    assert (result["lab"], result["stage"], result["changed"]) == ("routing", "all_v1", False)
    assert asked == ["all get v1"]
    assert api.versions() == before


@pytest.mark.parametrize("state", ["applied", "verified"])
def test_checks_know_whose_they_are_where_there_are_several_attendees(
    stage: t.Callable[..., Json], monkeypatch: pytest.MonkeyPatch, asked: list[str], state: str
) -> None:
    named: list[t.Any] = []

    def run_checks(*where: t.Any, attendee: str = "", **_options: t.Any) -> Outcome:
        named.append(attendee)
        return Outcome(passed=True, results=[], table="", message="")

    monkeypatch.setattr(_verify, "run_checks", run_checks)
    for given in ({"attendee": "ada"}, {}):
        assert not stage("all_v1", state=state, **given).get("failed")
    assert named == ["ada", ""]


def test_the_last_stage_is_verified_where_none_is_named(
    stage: t.Callable[..., Json], api: FakeApi, asked: list[str]
) -> None:
    stage("all_v1")
    asked.clear()
    assert stage(state="verified")["stage"] == "jason_v2"
    assert asked == ["jason gets v2"]


def test_there_is_nothing_to_verify_in_a_namespace_that_does_not_exist(stage: t.Callable[..., Json]) -> None:
    assert "does not exist" in stage(namespace="nowhere", state="verified", check=True)["msg"]


def by_hand(api: FakeApi, name: str, **fields: t.Any) -> None:
    """What kubectl edit does: fields are added, and their owner is kubectl."""
    live = api.find("VirtualService", name, "bookinfo")
    assert live is not None
    owned = {"f:spec": {f"f:{field}": {} for field in fields}}
    entry = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": owned}
    live["metadata"]["managedFields"].append(entry)
    api.put({**live, "spec": {**live["spec"], **fields}})


@pytest.mark.parametrize("name", ["reviews", "bookinfo"])
def test_what_was_added_to_an_object_of_the_stage_goes(stage: t.Callable[..., Json], api: FakeApi, name: str) -> None:
    stage()
    assert not stage()["changed"]
    by_hand(api, name, exportTo=["."])
    before = api.versions()
    would = stage(check=True)
    assert api.versions() == before
    result = stage()
    for one in (would, result):
        assert one["changed"]
        written = [
            (item["name"], item["action"], item["written_by"]) for item in one["results"] if "written_by" in item
        ]
        assert written == [(name, "changed", ["kubectl-edit"])]
    live = api.find("VirtualService", name, "bookinfo")
    assert live is not None
    assert "exportTo" not in live["spec"]
    assert not stage()["changed"]


def test_what_was_put_beside_a_stage_stays_and_is_named(
    stage: t.Callable[..., Json], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warnings.append(text))
    stage()
    assert warnings == ["There is no ready istiod, so no proxy has the configuration yet."], "what the apply says, too"
    warnings.clear()
    route = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": {"hosts": ["ratings"]}}
    kept = {"name": "kept", "namespace": "bookinfo", "labels": {"mesh.workshop/managed": "true"}}
    api.put({**route, "metadata": {"name": "by-hand", "namespace": "bookinfo"}})
    api.put({**route, "metadata": kept})
    api.put({**route, "metadata": {"name": "elsewhere", "namespace": "istio-system"}})
    result = stage()
    assert not result["changed"]
    (said,) = warnings
    assert "no lab has applied: VirtualService by-hand. It stays" in said
    assert "mesh.workshop.reset removes it" in said
    assert api.find("VirtualService", "by-hand", "bookinfo") is not None


@pytest.mark.parametrize("check", [False, True])
def test_what_has_the_name_of_another_stage_of_the_lab_goes(
    run: t.Callable[..., Json], api: FakeApi, check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warnings.append(text))
    ratings = {**REVIEWS, "metadata": {"name": "ratings"}}
    lab = {**ROUTING, "stages": [*ROUTING["stages"], {"name": "late", "title": "Late", "resources": [ratings]}]}
    for name in ("ratings", "mine"):
        api.put({**REVIEWS, "metadata": {"name": name, "namespace": "bookinfo"}})
    result = run("lab_stage", lab="routing", stage="all_v1", definition=lab, check=check)
    actions = {one["name"]: one["action"] for one in result["results"] if one["kind"] == "VirtualService"}
    assert actions["ratings"] == "deleted"
    assert result["changed"]
    assert (api.find("VirtualService", "ratings", "bookinfo") is None) != check
    assert api.find("VirtualService", "mine", "bookinfo") is not None
    assert "VirtualService mine." in str(warnings)


def of_main(kind: str, name: str, namespace: str, lab: str = "tls") -> Json:
    """What a stage of before applied: all namespaces had the same attendee."""
    obj = of_lab(kind, name, namespace, lab=lab)
    obj["metadata"]["labels"]["mesh.workshop/attendee"] = "main"
    return obj


@pytest.mark.parametrize("stays", [False, True])
def test_what_was_applied_under_another_name_is_taken_over(
    stage: t.Callable[..., Json], api: FakeApi, stays: bool
) -> None:
    for home in ("bookinfo", "second")[: 2 if stays else 1]:
        api.put(room(home))
        api.put(of_main("ConfigMap", "mesh-workshop", home))
        api.put(of_main("Secret", f"of-{home}", home))
    api.put(of_main("Secret", "certificate", "istio-system"))
    assert not stage("all_v1").get("failed")
    assert api.find("Secret", "of-bookinfo", "bookinfo") is None
    marker = api.find("ConfigMap", "mesh-workshop", "bookinfo") or {}
    assert marker["metadata"]["labels"]["mesh.workshop/attendee"] == "bookinfo"
    assert (api.find("Secret", "certificate", "istio-system") is not None) is stays, "another namespace may need it"
    assert (api.find("Secret", "of-second", "second") is not None) is stays
