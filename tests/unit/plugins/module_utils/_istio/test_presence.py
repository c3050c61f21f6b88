# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import IstioError
from ansible_collections.mesh.workshop.plugins.module_utils._istio.presence import (
    Presence,
    presence_of,
    require_address,
    require_existing,
    require_installable,
    require_version,
    version_warning,
    without_address,
)

Json = dict[str, t.Any]


def istiod(namespace: str, manager: str, version: str = "1.31.0") -> Json:
    return {
        "metadata": {"namespace": namespace, "managedFields": [{"manager": manager, "operation": "Apply"}]},
        "spec": {"template": {"spec": {"containers": [{"image": f"registry.example/pilot:{version}"}]}}},
    }


OURS, THEIRS = istiod("istio-system", "us"), istiod("mesh", "helm", "1.30.0")


@pytest.mark.parametrize(
    ("deployments", "mode", "namespace", "version"),
    [
        ([], "none", "", ""),
        ([OURS], "ours", "istio-system", "1.31.0"),
        ([THEIRS], "existing", "mesh", "1.30.0"),
        ([OURS, THEIRS], "existing", "mesh", "1.30.0"),
    ],
)
def test_a_mesh_of_somebody_elses_is_used_before_ours(
    deployments: list[Json], mode: str, namespace: str, version: str
) -> None:
    found = presence_of(deployments, "us")
    assert (found.mode, found.namespace, found.version) == (mode, namespace, version)
    assert (found.chosen is None) == (mode == "none")


def test_only_a_cluster_without_somebody_elses_can_have_ours() -> None:
    assert require_installable(Presence([], []), "/bin/istioctl") == "/bin/istioctl"
    assert require_installable(Presence([OURS], []), "/bin/istioctl") == "/bin/istioctl"
    with pytest.raises(IstioError, match="did not install runs in namespace mesh: use it with istio_state=existing"):
        require_installable(Presence([OURS], [THEIRS]), "/bin/istioctl")
    with pytest.raises(IstioError, match="set istio_istioctl"):
        require_installable(Presence([], []), None)


def test_what_is_to_be_used_has_to_be_there() -> None:
    require_existing(Presence([], [THEIRS]))
    with pytest.raises(IstioError, match="No Istio was found"):
        require_existing(Presence([], []))


def test_a_version_is_what_istioctl_carries_and_what_is_there_stays() -> None:
    require_version("", "/bin/istioctl", "1.31.0")
    require_version("1.31.0", "/bin/istioctl", "1.31.0")
    with pytest.raises(IstioError, match=r"asks for 1\.30\.0 and /bin/istioctl carries the charts of 1\.31\.0"):
        require_version("1.30.0", "/bin/istioctl", "1.31.0")
    assert version_warning(Presence([OURS], []), "1.31.0") == version_warning(Presence([], []), "1.31.0") == ""
    assert version_warning(Presence([OURS], []), "1.30.0") == (
        "Istio 1.31.0 is there and stays; istio_version asks for 1.30.0."
    )


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_is_one_of_ip(address: str) -> None:
    require_address(address)
    with pytest.raises(IstioError, match="is not an IP address; use one such as"):
        require_address(address + ".example")


def test_services_get_an_address_that_wait_for_one_and_have_not_this_one() -> None:
    def service(name: str, kind: str, *held: str) -> Json:
        status = {"loadBalancer": {"ingress": [{"ip": one} for one in held]}} if held else {}
        return {"metadata": {"name": name}, "spec": {"type": kind}, "status": status}

    services = [
        service("new", "LoadBalancer"),
        service("moved", "LoadBalancer", "192.0.2.9"),
        service("more", "LoadBalancer", "192.0.2.1", "192.0.2.2"),
        service("right", "LoadBalancer", "192.0.2.1"),
        service("inside", "ClusterIP"),
    ]
    assert without_address(services, "192.0.2.1") == ["new", "moved", "more"]
