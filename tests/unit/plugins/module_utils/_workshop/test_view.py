# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Applied, LabError
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.view import Asked, View, parts_of

Json = dict[str, t.Any]

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "details"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ROUTE = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "reviews"}}
BASELINE = {"title": "B", "stages": [{"name": "baseline", "title": "B", "resources": []}]}
LAB = {
    "title": "L",
    "stages": [{"name": "one", "title": "O", "resources": [{**ROUTE, "spec": {"hosts": ["reviews"]}}]}],
}


def asked(**more: t.Any) -> Asked:
    return Asked("shop", "istio-system", "shop.example", bookinfo=[NAMESPACE, SERVICE], **more)


def test_bookinfo_is_looked_for_in_the_workshops_namespace() -> None:
    (part,) = parts_of(asked(), Applied("lab", "one"))
    assert part.documents == [{**SERVICE, "metadata": {"name": "details", "namespace": "shop"}}]
    assert (part.state, part.remedy) == ("Bookinfo", "run mesh.workshop.reset or mesh.workshop.setup")


@pytest.mark.parametrize(
    ("applied", "state", "remedy"),
    [
        (Applied("routing", "one"), "stage one of lab routing", "run mesh.workshop.lab -e lab=routing -e stage=one"),
        (Applied("baseline", "baseline"), "baseline", "run mesh.workshop.reset"),
    ],
)
def test_the_applied_stage_is_looked_for(applied: Applied, state: str, remedy: str) -> None:
    _bookinfo, part = parts_of(asked(definition=LAB, baseline=BASELINE), applied)
    assert (part.state, part.remedy) == (state, remedy)
    assert ("reviews" in [one["metadata"]["name"] for one in part.documents]) == (applied[0] == "routing")


def test_where_nothing_is_applied_or_known_only_bookinfo_is_looked_for() -> None:
    assert len(parts_of(asked(definition=LAB, baseline=BASELINE), None)) == 1
    assert len(parts_of(asked(), Applied("routing", "one"))) == 1
    with pytest.raises(LabError, match="has no stage 'two'"):
        parts_of(asked(definition=LAB, baseline=BASELINE), Applied("routing", "two"))


def test_a_stage_is_looked_for_in_the_api_that_it_was_applied_in() -> None:
    form = {"resources": [{**ROUTE, "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": {}}]}
    lab = {"title": "L", "stages": [{**LAB["stages"][0], "gateway_api": form}]}
    _bookinfo, part = parts_of(asked(definition=lab, baseline=BASELINE), Applied("routing", "one", "gateway"))
    assert {one["kind"] for one in part.documents} == {"HTTPRoute", "ConfigMap"}
    assert part.remedy == "run mesh.workshop.lab -e lab=routing -e stage=one -e lab_api=gateway"


def test_where_there_are_several_attendees_remedies_name_whose_it_is() -> None:
    room = asked(definition=LAB, baseline=BASELINE, attendee="ada")
    said = [part.remedy for one in ("routing", "baseline") for part in parts_of(room, Applied(one, "one"))]
    reset = "run mesh.workshop.reset -e attendee=ada"
    assert said == [reset, "run mesh.workshop.lab -e lab=routing -e stage=one -e attendee=ada", reset, reset]


class Client:
    """One whose user may read only what is in some namespaces."""

    def __init__(self, status: int, *allowed: str | None) -> None:
        self._status = status
        self._allowed = allowed

    def list(self, _version: str, _kind: str, place: str | None = None, **_options: t.Any) -> list[Json]:
        if place not in self._allowed:
            raise ApiError(self._status, "Failure", "no")
        return [{"metadata": {"namespace": place}}]

    def get(self, _version: str, kind: str, name: str, namespace: str) -> Json | None:
        if namespace not in self._allowed:
            raise ApiError(self._status, "Failure", "no")
        return {"kind": kind, "metadata": {"name": name}}


def view(status: int, *allowed: str | None) -> View:
    return View(t.cast(t.Any, Client(status, *allowed)))


def test_the_first_place_that_may_be_listed_counts_and_what_may_not_be_is_noted() -> None:
    seen = view(403, "istio-system")
    found = seen.objects("apps/v1", "Deployment", None, "istio-system")
    assert found == [{"metadata": {"namespace": "istio-system"}}]
    assert seen.unseen == []
    assert seen.objects("apps/v1", "Deployment", None, "shop") is None
    assert seen.nodes() is None
    assert seen.unseen == ["list Deployments in shop"]


def test_objects_that_may_not_be_read_are_left_out_and_noted_once() -> None:
    here = {**SERVICE, "metadata": {"name": "a", "namespace": "shop"}}
    there = [{**SERVICE, "metadata": {"name": name, "namespace": "istio-system"}} for name in ("b", "c")]
    seen = view(403, "shop")
    assert seen.pairs([here, *there]) == [(here, {"kind": "Service", "metadata": {"name": "a"}})]
    assert seen.unseen == ["get Services in istio-system"]


def test_any_other_error_is_told() -> None:
    seen = view(500)
    for ask in (
        lambda: seen.objects("v1", "Service", None),
        seen.nodes,
        lambda: seen.pairs([{**SERVICE, "metadata": {"name": "a", "namespace": "shop"}}]),
    ):
        with pytest.raises(ApiError):
            ask()
