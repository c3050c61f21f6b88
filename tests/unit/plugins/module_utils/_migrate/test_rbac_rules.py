# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from .conftest import Converter
from .roles import HOST, ON, role

Json = dict[str, t.Any]


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


@pytest.mark.parametrize(
    ("rule", "operation", "selector"),
    [
        ("ports: ['9080', '81'], constraints: [{key: destination.port, values: ['9080']}]", {"ports": ["9080"]}, {}),
        ("constraints: [{key: destination.namespace, values: [def*]}]", {"ports": ["9080"]}, {}),
        ("constraints: [{key: 'destination.labels[version]', values: [v1]}]", {"ports": ["9080"]}, {"version": "v1"}),
    ],
)
def test_constraints_narrow_what_a_rule_permits(
    converter: Converter, rule: str, operation: Json, selector: Json
) -> None:
    policy = converter.outputs(ON + role(f"[{{services: [ratings], {rule}}}]"))[1]
    assert policy["spec"]["selector"]["matchLabels"] == {"app": "ratings", **selector}
    assert policy["spec"]["rules"][0]["to"] == [{"operation": operation}]


def test_a_constraint_may_name_the_service(converter: Converter) -> None:
    rules = "[{services: ['*'], constraints: [{key: destination.name, values: [ratings, details]}]}]"
    found = converter.outputs(ON + role(rules))[1:]
    assert [doc["spec"]["selector"]["matchLabels"] for doc in found] == [{"app": "ratings"}, {"app": "details"}]


@pytest.mark.parametrize(
    "constraints",
    [
        "{key: destination.port, values: ['1']}], ports: ['2'",
        "{key: destination.namespace, values: [other]}",
        "{key: 'destination.labels[v]', values: [a]}, {key: 'destination.labels[v]', values: [b]}",
    ],
)
def test_constraints_that_exclude_each_other_grant_nothing(converter: Converter, constraints: str) -> None:
    result = converter.result(ON + role(f"[{{services: [ratings], constraints: [{constraints}]}}]"))
    assert [out["metadata"]["name"] for doc in result.docs for out in doc.outputs] == ["allow-nothing"]
    assert "so the rule granted nothing" in str(result.docs[1].differences)
