# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All roles work on the same cluster."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.role_vars import variable

EXISTING: dict[str, t.Any] = {"cluster_provider": "existing"}


@pytest.mark.parametrize("role", ["bookinfo", "dashboard", "lab", "metrics", "ratelimit", "tracing"])
@pytest.mark.parametrize(
    ("given", "kubeconfig"),
    [
        ({}, "~/.kube/mesh-workshop"),
        ({"cluster_name": "second", "cluster_kubeconfig": ""}, "~/.kube/second"),
        ({"cluster_kubeconfig": "/mine"}, "/mine"),
        (EXISTING, ""),
        # What the role cluster leaves behind where nothing was said.
        ({**EXISTING, "cluster_kubeconfig": ""}, ""),
        ({**EXISTING, "cluster_kubeconfig": "/theirs"}, "/theirs"),
    ],
)
def test_without_a_kubeconfig_it_is_the_embedded_cluster_s_or_that_of_kubectl(
    role: str, given: dict[str, t.Any], kubeconfig: str
) -> None:
    assert variable(role, f"{role}_kubeconfig", **given) == kubeconfig
