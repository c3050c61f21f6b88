# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._openshift.routes import (
    carries,
    refusal_of,
    remedy_of,
    route_for,
    router_of,
    routes_to,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]
HOST = "shop.apps.example"
GATEWAY = ("istio-system", "istio-ingressgateway")
REFUSED: Json = {
    "type": "Admitted",
    "status": "False",
    "reason": "HostAlreadyClaimed",
    "message": f"route older already exposes {HOST} and is older",
}


def route(name: str = "bookinfo", *verdicts: Json, to: str = GATEWAY[1], **spec: t.Any) -> Json:
    """A Route with an entry per router."""
    ingress = [
        {"routerName": "default", "routerCanonicalHostname": "router.apps.example", "conditions": [one]}
        for one in verdicts
    ]
    return {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": name, "namespace": GATEWAY[0]},
        "spec": {"host": HOST, "to": {"kind": "Service", "name": to}, **spec},
        "status": {"ingress": ingress},
    }


ADMITTED: Json = {"type": "Admitted", "status": "True"}


def test_one_router_that_admits_it_is_enough() -> None:
    found = route("bookinfo", REFUSED, ADMITTED)
    assert (router_of(found), refusal_of(found)) == ("router.apps.example", "")


def test_a_router_without_a_name_is_reached_by_the_host() -> None:
    found = route("bookinfo", ADMITTED)
    del found["status"]["ingress"][0]["routerCanonicalHostname"]
    assert router_of(found) == HOST


@pytest.mark.parametrize(
    ("found", "why", "remedy"),
    [
        (route(), "no router has admitted it", "see which routers there are"),
        (
            route("bookinfo", REFUSED),
            f"router default does not admit it (HostAlreadyClaimed: route older already exposes {HOST} and is older)",
            "remove the Route that has the host",
        ),
        (
            route("bookinfo", {"type": "Admitted", "status": "False"}),
            "router default does not admit it (it gives no reason)",
            "correct what the router names",
        ),
    ],
)
def test_why_a_route_leads_nowhere(found: Json, why: str, remedy: str) -> None:
    assert router_of(found) is None
    assert refusal_of(found) == why
    assert remedy_of(why).startswith(remedy)


@pytest.mark.parametrize(
    ("settings", "plain", "tls"),
    [
        (None, True, False),
        ({"termination": "passthrough"}, False, True),
        ({"termination": "edge"}, False, False),
        ({"termination": "edge", "insecureEdgeTerminationPolicy": "Allow"}, True, False),
    ],
)
def test_which_requests_pass_the_router_as_they_are(settings: Json | None, plain: bool, tls: bool) -> None:
    found = route(tls=settings)
    assert (carries(found, tls=False), carries(found, tls=True)) == (plain, tls)


def test_the_admitted_one_of_the_whole_host_is_chosen() -> None:
    part, waiting, admitted = route("a", ADMITTED, path="/api"), route("b"), route("c", ADMITTED)
    other = route("d", ADMITTED, host="other.example")
    chosen = route_for([part, waiting, admitted, other], HOST, tls=False)
    assert chosen is admitted
    assert route_for([part, other], HOST, tls=False) is None
    assert route_for([admitted], HOST, tls=True) is None


@pytest.fixture
def openshift(api: FakeApi) -> FakeApi:
    api.kinds.append(("route.openshift.io/v1", "routes", "Route", True))
    api.put(route())
    api.put(route("elsewhere", to="another"))
    return api


def test_routes_are_read_by_the_package_on_our_connection(openshift: FakeApi, client: Client) -> None:
    (found,) = routes_to(client, [GATEWAY])
    assert found["metadata"]["name"] == "bookinfo"
    assert {headers["Authorization"] for headers in openshift.headers} == {"Bearer good"}


def test_users_who_may_not_see_routes_go_on_without(openshift: FakeApi, client: Client) -> None:
    openshift.fail(403, part="/routes", body=status_body(403, "Forbidden", "no"))
    assert routes_to(client, [GATEWAY]) == []


def test_on_another_cluster_the_package_is_not_imported(
    api: FakeApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openshift.dynamic", None)
    assert routes_to(client, [GATEWAY]) == []
    assert len(api.requests) == 1


def test_a_missing_package_is_told_with_the_python_that_lacks_it(
    openshift: FakeApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openshift.dynamic", None)
    with pytest.raises(Exception, match=r"the Python package openshift cannot be imported .*: install it for /"):
        routes_to(client, [GATEWAY])
