# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Roles that the collection publishes are enough for an attendee: an account that has nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from oracle.stages import NEEDS

KUBECTL = (
    Path("/var/lib/mesh-workshop") / os.environ.get("MESH_WORKSHOP_CLUSTER", "mesh-workshop-test") / "bin" / "kubectl"
)


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


def test_without_some_of_the_rights_nothing_is_changed_and_all_that_lack_are_named(ansible, kube, attendee):
    """No leases and no ephemeral containers."""
    place = ("mesh-workshop-attendee", "bookinfo")
    role = kube.rbac.read_namespaced_role(*place)
    whole = role.rules
    role.rules = [rule for rule in whole if not {"leases", "pods/ephemeralcontainers"} & set(rule.resources)]
    role = kube.rbac.replace_namespaced_role(*place, role)
    try:
        before = kube.generations()
        run = ansible.play("lab", lab="request_routing", stage="all_v1", lab_kubeconfig=str(attendee))
        assert run.status != 0
        for part in ("Nothing was changed", "leases", "patch pods/ephemeralcontainers", "attendee-rights.yml"):
            assert part in run.message, run.output
        assert kube.generations() == before
    finally:
        role.rules = whole
        kube.rbac.replace_namespaced_role(*place, role)


def test_an_attendee_changes_nothing_of_the_labs_services(ansible, attendee):
    """The guides look at them with the same rights (test_guides.py); their other ports and files are not theirs."""
    for need in NEEDS:
        run = ansible.role(need)
        assert run.status == 0, run.output

    def may(*right):
        command = [str(KUBECTL), "--kubeconfig", str(attendee), "auth", "can-i", *right]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    prometheus = ("services/http:prometheus:9090", "--subresource=proxy", "-n", "mesh-workshop-metrics")
    assert may("get", *prometheus)
    assert not may("create", *prometheus)
    for need in NEEDS:
        where = ("-n", f"mesh-workshop-{need}")
        for right in (("get", "secrets"), ("create", "pods"), ("patch", "deployments"), ("delete", "pods")):
            assert not may(*right, *where), (right, where)
        assert not may("create", "pods", "--subresource=exec", *where)
