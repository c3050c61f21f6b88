# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import sentences

FAULTS = [
    (
        "kind: ServiceEntry\nmetadata: {name: shop}\n"
        "spec: {hosts: [shop.example.com], resolution: STATIC, workloadSelector: {labels: {app: shop}}}\n",
        "ServiceEntry bookinfo/shop selects app=shop, and no pod in namespace bookinfo has these labels.",
    ),
    (
        "kind: Service\nmetadata: {name: shop}\n"
        "spec: {type: ExternalName, externalName: review.bookinfo.svc.cluster.local}\n",
        "Service bookinfo/shop is another name for review.bookinfo.svc.cluster.local (ExternalName), which is not a "
        "Service; reviews.bookinfo.svc.cluster.local is.",
    ),
]
SOUND = [
    "kind: ServiceEntry\nmetadata: {name: shop}\n"
    "spec: {hosts: [shop.example.com], resolution: STATIC, workloadSelector: {labels: {app: reviews}}}\n",
    "kind: Service\nmetadata: {name: shop}\n"
    "spec: {type: ExternalName, externalName: reviews.bookinfo.svc.cluster.local}\n",
    "kind: Service\nmetadata: {name: shop}\nspec: {type: ExternalName, externalName: shop.example.com}\n",
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_what_leads_to_nobody_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_what_leads_to_somebody_is_not(text: str) -> None:
    assert sentences(text) == []
