# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .roles import HOST, ON, config, role


def test_labels_narrow_the_selector_once_for_each_value(converter: Converter) -> None:
    rules = f"[{{services: [{HOST}], constraints: [{{key: 'destination.labels[version]', values: [v1, v2]}}]}}]"
    found = converter.outputs(ON + role(rules))[1:]
    assert [doc["spec"]["selector"]["matchLabels"] for doc in found] == [
        {"app": "ratings", "version": "v1"},
        {"app": "ratings", "version": "v2"},
    ]
    assert len({doc["metadata"]["name"] for doc in found}) == 2


@pytest.mark.parametrize("name", ["ratings", "ratings.default", "ratings.default.svc.example.org"])
def test_a_name_that_is_not_full_is_said_to_have_matched_nothing(converter: Converter, name: str) -> None:
    result = converter.result(ON + role(f"[{{services: [{name}]}}]"))
    assert f"compared full names, so {name} matched nothing" in str(result.docs[1].differences)
    if "." in name:
        text = config(f"{{mode: ON_WITH_EXCLUSION, exclusion: {{services: [{name}]}}}}")
        result = converter.result(text)
        assert [out["metadata"]["name"] for out in result.docs[0].outputs] == ["allow-nothing"]
        assert f"{name} named no service; RBAC stays on" in str(result.docs[0].differences)


def test_a_role_of_the_root_namespace_does_not_hold_for_the_mesh(converter: Converter) -> None:
    gateway = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: ingress, namespace: istio-system}\n"
        "spec: {selector: {istio: ingress}, ports: [{port: 80, targetPort: 8080}]}\n---\n"
    )
    everything = role("[{services: ['*']}]").replace("namespace: default", "namespace: istio-system")
    assert "no Service of the namespace istio-system that is known matches *" in converter.refusal(ON + everything)
    result = converter.result(gateway + ON + everything)
    (policy,) = result.docs[2].outputs
    assert policy["spec"]["selector"] == {"matchLabels": {"istio": "ingress"}}
    assert "for pods with these labels in every namespace" in str(result.docs[2].differences)
