# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods without a proxy are named, with the reason."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    PAGE,
    Json,
    inside,
    pod,
    said,
    sentence,
    world,
)


def without_sidecar(**labels: str) -> dict[str, list[Json]]:
    objects = world()
    objects["Pod"][0] = pod("productpage-v1-x", sidecar=False, app="productpage", **labels)
    return objects


@pytest.mark.parametrize(
    ("namespace", "labels", "words", "remedy"),
    [
        ({}, {}, "Namespace bookinfo is not labelled istio-injection=enabled, so its pods run", "Label the namespace"),
        ({"istio-injection": "enabled"}, {}, "Pods run without a sidecar", "only pods made after the namespace was"),
        ({"istio.io/rev": "a"}, {}, "Pods run without a sidecar", "Restart their Deployments"),
        ({}, {"sidecar.istio.io/inject": "false"}, "Pods run without a sidecar", "Remove the label sidecar.istio.io/"),
    ],
)
def test_why_pods_have_no_sidecar(namespace: dict[str, str], labels: dict[str, str], words: str, remedy: str) -> None:
    space = {"metadata": {"name": "bookinfo", "labels": namespace}}
    found = inside({**without_sidecar(**labels), "Namespace": [space]}, ERROR)
    assert found
    assert words in found.sentence
    assert "bookinfo/productpage-v1-x" in found.sentence
    assert remedy in found.remedy


def test_no_rule_holds_for_what_a_workload_without_a_sidecar_sends() -> None:
    assert "run without a sidecar" in sentence(inside(without_sidecar(), PAGE))
    assert "sidecar" not in sentence(inside(without_sidecar(), PAGE, expects_refusal=True))


def test_a_pod_that_no_service_leads_to_is_not_on_the_way_from_the_host() -> None:
    objects = world()
    objects["Pod"].append(pod("site-x", sidecar=False, app="site"))
    found = said(objects, ERROR)
    assert found is None or "sidecar" not in found.sentence
