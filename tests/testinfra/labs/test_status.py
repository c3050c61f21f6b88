# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook status: what is applied, and what of it is missing or is not as it was applied."""

from __future__ import annotations

import pytest

NAMESPACE = "bookinfo"


def status(ansible):
    run = ansible.play("status")
    assert (run.status, run.changed) == (0, 0), run.output
    return run.output


@pytest.fixture(name="applied")
def applied_fixture(ansible):
    run = ansible.play("lab", lab="request_routing", stage="all_v1")
    assert run.status == 0, run.output
    yield
    ansible.play("reset", reset_confirm="yes")


@pytest.mark.usefixtures("applied")
def test_status_names_what_is_missing_and_what_differs_from_the_stage(ansible, kube):
    said = status(ansible)
    assert "Applied     request_routing, stage all_v1" in said
    assert "Health      good" in said
    kube.apps.delete_namespaced_deployment("ratings-v1", NAMESPACE)
    route = [{"destination": {"host": "reviews", "subset": "v3"}}]
    place = ("networking.istio.io", "v1", NAMESPACE, "virtualservices", "reviews")
    kube.custom.patch_namespaced_custom_object(*place, {"spec": {"http": [{"route": route}]}})
    said = status(ansible)
    assert "Health      see below" in said
    assert "Deployment bookinfo/ratings-v1 of Bookinfo is missing" in said
    assert "VirtualService bookinfo/reviews differs from stage all_v1 of lab request_routing (spec.http" in said
    assert "mesh.workshop.lab -e lab=request_routing -e stage=all_v1" in said
