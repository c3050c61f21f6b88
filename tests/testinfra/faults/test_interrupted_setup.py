# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A setup that Ctrl-C ends half-way says what it has changed, and the next one finishes it."""

from __future__ import annotations

import signal

import pytest
from oracle.processes import begun, interrupt


@pytest.fixture(name="hold")
def hold_fixture(kube):
    """Delete a Deployment that then does not go until it is let go: setup, which makes it anew, waits for that."""
    held = []

    def hold(namespace, name):
        finalizer = {"metadata": {"finalizers": ["mesh.workshop/held"]}}
        uid = kube.apps.patch_namespaced_deployment(name, namespace, finalizer).metadata.uid
        held.append((namespace, name))
        kube.apps.delete_namespaced_deployment(name, namespace)
        return uid

    def let_go():
        for namespace, name in held:
            found = {one.metadata.name: one for one in kube.apps.list_namespaced_deployment(namespace).items}
            if name in found and found[name].metadata.finalizers:
                kube.apps.patch_namespaced_deployment(name, namespace, {"metadata": {"finalizers": None}})

    yield hold, let_go
    let_go()


def roles(kube):
    return {one.metadata.name for one in kube.rbac.list_namespaced_role("istio-system").items}


def services(kube):
    return {one.metadata.name for one in kube.core.list_namespaced_service("bookinfo").items}


# Per part of setup: what it makes anew before the Deployment that holds it up, and what it says of the rest.
PARTS = {
    "istio": (
        roles,
        lambda kube: kube.rbac.delete_namespaced_role("istio-ingressgateway-sds", "istio-system"),
        ("istio-system", "istio-ingressgateway"),
        "created Role istio-system/istio-ingressgateway-sds",
        "Istio may not be installed in full.",
    ),
    "bookinfo": (
        services,
        lambda kube: kube.core.delete_namespaced_service("ratings", "bookinfo"),
        ("bookinfo", "reviews-v2"),
        "created Service bookinfo/ratings",
        "The task did not finish.",
    ),
}


@pytest.mark.parametrize(
    ("part", "callback"), [("istio", "mesh.workshop.room"), ("bookinfo", "ansible.builtin.default")]
)
def test_a_setup_that_is_interrupted_is_finished_by_the_next(
    ansible, kube, gateway, hold, eventually, tmp_path, part, callback
):
    hold_up, let_go = hold
    names, take_away, (namespace, deployment), change, standing = PARTS[part]
    log = tmp_path / "log"
    name = change.rpartition("/")[2]
    uid = hold_up(namespace, deployment)
    take_away(kube)
    eventually(lambda: name not in names(kube), f"{name} is gone")
    with begun(ansible, "setup", log=log, callback=callback) as process:
        eventually(lambda: name in names(kube), "setup makes what is missing", seconds=120)
        told = interrupt(process, log, signal.SIGINT)
    half = kube.apps.read_namespaced_deployment(deployment, namespace).metadata
    assert (half.uid, bool(half.deletion_timestamp)) == (uid, True), "setup has not come to the Deployment"
    assert told.changes == [change]
    assert standing in told.text
    assert " mesh.workshop.setup " in told.steps["To go on"]
    let_go()
    run = ansible.play("setup")
    assert run.status == 0, run.output
    assert run.changed >= 1
    assert kube.apps.read_namespaced_deployment(deployment, namespace).metadata.uid != uid
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}
    assert ansible.play("setup").changed == 0
