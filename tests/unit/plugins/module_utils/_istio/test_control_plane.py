# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import (
    IstioError,
    applicable,
    is_ours,
    lacks,
    operator_document,
    render,
    version_of,
)

GOOD_MESH = {
    "accessLogFile": "/dev/stdout",
    "extensionProviders": [{"name": "zipkin", "zipkin": {}}],
    "defaultConfig": {"drainDuration": "1s"},
}


def test_webhook_fields_that_istiod_maintains_are_left_to_it() -> None:
    hook = {
        "kind": "ValidatingWebhookConfiguration",
        "webhooks": [{"name": "a", "failurePolicy": "Ignore", "clientConfig": {"caBundle": "", "service": {}}}],
    }
    assert applicable([hook, None, {}]) == [
        {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"name": "a", "clientConfig": {"service": {}}}]}
    ]
    assert hook["webhooks"][0]["failurePolicy"] == "Ignore"


def test_the_injector_keeps_its_failure_policy() -> None:
    hook = {"kind": "MutatingWebhookConfiguration", "webhooks": [{"failurePolicy": "Fail", "clientConfig": {}}]}
    assert applicable([hook])[0]["webhooks"][0]["failurePolicy"] == "Fail"


def test_empty_hub_and_tag_leave_istios_own() -> None:
    spec = operator_document(profile="default", hub="", tag="", values={}, mesh_config={})["spec"]
    assert "hub" not in spec
    assert "tag" not in spec
    # Not "": then istiod serves the same at another port.
    assert spec["unvalidatedValues"]["pilot"]["extraContainerArgs"] == ["--grpcAddr=127.0.0.1:15010"]


def test_ours_is_what_our_field_manager_applied() -> None:
    entry = {"manager": "mesh-workshop", "operation": "Apply"}
    assert is_ours({"metadata": {"managedFields": [entry]}}, "mesh-workshop")
    assert not is_ours({"metadata": {"managedFields": [{**entry, "manager": "helm"}]}}, "mesh-workshop")
    assert not is_ours({"metadata": {}}, "mesh-workshop")


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/pilot:1.30.1", "1.30.1"),
        ("host:5000/istio/pilot", ""),
        ("istio/pilot:1.30.1@sha256:abc", "1.30.1"),
    ],
)
def test_version_by_image(image: str, version: str) -> None:
    deployment = {"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}
    assert version_of(deployment) == version


def test_a_mesh_that_has_everything_lacks_nothing() -> None:
    assert lacks(GOOD_MESH, [], 1) == []


@pytest.mark.parametrize(
    ("mesh", "gateways", "word"),
    [
        ({**GOOD_MESH, "accessLogFile": ""}, 1, "Access logs are off"),
        ({**GOOD_MESH, "extensionProviders": []}, 1, "No tracing provider"),
        ({**GOOD_MESH, "defaultConfig": {}}, 1, "drain for 45s"),
        (GOOD_MESH, 0, "istio=ingressgateway"),
    ],
)
def test_what_is_lacking_is_named(mesh: dict, gateways: int, word: str) -> None:
    missing = lacks(mesh, [], gateways)
    assert len(missing) == 1
    assert word in missing[0]


def test_a_telemetry_resource_turns_access_logs_on() -> None:
    assert lacks({**GOOD_MESH, "accessLogFile": ""}, [{"spec": {"accessLogging": [{}]}}], 1) == []


def test_an_istioctl_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(IstioError, match="cannot be run .*set istio_istioctl"):
        render("/does/not/exist", {})


def test_what_istioctl_refuses_is_told(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "istioctl"
    program.write_text("#!/bin/sh\ncat >/dev/null\necho 'Error: unknown field \"x\"' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(IstioError, match='unknown field "x"'):
        render(str(program), {})


def test_openshift_gets_its_profile_and_its_settings() -> None:
    given = {"hub": "", "tag": "", "values": {"global": {"proxy": {}}}, "mesh_config": {}}
    plain = operator_document(profile="default", **given)["spec"]
    assert (plain["profile"], plain["values"]) == ("default", {"global": {"proxy": {}}})
    spec = operator_document(profile="default", openshift=True, **given)["spec"]
    assert (spec["profile"], spec["values"]) == ("openshift", {"global": {"platform": "openshift", "proxy": {}}})
    spec = operator_document(profile="demo", openshift=True, **given)["spec"]
    assert (spec["profile"], spec["values"]["global"]["platform"]) == ("demo", "openshift")
