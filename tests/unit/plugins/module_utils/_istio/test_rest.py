# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a mesh is at rest: what must keep it from counting as such."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio import rest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.rest import Rest, control_plane_state, pods_state
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError

Json = dict[str, t.Any]
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"


def pod(name: str, *, ready: bool = True, phase: str = "Running", restarts: int = 0, **meta: str) -> Json:
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": restarts}]}
    return {"metadata": {"name": name, "namespace": "bookinfo", **meta}, "status": status}


class Mesh:
    """A cluster with one istiod, as far as it is looked at."""

    def __init__(self) -> None:
        self.updates = 7
        self.resources: Json = {LISTENER: {"sent": "1", "acked": "1"}}
        self.pods = [pod("productpage")]
        self.gateways = [pod("gateway")]
        self.rules: list[Json] = []
        self.status = 0
        self.served = "v1"
        self.barred: tuple[str | None, ...] = ()
        self.asked = 0
        self.closed = 0
        self.name = "istiod-1"

    def list(self, version: str, kind: str, namespace: str | None, label_selector: str = "") -> list[Json]:
        self.asked += 1
        if self.status:
            raise ApiError(self.status, "Forbidden", "no")
        if kind == "DestinationRule":
            if version != f"networking.istio.io/{self.served}":
                raise ApiError(404, "UnknownKind", "no such kind")
            return self.rules
        if namespace in self.barred:
            raise ApiError(403, "Forbidden", "no")
        return self.gateways if label_selector else self.pods

    def get(self, path: str) -> bytes:
        assert path == "/metrics"
        return (
            f'pilot_inbound_updates{{type="config"}} {self.updates}\npilot_inbound_updates{{type="eds"}} 1\n'.encode()
        )

    def json(self, path: str) -> t.Any:
        assert path == "/debug/syncz"
        return [{"proxy": "productpage.bookinfo", "resources": self.resources}]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    """A mesh at rest; every look is a new one."""
    one = Mesh()
    monkeypatch.setattr(rest, "find_istiods", lambda client: [one] if one.name else [])
    monkeypatch.setattr(rest, "FRESH", 0.0)
    return one


def look(mesh: Mesh) -> t.Hashable:
    return Rest(t.cast(t.Any, mesh)).look("bookinfo")


def test_a_mesh_at_rest_is_always_the_same(mesh: Mesh) -> None:
    assert look(mesh) is not None
    assert look(mesh) == look(mesh)
    assert mesh.closed == 3


def change(mesh: Mesh, name: str, value: t.Any) -> None:
    setattr(mesh, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("updates", 8),
        ("name", "istiod-2"),
        ("pods", [pod("productpage", restarts=1)]),
        ("pods", [pod("productpage"), pod("reviews")]),
        ("resources", {LISTENER: {"sent": "1", "lastError": "no"}}),
    ],
)
def test_what_has_changed_is_another_state(mesh: Mesh, name: str, value: t.Any) -> None:
    before = look(mesh)
    change(mesh, name, value)
    assert look(mesh) not in (before, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resources", {LISTENER: {"sent": "2", "acked": "1"}}),
        ("name", ""),
        ("pods", [pod("productpage", ready=False)]),
        ("pods", [pod("productpage", phase="Pending", ready=False)]),
        ("pods", [pod("productpage", deletionTimestamp="now")]),
        ("pods", [pod("job", phase="Succeeded", deletionTimestamp="now")]),
        ("gateways", [pod("gateway", ready=False)]),
        ("rules", [{"spec": {"trafficPolicy": {"outlierDetection": {}}}}]),
        ("status", 403),
        ("status", 500),
    ],
)
def test_what_is_moving_or_cannot_be_seen_is_no_rest(mesh: Mesh, name: str, value: t.Any) -> None:
    change(mesh, name, value)
    assert look(mesh) is None


@pytest.mark.parametrize("version", ["v1", "v1beta1", ""])
def test_rules_are_read_in_the_version_that_is_served(mesh: Mesh, version: str) -> None:
    mesh.served = version
    assert look(mesh) is not None
    mesh.rules = [{"spec": {"trafficPolicy": {"outlierDetection": {}}}}]
    assert (look(mesh) is None) is bool(version)


def test_who_may_not_list_all_pods_needs_those_of_istio(mesh: Mesh) -> None:
    mesh.barred = (None,)
    assert look(mesh) is not None
    mesh.gateways = []
    assert look(mesh) is None, "the gateways may be elsewhere"
    mesh.gateways, mesh.barred = [pod("gateway")], (None, "istio-system")
    assert look(mesh) is None


def test_pods_that_have_ended_do_not_count() -> None:
    assert pods_state([pod("a"), pod("job", phase="Succeeded", ready=False)]) == pods_state([pod("a")])


def test_who_may_not_look_is_not_asked_again(mesh: Mesh) -> None:
    mesh.status = 403
    one = Rest(t.cast(t.Any, mesh))
    # Once for all pods, and once for those of Istio's namespace.
    assert (one.look("bookinfo"), one.look("bookinfo"), mesh.asked) == (None, None, 2)
    mesh.status, mesh.asked = 500, 0
    two = Rest(t.cast(t.Any, mesh))
    two.look("bookinfo")
    mesh.status = 0
    assert two.look("bookinfo") is not None, "a server that restarts is asked again"


def test_one_look_serves_all_who_ask_at_the_same_time(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "FRESH", 60.0)
    one = Rest(t.cast(t.Any, mesh))
    one.look("bookinfo")
    asked = mesh.asked
    assert one.look("bookinfo") is not None
    assert mesh.asked == asked
    one.look("another")
    assert mesh.asked > asked


def test_a_forwarded_connection_is_closed_where_a_proxy_waits(mesh: Mesh) -> None:
    mesh.resources = {LISTENER: {"sent": "2"}}
    assert control_plane_state(t.cast(t.Any, mesh)) is None
    assert mesh.closed == 1
