# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.waves import wave_of

NETWORK, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (("v1", "Namespace"), ("v1", "ConfigMap")),
        (("apiextensions.k8s.io/v1", "CustomResourceDefinition"), (NETWORK, "ServiceEntry")),
        (("v1", "ServiceAccount"), ("apps/v1", "Deployment")),
        (("v1", "Secret"), ("apps/v1", "Deployment")),
        (("rbac.authorization.k8s.io/v1", "ClusterRole"), ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")),
        (("v1", "Service"), (NETWORK, "DestinationRule")),
        ((NETWORK, "ServiceEntry"), (NETWORK, "DestinationRule")),
        ((NETWORK, "DestinationRule"), (NETWORK, "VirtualService")),
        ((NETWORK, "Gateway"), (NETWORK, "VirtualService")),
        (("apps/v1", "Deployment"), ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")),
        ((SECURITY, "RequestAuthentication"), (SECURITY, "AuthorizationPolicy")),
        (("gateway.networking.k8s.io/v1", "Gateway"), ("gateway.networking.k8s.io/v1", "HTTPRoute")),
    ],
)
def test_what_is_referred_to_comes_first(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    assert wave_of(*earlier) < wave_of(*later)


def test_the_version_does_not_matter() -> None:
    assert wave_of("networking.istio.io/v1beta1", "VirtualService") == wave_of(NETWORK, "VirtualService")


def test_kinds_of_the_same_name_are_told_apart() -> None:
    assert wave_of("example.com/v1", "Namespace") != wave_of("v1", "Namespace")
