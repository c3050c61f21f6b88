# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.constraints import constraint_refusal

PREFIX = 'pods "reviews-v1-7d9-" is forbidden: unable to validate against any security context constraint: '
OTHERS = ", ".join(
    f'provider "{name}": Forbidden: not usable by user or serviceaccount' for name in ("nonroot-v2", "privileged")
)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (
            '[provider "anyuid": Forbidden: not usable by user or serviceaccount, provider restricted-v2: '
            ".containers[0].runAsUser: Invalid value: 1000: must be in the ranges: [1000740000, 1000749999], "
            f"{OTHERS}]",
            "(restricted-v2: containers[0].runAsUser 1000: must be in the ranges: [1000740000, 1000749999])",
        ),
        (
            "[provider restricted-v2: .spec.securityContext.fsGroup: Invalid value: []int64{10001}: 10001 is not an "
            "allowed group, provider restricted-v2: .containers[0].runAsUser: Invalid value: 0: running as root, "
            f"{OTHERS}]",
            "(restricted-v2: securityContext.fsGroup []int64{10001}: 10001 is not an allowed group; "
            "restricted-v2: containers[0].runAsUser 0: running as root)",
        ),
        (
            '[provider "anyuid": Forbidden: not usable by user or serviceaccount, spec.containers[0].securityContext.'
            f"runAsUser: Invalid value: 2000: must be in the ranges: [1001, 1999], {OTHERS}]",
            "(containers[0].securityContext.runAsUser 2000: must be in the ranges: [1001, 1999])",
        ),
        (
            "provider restricted-v3: .containers[0].runAsUser: Invalid value: 1000: must be in the ranges: [5, 9]",
            "(restricted-v3: containers[0].runAsUser 1000: must be in the ranges: [5, 9])",
        ),
        (
            "[" + ", ".join(f"provider a: .containers[{n}].runAsUser: Invalid value: 0: no" for n in range(5)) + "]",
            "(a: containers[0].runAsUser 0: no; a: containers[1].runAsUser 0: no; a: containers[2].runAsUser 0: no, "
            "and 2 more)",
        ),
        (f"[{OTHERS}]", ""),
    ],
)
def test_what_is_forbidden_is_named_and_what_is_out_of_reach_is_not(faults: str, said: str) -> None:
    clause = "OpenShift admits the pod under none of the SecurityContextConstraints that its ServiceAccount may use"
    assert constraint_refusal(PREFIX + faults) == f"{clause} {said}".strip()


def test_other_refusals_are_not_taken_for_it() -> None:
    assert constraint_refusal('pods "a" is forbidden: exceeded quota: small') == ""


def test_a_probe_that_is_refused_is_told_with_its_remedy() -> None:
    message = f"{PREFIX}[provider restricted-v2: .ephemeralContainers[0].runAsUser: Invalid value: 65532: no, {OTHERS}]"
    said = ApiError(403, "Forbidden", message, subject="Pod bookinfo/reviews").sentence()
    assert said.startswith("Pod bookinfo/reviews: OpenShift admits the pod under none")
    assert "ephemeralContainers[0].runAsUser 65532: no" in said
    assert "add-scc-to-user nonroot-v2" in said
    assert "credentials" not in said
