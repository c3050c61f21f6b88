# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.rbac_switch import Switch

from .conftest import Converter
from .roles import config

GATEWAY = """\
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-system}
spec: {selector: {istio: ingress}, ports: [{port: 80, targetPort: 8080}]}
---
"""
EXCLUDED = "{mode: ON_WITH_EXCLUSION, exclusion: {namespaces: [istio-system, other]}}"
INCLUDED = "{mode: ON_WITH_INCLUSION, inclusion: {namespaces: [istio-system, other]}}"


@pytest.mark.parametrize(
    ("mode", "namespaces", "services"),
    [
        ("ON", (True, True), (True, True, True)),
        ("OFF", (False, False), (False, False, False)),
        ("ON_WITH_INCLUSION", (True, False), (True, True, False)),
        ("ON_WITH_EXCLUSION", (False, True), (False, False, True)),
    ],
)
def test_rbac_is_on_for_what_its_mode_says(
    mode: str, namespaces: tuple[bool, bool], services: tuple[bool, bool, bool]
) -> None:
    switch = Switch("istio-system")
    switch.mode = mode
    if "WITH" in mode:  # only these modes name anything
        switch.namespaces, switch.services = ["named"], [("other", "named", (0, 0))]
    assert (switch.covers("named"), switch.covers("other")) == namespaces
    found = [switch.covers_service(*place) for place in (("named", "a"), ("other", "named"), ("other", "a"))]
    assert tuple(found) == services


def test_leaving_out_the_root_namespace_does_not_open_the_mesh(converter: Converter) -> None:
    result = converter.result(config(EXCLUDED))
    assert [(out["metadata"]["namespace"], out["spec"]) for out in result.docs[0].outputs] == [
        ("istio-system", {}),
        ("other", {"rules": [{}]}),
    ]
    assert "gateways among them, are closed" in str(result.docs[0].differences)
    # Its Services are known by their labels.
    result = converter.result(config(EXCLUDED) + GATEWAY)
    (opened,) = [out for out in result.docs[0].outputs if out["metadata"]["name"] == "allow-all-ingress"]
    assert opened["metadata"]["namespace"] == "istio-system"
    assert opened["spec"] == {
        "selector": {"matchLabels": {"istio": "ingress"}},
        "rules": [{"to": [{"operation": {"ports": ["8080"]}}]}],
    }
    assert "the pods of its Services that are known (ingress) are open" in str(result.docs[0].differences)


def test_closing_the_root_namespace_does_not_close_the_mesh(converter: Converter) -> None:
    assert "has no Service that is known, so a policy would close the mesh" in converter.refusal(config(INCLUDED))
    result = converter.result(config(INCLUDED) + GATEWAY)
    assert [(out["metadata"]["namespace"], out["spec"]) for out in result.docs[0].outputs] == [
        ("other", {}),
        ("istio-system", {"selector": {"matchLabels": {"istio": "ingress"}}}),
    ]
    assert "and its other pods open" in str(result.docs[0].differences)


def test_maistras_switch_is_that_of_the_mesh(converter: Converter) -> None:
    text = config("{mode: 'ON'}").replace("rbac.istio.io/v1alpha1", "rbac.maistra.io/v1")
    result = converter.result(text.replace("ClusterRbacConfig", "ServiceMeshRbacConfig"))
    (doc,) = result.docs
    assert (doc.family, doc.status, doc.title) == (
        "rbac",
        "converted_with_differences",
        "ServiceMeshRbacConfig default",
    )
    assert [(out["metadata"]["namespace"], out["spec"]) for out in doc.outputs] == [("istio-system", {})]
    broken = converter.result(text.replace("spec:", "spec: [").replace("ClusterRbac", "ServiceMeshRbac"))
    assert [doc.family for doc in broken.docs] == ["rbac"]
