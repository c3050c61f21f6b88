# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.reset_plan import CLEARED_KINDS
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import (
    NEEDED,
    RightError,
    check_rights,
    missing_rights,
    review,
    summed_up,
)
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]


@pytest.mark.parametrize(
    ("right", "attributes"),
    [
        ("create namespaces", {"verb": "create", "resource": "namespaces"}),
        ("patch deployments.apps", {"verb": "patch", "resource": "deployments", "group": "apps"}),
        ("get pods/log", {"verb": "get", "resource": "pods", "subresource": "log"}),
        (
            "list virtualservices.networking.istio.io",
            {"verb": "list", "resource": "virtualservices", "group": "networking.istio.io"},
        ),
    ],
)
def test_review(right: str, attributes: dict[str, str]) -> None:
    assert review(right)["spec"]["resourceAttributes"] == attributes


@pytest.mark.parametrize("right", ["", "create", "create  pods", "Create pods", "create pods everywhere"])
def test_what_is_no_right(right: str) -> None:
    with pytest.raises(RightError, match="is not a right"):
        review(right)


def test_summed_up_by_verbs() -> None:
    rights = [
        "create namespaces",
        "patch namespaces",
        "patch services",
        "create services",
        "list pods",
        "create deployments.apps",
    ]
    assert summed_up(rights) == "create deployments; create and patch namespaces and services; list pods"


MANIFEST = pathlib.Path(__file__).parents[5] / "roles" / "lab" / "files" / "attendee-rights.yml"
HOME, ISTIO = yaml.safe_load(MANIFEST.read_text())["items"]


def test_the_published_roles_grant_what_is_needed() -> None:
    assert missing_rights(HOME["rules"]) == []
    assert missing_rights(ISTIO["rules"], ["list services", "list deployments.apps"]) == []
    assert not any("secrets" in rule["resources"] for rule in ISTIO["rules"])


def test_the_published_roles_grant_what_a_reset_clears() -> None:
    irregular = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
    for one in CLEARED_KINDS:
        api_version, kind = one[:2]
        group = api_version.rpartition("/")[0]
        resource = irregular.get(kind, f"{kind.lower()}s") + (f".{group}" if group else "")
        if not group.startswith("rbac."):
            assert missing_rights(HOME["rules"], [f"list {resource}", f"delete {resource}"]) == [], kind


@pytest.mark.parametrize(
    ("rule", "granted"),
    [
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, True),
        ({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}, True),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, False),
        ({"verbs": ["list"], "apiGroups": ["apps"], "resources": ["pods"]}, False),
        ({"verbs": ["list"], "apiGroups": [""], "resources": ["pods/log"]}, False),
        ({"verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}, False),
        ({"nonResourceURLs": ["/healthz"], "verbs": ["list"]}, False),
    ],
)
def test_a_rule_grants_verb_group_and_resource(rule: Json, granted: bool) -> None:
    assert (missing_rights([rule], ["list pods"]) == []) == granted
    log = {"verbs": ["get"], "apiGroups": [""], "resources": ["*/log"]}
    assert missing_rights([log], ["get pods/log", "get pods"]) == ["get pods"]


def test_all_missing_rights_are_told_at_once_and_before_anything_is_changed(client: Client, api: FakeApi) -> None:
    def answer(rules: list[Json], *, incomplete: bool = False) -> None:
        body = {"status": {"resourceRules": rules, "incomplete": incomplete}}
        api.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)

    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    answer([everything])
    check_rights(client, "bookinfo")
    answer([], incomplete=True)
    check_rights(client, "bookinfo")
    api.fail(403, method="POST", part="selfsubjectrulesreviews")
    check_rights(client, "bookinfo")
    rules = [{**everything, "verbs": ["get", "list", "watch", "create", "patch", "delete"]}]
    answer(rules)
    with pytest.raises(LabError, match="lacks rights in namespace bookinfo: update leases. The Roles in "):
        check_rights(client, "bookinfo")
    assert len(missing_rights([])) == len(NEEDED)
