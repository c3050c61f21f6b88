# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of a pod that its own proxy is not given, by annotations of the pod.

Source: istio.io, "Resource Annotations" (``traffic.sidecar.istio.io/…``). What an injector leaves out for all pods may
not be written in their annotations, and is not known here then.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .exports import annotations_of
from .mesh import Json

PREFIX = "traffic.sidecar.istio.io/"
ALL = "*"


def leaves_aside(pod: Json, addresses: t.Sequence[str], port: int) -> str:
    """The annotation that lets what a pod sends there bypass its proxy; empty where none does."""
    if _has_port(pod, "excludeOutboundPorts", port):
        return f"{PREFIX}excludeOutboundPorts"
    known = [one for one in addresses if one not in ("", "0.0.0.0")]
    if known and any(_in_ranges(one, _listed(pod, "excludeOutboundIPRanges")) for one in known):
        return f"{PREFIX}excludeOutboundIPRanges"
    only = _listed(pod, "includeOutboundIPRanges")
    written = f"{PREFIX}includeOutboundIPRanges" in annotations_of(pod)
    # Ports that are named are taken even where their addresses are not.
    if written and ALL not in only and known and not _has_port(pod, "includeOutboundPorts", port):
        return "" if any(_in_ranges(one, only) for one in known) else f"{PREFIX}includeOutboundIPRanges"
    return ""


def lets_past(pod: Json, port: int) -> str:
    """The annotation that lets what comes to a pod's port bypass its proxy; empty where none does."""
    if _has_port(pod, "excludeInboundPorts", port):
        return f"{PREFIX}excludeInboundPorts"
    written = f"{PREFIX}includeInboundPorts" in annotations_of(pod)
    if written and ALL not in _listed(pod, "includeInboundPorts") and not _has_port(pod, "includeInboundPorts", port):
        return f"{PREFIX}includeInboundPorts"
    return ""


def _listed(pod: Json, name: str) -> list[str]:
    text = str(annotations_of(pod).get(f"{PREFIX}{name}") or "")
    return [part for one in text.split(",") if (part := one.strip())]


def _has_port(pod: Json, name: str, port: int) -> bool:
    return str(port) in _listed(pod, name)


def _in_ranges(address: str, ranges: t.Iterable[str]) -> bool:
    try:
        place = ipaddress.ip_address(address)
        return any(one == ALL or place in ipaddress.ip_network(one, strict=False) for one in ranges)
    except ValueError:
        return False
