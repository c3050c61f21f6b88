# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import proxies as module
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.proxies import Proxies
from ansible_collections.mesh.workshop.plugins.module_utils._istio import istiod
from ansible_collections.mesh.workshop.plugins.module_utils._istio.istiod import ProxyStatus
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError

from .worlds import NOT_FOUND, PAGE, REFUSED, said, thing, world

WHY = "Error adding/updating listener(s) virtualInbound: token bucket fill interval must be >= 50ms."


def proxy(name: str, namespace: str = "bookinfo", **parts: t.Any) -> ProxyStatus:
    return ProxyStatus(f"{name}.{namespace}", "sidecar", "1.30", **parts)


def asked(*proxies: ProxyStatus, seen: t.Any = PAGE, **changes: t.Any) -> t.Any:
    objects = world()
    objects["EnvoyFilter"] = [
        thing("quota", spec={"workloadSelector": {"labels": {"app": "reviews"}}}),
        thing("elsewhere", spec={"workloadSelector": {"labels": {"app": "ratings"}}}),
        thing("other", "apps", spec={}),
        thing("of-gateway", spec={"targetRefs": [{"kind": "Gateway", "name": "edge"}]}),
    ]
    values = {"source": "productpage", "url": "http://reviews:9080/", "proxies": proxies, **changes}
    return said(objects, seen, **values)


def test_the_callees_proxy_has_rejected_what_it_was_sent() -> None:
    found = asked(proxy("reviews-v1-x", rejected={"listeners": WHY}))
    assert found.sentence == (
        "The proxy of pod bookinfo/reviews-v1-x has rejected the listeners and goes on with its earlier configuration: "
        "Error adding/updating listener(s) virtualInbound: token bucket fill interval must be >= 50ms."
    )
    assert found.remedy == (
        "Correct or remove EnvoyFilter bookinfo/quota: only Envoy checks what is below typed_config."
    )


def test_a_reason_is_cut_and_without_a_filter_the_last_change_is_meant() -> None:
    found = asked(proxy("productpage-v1-x", rejected={"clusters": "x" * 5000}))
    assert len(found.sentence) < 500
    assert found.remedy == "Correct or remove what was applied last."


def test_a_proxy_that_has_not_acknowledged_yet() -> None:
    found = asked(proxy("productpage-v1-x", waiting=["listeners", "routes"]))
    assert found.sentence == (
        "The proxy of pod bookinfo/productpage-v1-x has not acknowledged its configuration yet (listeners, routes)."
    )
    assert found.remedy.startswith("Verify again in a moment; if it stays so, see kubectl -n bookinfo logs")


def test_the_gateway_is_on_the_way_from_the_host() -> None:
    host = {"source": "host", "url": "http://mybookstore.com/productpage"}
    late = proxy("gateway-x", "istio-system", waiting=["routes"])
    assert "pod istio-system/gateway-x has not acknowledged" in asked(late, **host).sentence
    bad = proxy("gateway-x", "istio-system", rejected={"listeners": WHY})
    assert "gateway-x has rejected the listeners" in asked(bad, seen=REFUSED, **host).sentence


def test_what_is_wrong_in_the_objects_comes_before_a_proxy_that_is_late() -> None:
    host = {"source": "host", "url": "http://mybookstore.com/other"}
    found = asked(proxy("gateway-x", "istio-system", waiting=["routes"]), seen=NOT_FOUND, **host)
    assert "has no route for the path /other" in found.sentence


@pytest.mark.parametrize(
    "other",
    [
        proxy("ratings-v1-x", rejected={"listeners": WHY}),
        proxy("reviews-v1-x", "apps", rejected={"listeners": WHY}),
        proxy("reviews-v1-x"),
    ],
)
def test_proxies_that_are_not_on_the_way_explain_nothing(other: ProxyStatus) -> None:
    assert asked(other) == asked()


def test_istiod_is_asked_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[t.Any] = []
    late = proxy("a", waiting=["routes"])
    monkeypatch.setattr(istiod, "proxies_of", lambda client: (calls.append(client), [late])[1])
    view = Proxies(t.cast(t.Any, "client"))
    assert view.found() == view.found() == (late,)
    assert calls == ["client"]
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    over = threading.Event()
    monkeypatch.setattr(istiod, "proxies_of", lambda client: [late] if over.wait(10) else [])
    assert Proxies(t.cast(t.Any, "client")).found() == ()
    over.set()


def test_where_istiod_may_not_be_asked_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(client: t.Any) -> t.NoReturn:
        raise ApiError(403, "Forbidden", "no")

    monkeypatch.setattr(istiod, "proxies_of", forbidden)
    assert Proxies(t.cast(t.Any, "client")).found() == ()
