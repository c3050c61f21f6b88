# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded cluster as if it were somebody else's, with a kubeconfig of all rights and one of few."""

from __future__ import annotations

import json
import re

import kubernetes
import pytest
import yaml

ACCOUNT = "of-few-rights"


@pytest.fixture
def existing(kube, kubeconfig):
    """What a user of an existing cluster says; the image is the one that this cluster has."""
    details = kube.apps.read_namespaced_deployment("details-v1", "bookinfo")
    return {
        "cluster_provider": "existing",
        "cluster_kubeconfig": str(kubeconfig),
        "istio_state": "existing",
        "bookinfo_image": details.spec.template.spec.containers[0].image,
    }


@pytest.fixture
def limited(kube, kubeconfig, tmp_path):
    """A kubeconfig of an account that may look and not touch."""
    kube.core.create_namespaced_service_account("default", {"metadata": {"name": ACCOUNT}})
    kube.rbac.create_cluster_role_binding(
        {
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}],
        }
    )
    token = kube.core.create_namespaced_service_account_token(
        ACCOUNT, "default", kubernetes.client.AuthenticationV1TokenRequest(spec={"audiences": []})
    )
    (cluster,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "users": [{"name": "u", "user": {"token": token.status.token}}],
                "contexts": [{"name": "x", "context": {"cluster": cluster["name"], "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    yield path
    kube.rbac.delete_cluster_role_binding(ACCOUNT)
    kube.core.delete_namespaced_service_account(ACCOUNT, "default")


@pytest.mark.parametrize("state", ["existing", "auto"])
def test_with_all_rights_setup_reaches_the_same_baseline_and_touches_nothing_beneath(
    ansible, existing, kube, gateway, state
):
    """Of an Istio that is there nothing is changed: elsewhere the images would be those of a registry."""
    before = kube.generations()
    run = ansible.play("setup", **{**existing, "istio_state": state})
    assert run.status == 0, run.output
    assert kube.generations() == before
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}


def test_the_commands_that_setup_ends_with_are_about_that_workshop(ansible, existing, host):
    _before, _next, said = ansible.play("setup", **existing).output.partition("Next:\n")
    status, _lab, reset = [line.strip() for line in said.splitlines()[:3]]
    run = host.run(status)
    assert run.rc == 0, run.stdout + run.stderr
    run = host.run(f"{reset} --check")
    assert run.rc == 0, run.stdout + run.stderr
    assert re.search(r"^localhost .*\bchanged=0\b", run.stdout, flags=re.MULTILINE), run.stdout


def test_an_attendee_is_added_verified_and_removed_without_a_trace(ansible, existing, kube, gateway, tmp_path):
    place = {name: existing[name] for name in ("cluster_provider", "cluster_kubeconfig")}
    folder, before = tmp_path / "handed-out", kube.generations()
    room = {"attendees": "eve", "attendees_dir": str(folder)}
    run = ansible.play("attendees", **place, **room, bookinfo_image=existing["bookinfo_image"])
    try:
        assert run.status == 0, run.output
        assert gateway.get("/productpage", host="eve.mybookstore.com").status == 200
        handed_out = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(folder / "eve")))
        assert len(handed_out.list_namespaced_pod("eve").items) == 6
        run = ansible.play("verify", **place, attendee="eve")
        assert run.status == 0, run.output
        assert kube.generations().items() > before.items(), "nobody else's is changed"
    finally:
        run = ansible.play("attendees", **place, **room, attendees_state="absent", attendees_confirm=True)
    assert run.status == 0, run.output
    assert kube.generations() == before
    assert not {"eve", "mesh-workshop-attendees"} & {one.metadata.name for one in kube.core.list_namespace().items}
    assert not folder.exists()


def test_with_few_rights_one_sentence_names_what_is_missing(ansible, existing, limited, kube):
    before = kube.generations()
    run = ansible.play("setup", **{**existing, "cluster_kubeconfig": str(limited)})
    assert run.status != 0
    assert "create" in run.message, run.output
    assert "deployments" in run.message.lower(), run.output
    assert kube.generations() == before


def test_a_namespace_of_somebody_else_is_refused_before_anything_is_changed(ansible, existing, kube, eventually):
    name = "of-a-team"
    kube.core.create_namespace({"metadata": {"name": name}})
    try:
        kube.core.create_namespaced_config_map(name, {"metadata": {"name": "theirs"}})
        run = ansible.play("setup", **existing, bookinfo_namespace=name)
        assert run.status != 0
        assert "holds ConfigMap theirs;" in run.message, run.output
        assert "mesh.workshop/managed" not in kube.core.read_namespace(name).metadata.labels
    finally:
        kube.core.delete_namespace(name)
    eventually(
        lambda: name not in {one.metadata.name for one in kube.core.list_namespace().items}, f"{name} to be removed"
    )


def test_the_default_namespace_is_refused(ansible, existing, kube):
    before = kube.generations()
    run = ansible.play("setup", **existing, bookinfo_namespace="default")
    assert run.status != 0
    assert "Namespace default cannot be the workshop's" in run.message, run.output
    assert kube.generations() == before


def test_a_missing_kubeconfig_is_named(ansible, existing, tmp_path):
    path = str(tmp_path / "none")
    run = ansible.play("setup", **{**existing, "cluster_kubeconfig": path})
    assert run.status != 0
    assert path in run.message, run.output


def test_an_unreachable_cluster_is_named(ansible, existing, kubeconfig, tmp_path):
    path = tmp_path / "kubeconfig"
    config = yaml.safe_load(kubeconfig.read_text())
    # The port of the discard service, which no machine offers any more.
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path.write_text(yaml.safe_dump(config))
    run = ansible.play("setup", **{**existing, "cluster_kubeconfig": str(path)})
    assert run.status != 0
    assert "127.0.0.1:9" in run.message, run.output
