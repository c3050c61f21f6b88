# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Roles that the collection publishes are enough for an attendee: an account that has nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import kubernetes
import pytest
import yaml
from oracle.rights import namespace, needed
from oracle.stages import CATALOGUE, NEEDS

MANIFEST = Path(__file__).parents[3] / "roles" / "lab" / "files" / "attendee-rights.yml"
KUBECTL = (
    Path("/var/lib/mesh-workshop") / os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test") / "bin" / "kubectl"
)
ROOM = "mesh-workshop-attendees"
ACCOUNT = "attendee-of-few-rights"


@pytest.fixture(name="attendee")
def attendee_fixture(kube, kubeconfig, tmp_path):
    """A kubeconfig of an account with exactly the published Roles."""
    kube.core.create_namespaced_service_account("default", {"metadata": {"name": ACCOUNT}})
    roles = yaml.safe_load(MANIFEST.read_text())["items"]
    for role in roles:
        meta = role["metadata"]
        kube.rbac.create_namespaced_role(meta["namespace"], role)
        binding = {
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}],
        }
        kube.rbac.create_namespaced_role_binding(meta["namespace"], binding)
    token = kube.core.create_namespaced_service_account_token(
        ACCOUNT, "default", kubernetes.client.AuthenticationV1TokenRequest(spec={"audiences": []})
    )
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.status.token}
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    yield path
    for role in roles:
        meta = role["metadata"]
        kube.rbac.delete_namespaced_role_binding(ACCOUNT, meta["namespace"])
        kube.rbac.delete_namespaced_role(meta["name"], meta["namespace"])
    kube.core.delete_namespaced_service_account(ACCOUNT, "default")


def test_an_attendee_walks_a_lab_with_the_published_roles_alone(ansible, kube, attendee):
    for name, options in (
        ("status", {}),
        ("lab", {"lab": "request_routing", "stage": "all_v1"}),
        ("verify", {}),
        ("status", {}),
        ("reset", {"reset_confirm": "yes"}),
    ):
        run = ansible.play(name, lab_kubeconfig=str(attendee), **options)
        assert run.status == 0, f"{name}: {run.output}"
        # Nothing is said of rights that an attendee need not have: istiod's, the gateway's, the nodes'.
        for words in ("It is not known whether the proxies", "this user may not"):
            assert words not in run.output, f"{name}: {run.output}"
    # Without leases and without ephemeral containers: both are told at once, and nothing is changed.
    role = kube.rbac.read_namespaced_role("mesh-workshop-attendee", "bookinfo")
    role.rules = [rule for rule in role.rules if not {"leases", "pods/ephemeralcontainers"} & set(rule.resources)]
    kube.rbac.replace_namespaced_role("mesh-workshop-attendee", "bookinfo", role)
    before = kube.generations()
    run = ansible.play("lab", lab="request_routing", stage="all_v1", lab_kubeconfig=str(attendee))
    assert run.status != 0
    for part in ("Nothing was changed", "leases", "patch pods/ephemeralcontainers", "attendee-rights.yml"):
        assert part in run.message, run.output
    assert kube.generations() == before


def test_an_attendee_in_a_room_may_look_at_the_labs_services_as_the_guides_do(ansible, kubeconfig):
    """And no further: what changes them, and their other ports and files, is not theirs."""
    for need in NEEDS:
        run = ansible.role(need)
        assert run.status == 0, run.output
    asked = sorted(
        right
        for guide in CATALOGUE.glob("*/guide.md")
        for right in needed(guide.read_text())
        if namespace(right).startswith("mesh-workshop-")
    )
    assert {namespace(right) for right in asked} == {f"mesh-workshop-{need}" for need in NEEDS}

    def may(*right):
        who = ("--as", f"system:serviceaccount:{ROOM}:ada", "--as-group", f"system:serviceaccounts:{ROOM}")
        command = [str(KUBECTL), "--kubeconfig", str(kubeconfig), "auth", "can-i", *right, *who]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    assert not [right for right in asked if not may(*right)]
    for need in NEEDS:
        where = ("-n", f"mesh-workshop-{need}")
        for right in (("get", "secrets"), ("create", "pods"), ("patch", "deployments"), ("delete", "pods")):
            assert not may(*right, *where), (right, where)
        assert not may("create", "pods", "--subresource=exec", *where)
        assert not may("create", "services/http:prometheus:9090", "--subresource=proxy", *where)
