# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio's metrics in Prometheus, and checks that ask it: installed, counted by real requests, removed."""

from __future__ import annotations

import typing as t

import pytest
from kubernetes.client.exceptions import ApiException

HOME = "mesh-workshop-metrics"
REQUESTS = 12
PAGE = "http://mybookstore.com/productpage"
DETAILS = 'sum(istio_requests_total{reporter="source",source_workload="productpage-v1",%s})'
ANSWERED = DETAILS % 'destination_workload="details-v1",destination_workload_namespace="bookinfo",response_code="200"'
ABORTED = DETAILS % 'destination_service="details.bookinfo.svc.cluster.local",response_code="500",response_flags="FI"'
FAULT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "metrics", "namespace": "bookinfo"},
    "spec": {
        "hosts": ["details"],
        "http": [
            {
                "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 50}}},
                "route": [{"destination": {"host": "details"}}],
            }
        ],
    },
}


def check(query: str, **wanted: t.Any) -> dict[str, t.Any]:
    expect = {"status": 200, "metric": {"query": query, **wanted}}
    return {"name": "counted", "request": {"url": PAGE, "concurrency": 2}, "expect": expect, "tolerance": 15}


@pytest.fixture(scope="module")
def prometheus(kube: t.Any, ansible: t.Any) -> t.Iterator[t.Callable[[str], float]]:
    """What a query gives; afterwards there is no Prometheus."""
    run = ansible.role("metrics")
    assert run.status == 0, run.output
    yield kube.prometheus
    gone = ansible.role("metrics", metrics_state="absent")
    assert gone.status == 0, gone.output
    with pytest.raises(ApiException) as error:
        kube.custom.get_namespaced_custom_object(
            "networking.istio.io", "v1alpha3", "istio-system", "envoyfilters", HOME
        )
    assert error.value.status == 404
    assert HOME not in {one.metadata.name for one in kube.rbac.list_cluster_role().items}


def test_all_proxies_and_istiod_are_read(prometheus: t.Any, kube: t.Any, eventually: t.Any) -> None:
    pods = [
        pod
        for pod in kube.core.list_pod_for_all_namespaces().items
        if (pod.metadata.annotations or {}).get("prometheus.io/scrape") == "true" and pod.status.phase == "Running"
    ]
    assert len(pods) >= 8, "Bookinfo, the gateway and istiod"
    eventually(lambda: prometheus("count(up == 1)") == len(pods), f"{len(pods)} targets that are read")
    eventually(lambda: prometheus("count(pilot_xds)") == 1, "istiod's own metrics")


def test_a_request_is_counted_once_on_each_side(prometheus: t.Any, gateway: t.Any, eventually: t.Any) -> None:
    at_callee = (
        'sum(istio_requests_total{reporter="destination",destination_workload="details-v1",'
        'source_principal="spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage"})'
    )
    before = [prometheus(query) for query in (ANSWERED, at_callee)]
    for _number in range(REQUESTS):
        assert gateway.get("/productpage").status == 200
    wanted = [count + REQUESTS for count in before]
    eventually(lambda: [prometheus(query) for query in (ANSWERED, at_callee)] == wanted, f"{wanted} requests counted")


def test_a_check_counts_its_own_requests(prometheus: t.Any, ansible: t.Any) -> None:
    right = ansible.module("verify", checks=[check(ANSWERED, each=1)])
    assert right.status == 0, right.output
    (result,) = right.result["checks"]
    assert result["observed"] == f"metric grew by {result['samples']} in {result['samples']} requests"
    assert result["evidence"] == f"the metrics in Prometheus ({HOME}/prometheus)"
    wrong = ansible.module("verify", checks=[check(ANSWERED, each=2)], once=True)
    assert wrong.status != 0
    assert "expected status 200, metric grows by 2 with each request, observed metric grew by" in wrong.message


def test_an_injected_error_is_the_share_that_it_is(prometheus: t.Any, ansible: t.Any) -> None:
    try:
        right = ansible.module("apply", definitions=[FAULT], verify=[check(ABORTED, share=50)], wait_timeout=120)
        assert right.status == 0, right.output
        wrong = ansible.module("verify", checks=[check(ABORTED, share=20)], once=True)
        assert wrong.status != 0
        assert "metric grows with 20 % of the requests, observed metric grew by" in wrong.message
    finally:
        gone = ansible.module("apply", definitions=[FAULT], state="absent")
    assert gone.status == 0, gone.output
    none = ansible.module("verify", checks=[check(ABORTED, share=50)], once=True)
    assert none.status != 0, "without the fault it must fail"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sum(istio_requests_total{", "does not understand the query sum(istio_requests_total{: "),
        ("istio_requests_total", "where one number is meant: put sum(...) or another aggregation without labels"),
        ("istio_requests_total[1m]", "gives a range where one number is meant"),
    ],
)
def test_what_is_no_number_is_told_in_a_sentence(prometheus: t.Any, ansible: t.Any, query: str, said: str) -> None:
    run = ansible.module("verify", checks=[check(query, above=0)])
    assert run.status != 0
    assert said in run.message
