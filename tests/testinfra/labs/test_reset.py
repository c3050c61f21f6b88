# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reset: whatever people did to the namespace by hand is taken back, and nothing but that."""

from __future__ import annotations

import base64

import pytest
from oracle.snapshots import differences, snapshot

NAMESPACE = "bookinfo"


def reset(ansible, **variables):
    run = ansible.play("reset", reset_confirm="yes", **variables)
    assert run.status == 0, run.output
    return run


def istio(kube, api_version, kind, plural, name, spec):
    group, version = api_version.split("/")
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    kube.custom.create_namespaced_custom_object(group, version, NAMESPACE, plural, body)


def make_a_mess(kube):
    """What an attendee does in an afternoon."""
    route = [{"route": [{"destination": {"host": "details"}}]}]
    by_hand = {"hosts": ["reviews"], "http": route}
    istio(kube, "networking.istio.io/v1", "VirtualService", "virtualservices", "by-hand", by_hand)
    istio(kube, "security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies", "deny", {})
    silent = {"accessLogging": [{"disabled": True}]}
    istio(kube, "telemetry.istio.io/v1", "Telemetry", "telemetries", "silent", silent)
    metadata = {"name": "by-hand"}
    kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": metadata})
    kube.core.create_namespaced_service_account(NAMESPACE, {"metadata": metadata})
    kube.core.create_namespaced_service(
        NAMESPACE, {"metadata": metadata, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}
    )
    labels = {"mesh.workshop/attendee": "bookinfo", "mesh.workshop/lab": "tls", "mesh.workshop/stage": "secure_gateway"}
    data = {"a": base64.b64encode(b"b").decode()}
    kube.core.create_namespaced_secret(
        "istio-system", {"metadata": {"name": "left-behind", "labels": labels}, "data": data}
    )
    kube.apps.patch_namespaced_deployment_scale("ratings-v1", NAMESPACE, {"spec": {"replicas": 0}})
    variable = {"name": "reviews", "env": [{"name": "EXTRA", "value": "1"}, {"name": "STAR_COLOR", "value": "green"}]}
    edited = {"spec": {"template": {"spec": {"containers": [variable]}}}}
    kube.apps.patch_namespaced_deployment("reviews-v3", NAMESPACE, edited)
    kube.apps.delete_namespaced_deployment("reviews-v2", NAMESPACE)
    kube.core.delete_namespaced_service("details", NAMESPACE)
    kube.core.patch_namespace(NAMESPACE, {"metadata": {"labels": {"istio-injection": "disabled", "istio.io/rev": "x"}}})


def test_reset_takes_back_what_people_did(ansible, kube, gateway):
    reset(ansible)
    baseline = snapshot(kube)
    make_a_mess(kube)
    assert snapshot(kube) != baseline
    listed = ansible.play("reset", "--check")
    assert listed.status == 0, listed.output
    for line in ("would remove  VirtualService bookinfo/by-hand", "would create  Deployment bookinfo/reviews-v2"):
        assert line in listed.output
    assert snapshot(kube) != baseline
    reset(ansible)
    assert differences(baseline, snapshot(kube)) == []
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}
    assert reset(ansible).changed == 0


def test_a_label_of_the_mesh_alone_is_listed_and_taken_back(ansible, kube):
    kube.core.patch_namespace(NAMESPACE, {"metadata": {"labels": {"istio.io/rev": "x"}}})
    listed = ansible.play("reset", "--check")
    assert listed.status == 0, listed.output
    assert "would restore Namespace bookinfo (without istio.io/rev)" in listed.output
    assert reset(ansible).changed == 1
    assert "istio.io/rev" not in kube.core.read_namespace(NAMESPACE).metadata.labels
    assert reset(ansible).changed == 0


@pytest.mark.stage("request_routing", "all_v1")
def test_reset_of_one_lab_leaves_another_alone(ansible, kube):
    assert ansible.play("reset", lab="tls").changed == 0
    assert set(kube.istio("destinationrules")) == {"reviews"}
    assert ansible.play("reset", lab="request_routing").changed == 1
    assert kube.istio("destinationrules") == {}


@pytest.mark.stage("quotas", "cluster")
def test_reset_brings_back_the_service_that_a_lab_needs(ansible, kube):
    service = ("ratelimit", "mesh-workshop-ratelimit")
    kube.apps.patch_namespaced_deployment_scale(*service, {"spec": {"replicas": 0}})
    kube.core.patch_namespaced_config_map(*service, {"data": {"limits.yaml": "{}"}})
    reset(ansible)
    deployment = kube.apps.read_namespaced_deployment(*service)
    assert (deployment.spec.replicas, deployment.status.ready_replicas) == (1, 1)
    assert "5000" in kube.core.read_namespaced_config_map(*service).data["limits.yaml"]
    assert reset(ansible).changed == 0


def test_nobody_is_asked_where_nobody_can_answer(ansible, kube):
    reset(ansible)
    kube.core.create_namespaced_config_map("bookinfo", {"metadata": {"name": "mine"}})
    before = snapshot(kube)
    run = ansible.play("reset")
    assert run.status != 0
    assert "pass -e reset_confirm=yes" in run.message
    assert snapshot(kube) == before
    kube.core.delete_namespaced_config_map("mine", "bookinfo")
    assert ansible.play("reset").status == 0, "nothing would change, so nobody is asked"


def test_a_namespace_that_is_not_ours_is_refused(ansible, kube):
    name = "somebody-elses"
    kube.core.create_namespace({"metadata": {"name": name}})
    try:
        kube.core.create_namespaced_config_map(name, {"metadata": {"name": "theirs"}})
        run = ansible.play("reset", reset_confirm="yes", bookinfo_namespace=name)
        assert run.status != 0
        assert f"Namespace {name} is not the workshop's" in run.message
        assert kube.core.read_namespaced_config_map("theirs", name)
        run = ansible.play("lab", lab="request_routing", bookinfo_namespace=name)
        assert run.status != 0
        assert f"Namespace {name} is not the workshop's" in run.message
        assert kube.istio("virtualservices", name) == {}
    finally:
        kube.core.delete_namespace(name)


def test_an_unknown_lab_lists_what_there_is(ansible):
    run = ansible.play("reset", lab="request_routin")
    assert run.status != 0
    assert "did you mean request_routing?" in run.message
