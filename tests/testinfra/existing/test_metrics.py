# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio's metrics in Prometheus, and checks that ask it: installed, counted by real requests, removed."""

from __future__ import annotations

import json
import typing as t

import pytest
from kubernetes.client.exceptions import ApiException

HOME = "mesh-workshop-metrics"
THEIRS, PAGES = "monitoring", "mesh-workshop-dashboard"
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

# What comes is answered by three times as much.
ANSWERER = """
import socketserver
class Answerer(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(3 * self.rfile.read(1000))
socketserver.TCPServer(("", 7000), Answerer).serve_forever()
"""
CALLER = """
import socket
for _number in range(5):
    with socket.create_connection(("answerer", 7000), 10) as one:
        one.sendall(1000 * b"x")
        print(len(one.makefile("rb").read()))
"""


def check(query: str, **wanted: t.Any) -> dict[str, t.Any]:
    expect = {"status": 200, "metric": {"query": query, **wanted}}
    return {"name": "counted", "request": {"url": PAGE, "concurrency": 2}, "expect": expect, "tolerance": 15}


def test_without_a_prometheus_a_check_says_what_to_install(ansible: t.Any) -> None:
    run = ansible.module("verify", checks=[check(ANSWERED, each=1)])
    assert (run.status != 0, run.result["changed"]) == (True, False), run.output
    assert "No Prometheus is in the cluster" in run.message
    assert "so no metric can be looked up: install the metrics role first." in run.message


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


@pytest.fixture
def answerer(kube: t.Any, eventually: t.Any) -> t.Iterator[None]:
    """A workload of the mesh that speaks TCP."""
    (details,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=details").items
    (image,) = (one.image for one in details.spec.containers if one.name == "details")
    labels = {"app": "answerer", "version": "v1"}
    container = {"name": "answerer", "image": image, "command": ["python3", "-c", ANSWERER]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    named = {"metadata": {"name": "answerer"}}
    kube.core.create_namespaced_service(
        "bookinfo", {**named, "spec": {"selector": labels, "ports": [{"name": "tcp", "port": 7000}]}}
    )
    try:
        kube.apps.create_namespaced_deployment(
            "bookinfo", {**named, "spec": {"selector": {"matchLabels": labels}, "template": template}}
        )
        eventually(lambda: kube.apps.read_namespaced_deployment("answerer", "bookinfo").status.ready_replicas, "ready")
        yield
    finally:
        kube.core.delete_namespaced_service("answerer", "bookinfo")
        kube.apps.delete_namespaced_deployment("answerer", "bookinfo")
    eventually(lambda: not kube.core.list_namespaced_pod("bookinfo", label_selector="app=answerer").items, "it is gone")


def test_what_goes_over_a_connection_is_counted(
    prometheus: t.Any, answerer: None, kube: t.Any, eventually: t.Any
) -> None:
    (details,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=details").items
    selectors = (
        'reporter="source",source_workload="details-v1",destination_workload="answerer",destination_version="v1",'
        'destination_service="answerer.bookinfo.svc.cluster.local",request_protocol="tcp"',
        'reporter="destination",destination_workload="answerer",connection_security_policy="mutual_tls",'
        'source_principal="spiffe://cluster.local/ns/bookinfo/sa/bookinfo-details",request_protocol="tcp"',
    )
    names = ("sent_bytes", "received_bytes", "connections_closed")

    def counted() -> list[float]:
        return [prometheus(f"sum(istio_tcp_{name}_total{{{one}}})") for one in selectors for name in names]

    said = kube.execute(details.metadata.name, "details", "python3", "-c", CALLER)
    assert said.split() == ["3000"] * 5
    eventually(lambda: counted() == [15000, 5000, 5] * 2, lambda: f"all that was sent, not {counted()}", 30)


def moved(kube: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """What makes up the role's Prometheus, without what makes it the role's."""
    core, apps = kube.core, kube.apps
    found = [
        core.read_namespaced_config_map("prometheus", HOME),
        core.read_namespaced_service("prometheus", HOME),
        apps.read_namespaced_deployment("prometheus", HOME),
    ]
    for one in found:
        body = core.api_client.sanitize_for_serialization(one)
        meta = {"name": body["metadata"]["name"], "labels": {"app": "prometheus"}}
        yield {**{key: body[key] for key in ("data", "spec") if key in body}, "metadata": meta}


@pytest.fixture
def theirs(prometheus: t.Any, kube: t.Any, ansible: t.Any, eventually: t.Any) -> t.Iterator[None]:
    """No Prometheus but one that is not ours, by the name that its chart gives it. Proxies still count."""

    def services(namespace: str) -> list[t.Any]:
        return list(kube.core.list_namespaced_service(namespace).items)

    configuration, service, deployment = moved(kube)
    service["metadata"]["name"] = "prometheus-server"
    service["spec"] = {"selector": {"app": "prometheus"}, "ports": [{"name": "http", "port": 80, "targetPort": 9090}]}
    account = {"kind": "ServiceAccount", "name": "prometheus", "namespace": THEIRS}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": HOME}
    kube.core.create_namespace({"metadata": {"name": THEIRS, "labels": {"istio-injection": "disabled"}}})
    try:
        kube.rbac.create_cluster_role_binding({"metadata": {"name": THEIRS}, "roleRef": role, "subjects": [account]})
        kube.core.create_namespaced_service_account(THEIRS, {"metadata": {"name": "prometheus"}})
        kube.core.create_namespaced_config_map(THEIRS, configuration)
        kube.core.create_namespaced_service(THEIRS, service)
        kube.apps.create_namespaced_deployment(THEIRS, deployment)
        kube.core.delete_namespace(HOME)
        eventually(lambda: not services(HOME), "ours is gone")
        eventually(
            lambda: kube.apps.read_namespaced_deployment("prometheus", THEIRS).status.ready_replicas, "theirs is there"
        )
        yield
    finally:
        gone = ansible.role("dashboard", dashboard_state="absent")
        kube.rbac.delete_cluster_role_binding(THEIRS)
        kube.core.delete_namespace(THEIRS)
        assert gone.status == 0, gone.output
    eventually(lambda: not services(THEIRS), "theirs is gone")


def graph(kube: t.Any) -> dict[str, t.Any]:
    """What the page with the graph shows, by way of the API server's proxy."""
    api = kube.core.api_client
    place = f"{api.configuration.host}/api/v1/namespaces/{PAGES}/services/http:dashboard:80/proxy/api/graph"
    try:
        answer = api.call_api("GET", f"{place}?namespace=bookinfo&minutes=1")
        answer.read()
        return dict(json.loads(answer.data))
    except ApiException as error:
        return {"error": str(error.body)}


def test_a_prometheus_of_somebody_else_s_is_used(theirs: None, kube: t.Any, ansible: t.Any, eventually: t.Any) -> None:
    run = ansible.play("dashboard", metrics_state="existing")
    assert run.status == 0, run.output
    assert kube.core.list_namespaced_service(HOME).items == []
    right = ansible.module("verify", checks=[check(ANSWERED, each=1)])
    assert right.status == 0, right.output
    assert right.result["checks"][0]["evidence"] == f"the metrics in Prometheus ({THEIRS}/prometheus-server)"
    eventually(lambda: graph(kube).get("edges"), lambda: f"calls on the page, not {graph(kube)}")

    # One that reads nothing of Istio's.
    kube.core.patch_namespaced_config_map("prometheus", THEIRS, {"data": {"prometheus.yml": "scrape_configs: []"}})
    mark = {"metadata": {"annotations": {"mesh.workshop/configuration": "none"}}}
    kube.apps.patch_namespaced_deployment("prometheus", THEIRS, {"spec": {"template": mark}})
    eventually(
        lambda: "reads no proxy of the mesh" in graph(kube).get("error", ""), lambda: f"a sentence, not {graph(kube)}"
    )
    wrong = ansible.module("verify", checks=[check(ANSWERED, each=1)], once=True)
    assert wrong.status != 0
    assert f"Prometheus ({THEIRS}/prometheus-server) reads no proxy of Istio's (no series envoy_server_live)" in (
        wrong.message
    )
