# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that show the mesh, in a real browser, with the traffic of the test on them."""

from __future__ import annotations

import json
import os
import re
import typing as t
import urllib.parse
from pathlib import Path

import pytest
from oracle.browser import NPM, Page, browser, forwarded, packages

HOME = "mesh-workshop-dashboard"
REQUESTS = 12
LAPTOP, PHONE = (1280, 800), (390, 844)
ROWS = "[...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(one => one.textContent))"
DETAILS = f"({ROWS}).find(row => row[0] === 'productpage v1' && row[1] === 'details v1')"
HEADLINE = "document.getElementById('headline').textContent"
FAULT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "dashboard", "namespace": "bookinfo"},
    "spec": {
        "hosts": ["details"],
        "http": [
            {
                "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 100}}},
                "route": [{"destination": {"host": "details"}}],
            }
        ],
    },
}
# Where pictures for the documentation are put; without it none are taken.
PICTURES = os.environ.get("MESH_WORKSHOP_PICTURES", "")


def number(kube: t.Any, query: str) -> float:
    """What Prometheus itself answers, by way of the API server's proxy."""
    api = kube.core.api_client
    service = "/api/v1/namespaces/mesh-workshop-metrics/services/http:prometheus:9090/proxy"
    question = urllib.parse.urlencode({"query": query})
    answer = api.call_api("GET", f"{api.configuration.host}{service}/api/v1/query?{question}")
    answer.read()
    found = json.loads(answer.data)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture(scope="module")
def address(kube: t.Any, ansible: t.Any, cluster: str, kubeconfig: Path, eventually: t.Any) -> t.Iterator[str]:
    """Where kubectl opens the pages; afterwards nothing of them is left."""
    refused = ansible.play("dashboard", metrics_state="existing")
    assert refused.status != 0
    assert "This cluster has no Service of a Prometheus, and metrics_state=existing installs none" in refused.message
    run = ansible.play("dashboard")
    assert run.status == 0, run.output
    again = ansible.play("dashboard", metrics_state="existing")
    assert again.status == 0, again.output
    assert again.changed == 0
    (told,) = re.findall(r"kubectl --kubeconfig \S+ port-forward (-n \S+ \S+) 8080:80", again.output)
    # Traffic of before does not count, and nobody makes any until all proxies have been read once.
    eventually(lambda: number(kube, "count(envoy_server_live)") == 7, "Bookinfo and the gateway read by Prometheus")
    with forwarded(cluster, kubeconfig, *told.split()) as opened:
        yield opened
    gone = ansible.play("dashboard", dashboard_state="absent", metrics_state="absent")
    assert gone.status == 0, gone.output
    assert HOME not in {one.metadata.name for one in kube.core.list_namespace().items}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def show(tab: Page, address: str) -> t.Iterator[t.Callable[..., Page]]:
    """A page with something on it; it must not complain."""
    tab.complaints.clear()

    def show(path: str, screen: tuple[int, int] = LAPTOP, scheme: str = "light") -> Page:
        tab.prefer(scheme)
        tab.show(address + path, *screen, mobile=screen == PHONE)
        tab.eventually("!document.getElementById('shown').hidden || !document.getElementById('message').hidden")
        return tab

    yield show
    assert tab.complaints == []


def load(gateway: t.Any, count: int = REQUESTS) -> None:
    for _number in range(count):
        assert gateway.get("/productpage").status == 200


def test_the_graph_follows_the_traffic_and_counts_it_exactly(show: t.Any, gateway: t.Any) -> None:
    page = show("/?namespace=bookinfo&minutes=15")
    said = page.evaluate(f"document.getElementById('message').textContent || {HEADLINE}")
    assert said.startswith(("The proxies have counted no request yet:", "Nobody called anybody in namespace bookinfo"))
    load(gateway)
    page.eventually(f"({DETAILS} ?? [])[2] === '{REQUESTS}'")
    page.eventually("document.querySelectorAll('#graph .node').length === 7")
    assert page.evaluate(DETAILS)[3] == f"{REQUESTS / 900:.2f}"
    assert page.evaluate(DETAILS)[6:] == ["0 %", f"200: {REQUESTS}", "yes"]
    names = page.evaluate("[...document.querySelectorAll('#graph .node .name')].map(one => one.textContent)")
    assert {"istio-ingressgateway", "productpage", "details", "reviews", "ratings"} == set(names)
    assert page.evaluate(HEADLINE) == "No call fails."


def test_a_fault_is_seen_at_a_glance(show: t.Any, gateway: t.Any, ansible: t.Any, eventually: t.Any) -> None:
    page = show("/?namespace=bookinfo&minutes=1")
    try:
        run = ansible.module("apply", definitions=[FAULT])
        assert run.status == 0, run.output

        def follows() -> bool:
            load(gateway, 2)
            return bool(page.evaluate(f"{HEADLINE}.includes('productpage v1 to details')"))

        eventually(follows, "the fault on the page")
        page.eventually("document.getElementById('problems').textContent.includes('500, a fault was injected (FI)')")
        assert page.evaluate("document.querySelectorAll('#graph .edge.failed').length") == 1
        assert page.evaluate("document.querySelectorAll('#graph .node.failed').length") == 1
        if PICTURES:
            page.picture(Path(PICTURES) / "graph.png")
    finally:
        gone = ansible.module("apply", definitions=[FAULT], state="absent")
    assert gone.status == 0, gone.output


@pytest.mark.parametrize("by", ["service", "workload"])
def test_signals_of_all_that_was_called(show: t.Any, gateway: t.Any, by: str, eventually: t.Any) -> None:
    load(gateway)
    page = show(f"/signals?namespace=bookinfo&by={by}")
    names = "[...document.querySelectorAll('tbody th')].map(one => one.textContent.replace(/-v1$/, ''))"
    wanted = f"['details', 'productpage', 'ratings'].every(name => {names}.includes(name))"
    measured = f"{ROWS}.length > 3 && {ROWS}.every(row => row[1] > 0 && /(ms|s)$/.test(row[4]))"

    def follows() -> bool:
        load(gateway, 2)
        return bool(page.evaluate(f"{wanted} && {measured}"))

    eventually(follows, "rate and duration of everything that was called")
    assert page.evaluate("document.querySelectorAll('#charts canvas').length") >= 12
    if PICTURES and by == "service":
        page.picture(Path(PICTURES) / "signals.png")


@pytest.mark.parametrize("path", ["/?namespace=bookinfo&minutes=15", "/signals?namespace=bookinfo"])
def test_everybody_can_use_them(show: t.Any, path: str, tmp_path: Path) -> None:
    page = show(path, PHONE, "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.accuse(packages(NPM, tmp_path)) == []
    if PICTURES and path.startswith("/?"):
        page.picture(Path(PICTURES) / "graph-phone.png")
