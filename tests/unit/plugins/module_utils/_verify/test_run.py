# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of a run share: the way in."""

from __future__ import annotations

import threading
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, connect
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.explain import unread_logs
from ansible_collections.mesh.workshop.plugins.module_utils._verify.run import Run
from ansible_collections.mesh.workshop.tests.unit.fake_api import KINDS, FakeApi
from ansible_collections.mesh.workshop.tests.unit.servers import Site


def test_a_gateway_that_waits_for_its_address_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", "")
    api = FakeApi([*KINDS, ("v1", "nodes", "Node", False)])
    meta = {"name": "gw", "namespace": "istio-system", "labels": {"istio": "ingressgateway"}}
    spec = {"type": "LoadBalancer", "ports": [{"port": site.port}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    api.put(service)
    given = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    url = f"http://shop.example:{site.port}/"
    client = connect({"host": api.url, "api_key": "good"}, {})
    one = {"name": "c", "request": {"url": url}, "expect": {"status": 200}, "deadline": 20}
    try:
        once = run_checks(client, parse_checks([one]), once=True)
        assert "observed no way in. The gateway's Service istio-system/gw waits for an address" in once.message
        threading.Timer(0.3, lambda: api.put({**service, "status": given})).start()
        outcome = run_checks(client, parse_checks([one]))
    finally:
        client.close()
        api.stop()
    assert outcome.passed, outcome.message


@pytest.mark.parametrize(("status", "said"), [(403, ["bookinfo/reviews-v1"]), (404, []), (400, [])])
def test_logs_without_the_right_to_them_are_noted(status: int, said: list[str]) -> None:
    def logs(*_arguments: t.Any, **_options: t.Any) -> bytes:
        raise ApiError(status, "Refused", "no")

    run = Run(t.cast("t.Any", types.SimpleNamespace(logs=logs)), gateway=None, gateway_tls=None, once=True)
    assert run.logs("bookinfo", ["reviews-v1"]) == []
    assert sorted(run.unread_logs) == said
    told = (
        "What the proxies of pod bookinfo/reviews-v1 wrote about the request cannot be read (no right to get pods/log)."
    )
    assert list(unread_logs(run)) == [told for _pod in said]
