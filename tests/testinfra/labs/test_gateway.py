# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `gateway`: no way in, the way in, and a login through it."""

from __future__ import annotations

import socket

import pytest

LISTED = {
    "/": 302,
    "/productpage": 200,
    "/static/style.css": 200,
    "/logout": 302,
    "/api/v1/products": 200,
    "/api/v1/products/0": 200,
    "/api/v1/products/0/reviews": 200,
    "/api/v1/products/0/ratings": 200,
}


def listens(gateway):
    try:
        socket.create_connection((gateway.address, gateway.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.stage("gateway", "closed")
def test_closed_has_no_listener_at_all(gateway, kube, eventually):
    eventually(lambda: not listens(gateway), "the port is closed")
    assert kube.istio("gateways") == {}
    assert kube.istio("virtualservices") == {}


@pytest.mark.stage("gateway", "open")
def test_open_leads_to_what_is_listed_and_to_nothing_else(gateway, kube):
    assert listens(gateway)
    for path, status in LISTED.items():
        assert gateway.get(path).status == status, path
    assert gateway.login("jason")
    assert gateway.get("/productpage", host="other.example").status == 404
    for path in ("/health", "/index.html", "/details/0", "/productpage/more"):
        assert gateway.get(path).status == 404, path
    (item,) = kube.istio("gateways").values()
    assert item["spec"]["servers"][0]["hosts"] == ["mybookstore.com"]


@pytest.mark.stage("gateway", "login")
def test_login_greets_the_visitor_by_name(gateway):
    session = gateway.login("jason")
    assert "jason" in gateway.get("/productpage", headers=session).body
    assert "mary" in gateway.get("/productpage", headers=gateway.login("mary")).body
    assert "jason" not in gateway.get("/productpage").body
