# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which control planes a cluster has, and what may be done about them: pure functions."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .control_plane import IstioError, is_ours, version_of

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Presence:
    """The Deployments of istiod that a cluster has."""

    ours: t.Sequence[Json]
    foreign: t.Sequence[Json]
    """Those that this collection did not install."""

    @property
    def mode(self) -> str:
        """Whose the mesh is, as the module's result has it."""
        return "existing" if self.foreign else "ours" if self.ours else "none"

    @property
    def chosen(self) -> Json | None:
        """The one that is used; None where there is none."""
        return next(iter((*self.foreign, *self.ours)), None)

    @property
    def namespace(self) -> str:
        """The namespace of the one that is used."""
        return str(self.chosen["metadata"]["namespace"]) if self.chosen else ""

    @property
    def version(self) -> str:
        """Its version; empty where it is not known."""
        return version_of(self.chosen) if self.chosen else ""


def presence_of(deployments: t.Iterable[Json], field_manager: str) -> Presence:
    """Whose the control planes are; what ``field_manager`` has applied is ours."""
    found = list(deployments)
    ours = [item for item in found if is_ours(item, field_manager)]
    return Presence(ours, [item for item in found if item not in ours])


def require_address(address: str) -> None:
    """Raises IstioError for anything but an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise IstioError(f"gateway_address: {address!r} is not an IP address; use one such as 192.0.2.1.") from error


def require_existing(presence: Presence) -> None:
    """Raises IstioError where there is no Istio to use."""
    if presence.mode == "none":
        raise IstioError(
            "No Istio was found (no Deployment labelled app=istiod): use istio_state=present to install one."
        )


def require_installable(presence: Presence, istioctl: str | None) -> str:
    """The istioctl to install with. Raises IstioError where Istio cannot be installed."""
    if presence.foreign:
        raise IstioError(
            f"An Istio that this collection did not install runs in namespace {presence.namespace}: "
            "use it with istio_state=existing, or remove it first."
        )
    if not istioctl:
        raise IstioError("No istioctl was named to render the charts with: set istio_istioctl.")
    return istioctl


def require_version(wanted: str, istioctl: str, carried: str) -> None:
    """Raises IstioError where an istioctl carries the charts of another version than the one that is wanted."""
    if wanted and wanted != carried:
        raise IstioError(
            f"istio_version asks for {wanted} and {istioctl} carries the charts of {carried}: "
            "set istio_istioctl to the istioctl of the wanted version, or leave istio_version empty."
        )


def version_warning(presence: Presence, wanted: str) -> str:
    """A sentence where the Istio that is used has another version than the one that is wanted; else empty."""
    version = presence.version
    if wanted and version and version != wanted:
        return f"Istio {version} is there and stays; istio_version asks for {wanted}."
    return ""


def without_address(services: t.Iterable[Json], address: str) -> list[str]:
    """The gateway's Services that wait for a load balancer and have not this one address."""
    waiting = []
    for service in services:
        status = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        if service["spec"].get("type") == "LoadBalancer" and [item.get("ip") for item in status] != [address]:
            waiting.append(str(service["metadata"]["name"]))
    return waiting
