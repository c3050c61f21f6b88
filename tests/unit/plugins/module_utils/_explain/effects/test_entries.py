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
ADDRESS = (
    "{hosts: [%s], resolution: %s, ports: [{number: %d, name: http, protocol: HTTP}], endpoints: [{address: 10.9.9.9}]}"
)
FULL = "ratings.bookinfo.svc.cluster.local"
SHOP = "kind: ServiceEntry\nmetadata: {name: shop-a, creationTimestamp: '2026-01-01T00:00:00Z'}\nspec: "
SHOP += ADDRESS % ("shop.example.com", "STATIC", 80) + "\n---\n"
SECOND = "kind: ServiceEntry\nmetadata: {name: shop-b%s}\nspec: "
FAULTS += [
    (
        "kind: ServiceEntry\nmetadata: {name: old}\nspec: " + ADDRESS % (FULL, "STATIC", 80),
        f"ServiceEntry bookinfo/old is for {FULL}, which Service bookinfo/ratings has already, so its endpoints "
        "(10.9.9.9) are added to the pods' own.",
    ),
    (
        "kind: ServiceEntry\nmetadata: {name: old, namespace: other}\nspec: " + ADDRESS % (FULL, "STATIC", 80),
        f"ServiceEntry other/old is for {FULL}, which is Service bookinfo/ratings of another namespace and goes before "
        "it, so nothing follows it.",
    ),
    (
        SHOP + SECOND % "" + ADDRESS % ("shop.example.com", "DNS", 81),
        "ServiceEntry bookinfo/shop-b is for shop.example.com, for which the older ServiceEntry bookinfo/shop-a holds "
        "already, and they differ in resolution, so its port 81 is not there.",
    ),
    (
        SHOP + SECOND % ", namespace: other" + ADDRESS % ("shop.example.com", "STATIC", 81),
        "ServiceEntry other/shop-b is for shop.example.com, for which the older ServiceEntry bookinfo/shop-a holds "
        "already, and they are of two namespaces, so its port 81 is not there.",
    ),
    (
        SHOP + SECOND % ", labels: {a: b}" + ADDRESS % ("shop.example.com", "STATIC", 81),
        "ServiceEntry bookinfo/shop-b is for shop.example.com, for which the older ServiceEntry bookinfo/shop-a holds "
        "already, and they differ in their labels, so its port 81 is not there.",
    ),
]
SOUND = [
    SHOP + SECOND % "" + ADDRESS % ("shop.example.com", "STATIC", 81),
    SHOP + SECOND % "" + ADDRESS % ("shop.example.com", "DNS", 80),
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
