# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights are asked for on a cluster that is there already."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.reset_plan import CLEARED_KINDS
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.rights import review
from ansible_collections.mesh.workshop.tests.unit.role_vars import ROLES, variable


def rights(**given: t.Any) -> list[str]:
    return list(variable("cluster", "cluster_rights", **given))


@pytest.mark.parametrize("state", ["auto", "present", "existing"])
def test_each_is_one_and_none_is_asked_twice(state: str) -> None:
    found = rights(istio_state=state)
    assert all(review(right) for right in found)
    assert len(found) == len(set(found))


def test_those_of_istios_installation_are_asked_only_where_it_may_be_installed() -> None:
    for right in (
        "create customresourcedefinitions.apiextensions.k8s.io",
        "patch clusterroles.rbac.authorization.k8s.io",
        "create mutatingwebhookconfigurations.admissionregistration.k8s.io",
    ):
        assert right in rights()
        assert right in rights(istio_state="present")
        assert right not in rights(istio_state="existing")


def test_those_of_the_checks_are_always_asked() -> None:
    """The probe is an ephemeral container, entered by exec, and the proxies' logs are read."""
    wanted = {"patch pods/ephemeralcontainers", "get pods/exec", "create pods/exec", "get pods/log"}
    assert wanted <= set(rights(istio_state="existing"))


def test_all_that_the_labs_apply_and_a_reset_removes_is_among_them() -> None:
    found = {review(right)["spec"]["resourceAttributes"]["resource"] for right in rights(istio_state="existing")}
    kinds = {kind for _api_version, kind in CLEARED_KINDS}
    for path in ROLES.glob("lab/catalogue/*/lab.yml"):
        kinds |= set(re.findall(r"^ +(?:- )?kind: (\w+)$", path.read_text(), re.MULTILINE))
    kinds -= {"HTTPRoute", "GRPCRoute"}  # of the labs in the Gateway API, which nobody has to apply
    irregular = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "Telemetry": "telemetries"}
    irregular |= {"AuthorizationPolicy": "authorizationpolicies", "ServiceEntry": "serviceentries"}
    for kind in kinds:
        assert irregular.get(kind, f"{kind.lower()}s") in found, kind


def test_the_role_asks_for_them() -> None:
    (asked, _fact) = yaml.safe_load((ROLES / "cluster" / "tasks" / "existing.yml").read_text())
    assert asked["mesh.workshop.cluster_info"]["rights"] == "{{ cluster_rights }}"
    assert asked["mesh.workshop.cluster_info"]["openshift_rights"] == "{{ cluster_rights_on_openshift }}"


def test_those_for_openshift_are_asked_only_there() -> None:
    asked = set(variable("cluster", "cluster_rights_on_openshift"))
    assert {"create routes/custom-host.route.openshift.io", "create daemonsets.apps"} <= asked
    assert not asked & set(rights())
    assert all(review(right) for right in asked)
    assert "create daemonsets.apps" not in variable("cluster", "cluster_rights_on_openshift", istio_state="existing")
