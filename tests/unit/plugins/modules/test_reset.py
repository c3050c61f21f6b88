# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module from its arguments to its exit: what it takes away, and what it leaves alone."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import of_lab, room

Json = dict[str, t.Any]


@pytest.mark.parametrize("lab", ["", "tls"])
def test_what_lies_in_another_workshop_namespace_stays(run: t.Callable[..., Json], api: FakeApi, lab: str) -> None:
    api.put(room("second"))
    for place in ("bookinfo", "istio-system", "second"):
        api.put(of_lab("Secret", "credentials", place, lab="tls"))
    result = run("reset", lab=lab)
    assert not result.get("failed"), result
    assert api.find("Secret", "credentials", "second") is not None
    assert api.find("Secret", "credentials", "bookinfo") is None
    assert api.find("Secret", "credentials", "istio-system") is None


def test_labels_of_the_mesh_on_the_namespace_are_listed_and_go(run: t.Callable[..., Json], api: FakeApi) -> None:
    document = room("bookinfo")
    assert run("reset", bookinfo=[document])["changed"]
    assert not run("reset", bookinfo=[document])["changed"]
    live = api.find("Namespace", "bookinfo")
    assert live is not None
    live["metadata"]["labels"]["istio.io/rev"] = "x"
    api.put(live)
    before = api.versions()
    would = run("reset", check=True, bookinfo=[document])
    assert api.versions() == before
    assert would["changed"]
    assert would["listing"] == "would restore Namespace bookinfo (without istio.io/rev)"
    result = run("reset", bookinfo=[document])
    assert result["changed"]
    assert result["listing"] == "restored      Namespace bookinfo (without istio.io/rev)"
    live = api.find("Namespace", "bookinfo")
    assert live is not None
    assert "istio.io/rev" not in live["metadata"]["labels"]
    assert not run("reset", bookinfo=[document])["changed"]


SERVICE = {"role": "ratelimit", "namespace": "limits", "objects": ["ConfigMap/ratelimit", "Deployment/ratelimit"]}


def install(api: FakeApi, *, deployment: bool = True, **entry: str) -> None:
    """The service as its role installs it, and what somebody has written to its Deployment."""
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": room("limits")["metadata"] | {"annotations": {}}})
    entries = [{"manager": "mesh-workshop", "operation": "Apply", "fieldsV1": {}}]
    meta = {"name": "ratelimit", "namespace": "limits"}
    api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "managedFields": [*entries]}})
    entries += [{"operation": "Update", "fieldsV1": {}, **entry}] if entry else []
    if deployment:
        api.put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**meta, "managedFields": entries}})


def test_a_service_that_is_as_it_was_installed_is_left_alone(run: t.Callable[..., Json], api: FakeApi) -> None:
    run("reset", services=[SERVICE])
    assert run("reset", services=[SERVICE])["services"] == []
    install(api, manager="kube-controller-manager", subresource="status")
    result = run("reset", services=[SERVICE])
    assert (result["changed"], result["services"]) == (False, [])


@pytest.mark.parametrize("entry", [{"manager": "kubectl", "subresource": "scale"}, {"manager": "kubectl-edit"}])
def test_a_service_that_somebody_has_changed_is_to_be_installed_anew(
    run: t.Callable[..., Json], api: FakeApi, entry: Json
) -> None:
    run("reset")
    install(api, **entry)
    before = api.versions()
    would = run("reset", check=True, services=[SERVICE])
    assert api.versions() == before
    assert "would remove  Deployment limits/ratelimit (the role ratelimit installs it anew)" in would["listing"]
    assert would["services"] == [], "nothing was taken away, so no role has to install it"
    result = run("reset", services=[SERVICE])
    assert (result["changed"], result["services"]) == (True, ["ratelimit"])
    assert api.find("Deployment", "ratelimit", "limits") is None
    # Where the run ended before the role had its turn, the next one says the same.
    assert run("reset", services=[SERVICE])["services"] == ["ratelimit"]


def test_a_service_that_has_lost_an_object_is_to_be_installed_anew(run: t.Callable[..., Json], api: FakeApi) -> None:
    install(api, deployment=False)
    assert run("reset", services=[SERVICE])["services"] == ["ratelimit"]


def test_the_collections_own_baseline_and_catalogue_are_what_is_gone_back_to(
    run: t.Callable[..., Json], api: FakeApi, asked: list[str]
) -> None:
    result = run("reset", baseline=None, catalogue=None)
    assert not result.get("failed"), result
    assert "the page answers with details and reviews" in asked
    gateway = api.find("Gateway", "bookinfo-gateway", "bookinfo") or {}
    assert gateway["spec"]["servers"][0]["hosts"] == ["x"], "the host that setup has noted on the namespace"
    assert run("reset", baseline=None, catalogue=None, lab="tls")["listing"].startswith("Nothing to do")
    assert "There is no lab 'tsl'" in run("reset", baseline=None, catalogue=None, lab="tsl")["msg"]


def test_without_a_host_on_the_namespace_baseline_has_to_be_given(run: t.Callable[..., Json], api: FakeApi) -> None:
    home = room("bookinfo")
    del home["metadata"]["annotations"]
    api.put(home)
    assert "has no annotation mesh.workshop/host" in run("reset", baseline=None)["msg"]


def test_everything_is_reset_only_where_bookinfo_is_known(run: t.Callable[..., Json], api: FakeApi) -> None:
    before = api.versions()
    result = run("reset", bookinfo=None)
    assert result["msg"].startswith("bookinfo is missing: ")
    assert api.versions() == before
    assert not run("reset", bookinfo=None, lab="routing").get("failed")


@pytest.mark.parametrize("lab", ["", "tls"])
@pytest.mark.parametrize("shared", [False, True])
def test_what_was_applied_under_another_name_goes(
    run: t.Callable[..., Json], api: FakeApi, lab: str, shared: bool
) -> None:
    def of_main(kind: str, name: str, namespace: str) -> None:
        obj = of_lab(kind, name, namespace, lab="tls")
        obj["metadata"]["labels"]["mesh.workshop/attendee"] = "main"
        api.put(obj)

    for home in ("bookinfo", "second") if shared else ("bookinfo",):
        api.put(room(home))
        of_main("ConfigMap", "mesh-workshop", home)
        of_main("Secret", "credentials", home)
    of_main("Secret", "certificate", "istio-system")
    assert not run("reset", lab=lab).get("failed")
    assert api.find("Secret", "credentials", "bookinfo") is None
    assert (api.find("Secret", "certificate", "istio-system") is not None) is shared, "another namespace may need it"
    assert (api.find("Secret", "credentials", "second") is not None) is shared
