# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many attendees fit into a cluster, by the sums that its scheduler places pods with: pure.

What is left on all nodes is taken together, so a refusal is certain, while what it lets pass may still not fit.
"""

from __future__ import annotations

import json
import typing as t
from decimal import Decimal

from .._apply.fields import quantity

Json = dict[str, t.Any]

PODS = 6
"""Bookinfo's pods of one attendee: productpage, details, ratings, and reviews in three versions."""
_MIB = 1024**2
# Pods that have ended take nothing any more.
_OVER = ("Succeeded", "Failed")


class Amount(t.NamedTuple):
    """Pods, processors, and bytes of memory."""

    pods: Decimal
    cpu: Decimal
    memory: Decimal

    def __str__(self) -> str:
        return f"{self.pods} pods, {int(self.cpu * 1000)}m CPU and {int(self.memory / _MIB)} MiB of memory"


def cost_of_one(application: Json, injector: Json | None) -> Amount:
    """What one attendee's pods ask of the scheduler, from the resources of the application's containers and the
    ConfigMap of Istio's injector, which says what its proxies request; without one they count as nothing.
    """
    try:
        values = json.loads(((injector or {}).get("data") or {}).get("values") or "{}")
        proxy = values["global"]["proxy"]["resources"]
    except (ValueError, KeyError, TypeError):
        proxy = {}
    (cpu, memory), (proxy_cpu, proxy_memory) = _requested(application), _requested(proxy)
    return Amount(Decimal(PODS), PODS * (cpu + proxy_cpu), PODS * (memory + proxy_memory))


def left_on(nodes: t.Sequence[Json], pods: t.Sequence[Json]) -> Amount:
    """What the nodes that take pods have left besides these pods."""
    usable = {one["metadata"]["name"]: one for one in nodes if not (one.get("spec") or {}).get("unschedulable")}
    there = [(one.get("status") or {}).get("allocatable") or {} for one in usable.values()]
    placed = [
        one
        for one in pods
        if (one.get("spec") or {}).get("nodeName") in usable and (one.get("status") or {}).get("phase") not in _OVER
    ]
    taken = [_requested(part.get("resources")) for one in placed for part in _parts(one["spec"])]
    return Amount(
        sum((quantity(one.get("pods")) for one in there), Decimal()) - len(placed),
        sum((quantity(one.get("cpu")) for one in there), Decimal()) - sum(one[0] for one in taken),
        sum((quantity(one.get("memory")) for one in there), Decimal()) - sum(one[1] for one in taken),
    )


def lack_of_room(count: int, left: Amount, each: Amount) -> str:
    """Why ``count`` more attendees do not fit, in a sentence; empty where they may."""
    most = min(max(0, int(have // need)) for have, need in zip(left, each, strict=True) if need)
    if count <= most:
        return ""
    return (
        f"{count} more attendees do not fit into this cluster, {most} do: each takes {each}, and {left} are left. "
        "Add fewer, remove some, or add a node; bookinfo_resources says what each container requests."
    )


def _parts(spec: Json) -> list[Json]:
    """The containers that run all the time: those that start first and end do not add to these."""
    first = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*first, *(spec.get("containers") or ())]


def _requested(resources: Json | None) -> tuple[Decimal, Decimal]:
    requests = {**((resources or {}).get("limits") or {}), **((resources or {}).get("requests") or {})}
    return quantity(requests.get("cpu")), quantity(requests.get("memory"))
