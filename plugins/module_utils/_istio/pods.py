# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod says about itself: whether it serves, and whether it is in the mesh."""

from __future__ import annotations

import typing as t

SIDECAR = "istio-proxy"
"""Name of the container in which Istio runs Envoy."""

Pod = t.Mapping[str, t.Any]


def is_ready(pod: Pod) -> bool:
    """Whether the pod's condition Ready is true. A pod that is being deleted may still be ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def is_serving(pod: Pod) -> bool:
    """Whether the pod is ready and nobody has asked for its deletion."""
    return is_ready(pod) and not pod["metadata"].get("deletionTimestamp")


def has_sidecar(pod: Pod) -> bool:
    """Whether the proxy runs in the pod: as a container, or as a native sidecar, which is an init container."""
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return any(one.get("name") == SIDECAR for one in containers)
