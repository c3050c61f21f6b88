# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kiali and Grafana from Istio's samples, on a cluster that cannot pull their images: all but the programs themselves.

Where they are to become ready, the API server puts a program of the test into their pods.
"""

from __future__ import annotations

import json
import typing as t

import kubernetes
import pytest
import yaml

HOME, PAGES = "mesh-workshop-kiali", "mesh-workshop-dashboard"
PROMETHEUS = "http://prometheus.example:9090"
NAMES = ("kiali", "grafana")
# Answers every question, at the ports of both, and ends when it is asked to.
STAND_IN = """
import http.server, os, signal, threading
signal.signal(signal.SIGTERM, lambda *_given: os._exit(0))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
for port in (20001, 3000):
    threading.Thread(target=http.server.ThreadingHTTPServer(("", port), Answer).serve_forever).start()
"""
WRITES = [
    *(("networking.istio.io", "virtualservices", verb) for verb in ("create", "patch", "delete")),
    *(("apps", "deployments", verb) for verb in ("create", "patch", "delete")),
    ("", "secrets", "get"),
    ("", "pods/log", "get"),
]


def left(kube: t.Any) -> set[str]:
    """What of the role is in the cluster: its namespaces, and what belongs to none."""
    found = [*kube.core.list_namespace().items, *kube.rbac.list_cluster_role().items]
    found += kube.rbac.list_cluster_role_binding().items
    return {one.metadata.name for one in found} & {HOME, PAGES}


def may(kube: t.Any, group: str, resource: str, verb: str) -> bool:
    """Whether Kiali's account may do that in every namespace."""
    kind, _slash, part = resource.partition("/")
    asked = {"group": group, "resource": kind, "subresource": part, "verb": verb}
    answer = kubernetes.client.AuthorizationV1Api(kube.core.api_client).create_subject_access_review(
        {"spec": {"user": f"system:serviceaccount:{HOME}:kiali", "resourceAttributes": asked}}
    )
    return bool(answer.status.allowed)


@pytest.fixture
def stand_ins(kube: t.Any, ansible: t.Any, eventually: t.Any) -> t.Iterator[None]:
    """Pods of Kiali and Grafana run a program that answers; afterwards nothing of the role is left."""
    (details,) = kube.core.list_namespaced_pod("bookinfo", label_selector="app=details").items
    (image,) = (one.image for one in details.spec.containers if one.name == "details")
    patches = ", ".join(
        f'JSONPatch{{op: "add", path: "/spec/containers/0/{path}", value: {json.dumps(value)}}}'
        for path, value in (
            ("image", image),
            ("command", ["python3", "-c", STAND_IN]),
            ("securityContext/runAsUser", 1000),
        )
    )
    named = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "stand-ins"}}
    labelled = {"key": "app.kubernetes.io/name", "operator": "In", "values": list(NAMES)}
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    policy = {
        **named,
        "kind": "MutatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {"resourceRules": [pods], "objectSelector": {"matchExpressions": [labelled]}},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patches}]"}}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
        },
    }
    binding = {**named, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": "stand-ins"}}
    probe = {
        "metadata": {"name": "probe", "labels": {"app.kubernetes.io/name": "kiali"}},
        "spec": {"containers": [{"name": "probe", "image": "none", "securityContext": {}}]},
    }

    def is_replaced() -> bool:
        pod = kube.core.create_namespaced_pod("default", probe, dry_run="All")
        return bool(pod.spec.containers[0].image == image)

    made = ansible.module("apply", definitions=[policy, binding])
    assert made.status == 0, made.output
    try:
        eventually(is_replaced, "the API server replaces the program")
        yield
    finally:
        gone = ansible.role("dashboard", dashboard_state="absent")
        unmade = ansible.module("apply", definitions=[policy, binding], state="absent")
    assert gone.status == 0, gone.output
    assert unmade.status == 0, unmade.output
    assert left(kube) == set()


def test_an_image_that_cannot_be_pulled_is_named_and_nothing_is_left(ansible: t.Any, kube: t.Any) -> None:
    run = ansible.role(
        "dashboard", dashboard_console="kiali", dashboard_prometheus=PROMETHEUS, dashboard_wait_timeout=12
    )
    assert run.status != 0
    assert run.message.startswith("The cluster cannot pull quay.io/kiali/kiali:v"), run.output
    assert run.message.endswith("or set dashboard_console=pages, which needs no image from there.")
    assert left(kube) == set()


def test_kiali_and_grafana_are_installed_and_give_way_to_the_pages(
    stand_ins: None, ansible: t.Any, kube: t.Any
) -> None:
    run = ansible.role("dashboard", dashboard_console="kiali", dashboard_prometheus=PROMETHEUS)
    assert run.status == 0, run.output
    assert left(kube) == {HOME}
    assert {one.spec.type for one in kube.core.list_namespaced_service(HOME).items} == {"ClusterIP"}
    console, sources = (kube.core.read_namespaced_config_map(name, HOME).data for name in NAMES)
    console = yaml.safe_load(console["config.yaml"])
    assert console["external_services"]["prometheus"]["url"] == PROMETHEUS
    assert console["deployment"]["view_only_mode"] is True
    assert [one["url"] for one in yaml.safe_load(sources["datasources.yaml"])["datasources"]] == [PROMETHEUS]
    assert may(kube, "networking.istio.io", "virtualservices", "list")
    assert [one for one in WRITES if may(kube, *one)] == []

    # Unasked it stays, and the second time nothing is changed.
    again = ansible.role("dashboard", dashboard_prometheus=PROMETHEUS)
    assert again.status == 0, again.output
    assert '"changed": true' not in again.output
    assert left(kube) == {HOME}

    back = ansible.role("dashboard", dashboard_console="pages", dashboard_prometheus=PROMETHEUS)
    assert back.status == 0, back.output
    assert left(kube) == {PAGES}
