# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .conftest import Converter
from .roles import HOST, ON, role


def test_a_role_becomes_a_policy_for_the_workload_and_its_target_port(converter: Converter) -> None:
    found = converter.outputs(ON + role(f"[{{services: [{HOST}], methods: [GET], paths: [/a*]}}]"))
    assert found == [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": "allow-nothing", "namespace": "istio-system"},
            "spec": {},
        },
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": "viewer", "namespace": "default"},
            "spec": {
                "selector": {"matchLabels": {"app": "ratings"}},
                "rules": [
                    {
                        "from": [{"source": {"principals": ["cluster.local/ns/default/sa/a"]}}],
                        "to": [{"operation": {"methods": ["GET"], "paths": ["/a*"], "ports": ["9080"]}}],
                    }
                ],
            },
        },
    ]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("[{services: ['*'], constraints: [{key: destination.ip, values: [1.2.3.4]}]}]", "destination.ip"),
        ("[{services: ['*'], constraints: [{key: destination.user, values: [admin]}]}]", "destination.user"),
        (
            "[{services: [ratings], constraints: [{key: 'destination.labels[app]', values: [x]}]}]",
            "no workload has both",
        ),
        ("[{services: [unknown.default.svc.cluster.local]}]", "Service default/unknown are not known"),
        ("[{services: ['*'], paths: ['/a*b']}]", "only at one end"),
        ("[{services: ['*'], paths: ['*a*']}]", "only at one end"),
        ("[{services: ['*'], path: [/a]}]", "spec.rules[0].path is not a field"),
        ("[{services: ['*'], methods: [pkg.Service/Method]}]", "say it as a path"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_line(converter: Converter, rules: str, reason: str) -> None:
    found = converter.refusal(ON + role(rules))
    assert reason in found
    assert found.startswith("file0.yaml, line 10, ServiceRole default/viewer")
