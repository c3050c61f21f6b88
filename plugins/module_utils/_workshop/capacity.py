# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many attendees fit into a cluster, by the sums that its scheduler places pods with: pure.

What is left on all nodes is taken together, so a refusal is certain, while what it lets pass may still not fit.
"""

from __future__ import annotations

import json
import math
import typing as t
from decimal import Decimal

from .._apply.fields import quantity

Json = dict[str, t.Any]

PODS = 6
"""Bookinfo's pods of one attendee: productpage, details, ratings, and reviews in three versions."""
SHARE = 4
"""How many times a Bookinfo an attendee may take: that of a rollout is there twice, and labs bring up to four pods."""
# What a container gets that says nothing: as much as one of Bookinfo requests, and at most what the largest of the
# upstream images, a Java server, takes.
_LEAST = (Decimal("0.002"), Decimal(32 * 1024**2))
_MOST = (Decimal(1), Decimal(512 * 1024**2))
_MIB = 1024**2
# Pods that have ended take nothing any more.
_OVER = ("Succeeded", "Failed")


# What an attendee costs who is added, measured with 20 and 30 of them on two processors: seconds of a processor until
# their Bookinfo is verified, seconds until the first one is, and the memory in GiB that is in use then.
_WORK, _FIRST, _USED = 23, 5, Decimal("0.34")


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
    (cpu, memory), (proxy_cpu, proxy_memory) = _requested(application), _requested(_proxy(injector))
    return Amount(Decimal(PODS), PODS * (cpu + proxy_cpu), PODS * (memory + proxy_memory))


def bounds_of_one(application: Json, injector: Json | None) -> Json:
    """What one attendee may take, from the same: ``quota`` as a ResourceQuota says it, ``container`` as a LimitRange.

    The quota is ``SHARE`` times what a Bookinfo requests. No container may take more than the proxy or one of the
    application may. Amounts are Kubernetes' quantities.
    """
    proxy = _proxy(injector)
    request, sidecar = (_or_else(_requested(one), _LEAST) for one in (application, proxy))
    limit = _larger(_or_else(_limited(application), _MOST), request)
    cpu, memory = (SHARE * PODS * (own + beside) for own, beside in zip(request, sidecar, strict=True))
    return {
        "quota": {
            "pods": str(SHARE * PODS),
            **{f"requests.{name}": amount for name, amount in _said(cpu, memory).items()},
            "configmaps": "50",
            "secrets": "50",
            "services": "20",
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        },
        "container": {
            "defaultRequest": _said(*request),
            "default": _said(*limit),
            "max": _said(*_larger(limit, _limited(proxy))),
        },
    }


def left_on(nodes: t.Sequence[Json], pods: t.Sequence[Json]) -> Amount:
    """What the nodes that take pods have left besides these pods."""
    usable = {one["metadata"]["name"]: one for one in nodes if not (one.get("spec") or {}).get("unschedulable")}
    there = list(usable.values())
    placed = [
        one
        for one in pods
        if (one.get("spec") or {}).get("nodeName") in usable and (one.get("status") or {}).get("phase") not in _OVER
    ]
    taken = [_requested(part.get("resources")) for one in placed for part in _parts(one["spec"])]
    return Amount(
        sum((_allocatable(one, "pods") for one in there), Decimal()) - len(placed),
        sum((_allocatable(one, "cpu") for one in there), Decimal()) - sum(one[0] for one in taken),
        sum((_allocatable(one, "memory") for one in there), Decimal()) - sum(one[1] for one in taken),
    )


def most_of(left: Amount, each: Amount) -> int:
    """How many attendees who take so much each fit into what is left."""
    return min(max(0, int(have // need)) for have, need in zip(left, each, strict=True) if need)


def expectation(count: int, nodes: t.Sequence[Json], most: int) -> str:
    """How long it takes to add ``count`` attendees to these nodes, where ``most`` fit, and the memory that they will
    use, in a sentence.
    """
    processors = sum((_allocatable(one, "cpu") for one in nodes), Decimal()) or 1
    minutes = math.ceil((_FIRST + count * _WORK / processors) / 60)
    about = "a minute" if minutes == 1 else f"{minutes} minutes"
    return (
        f"Adding {count} {'attendee' if count == 1 else 'attendees'} takes about {about} and {count * _USED:.1f} GiB of"
        f" memory; there is room for {most}."
    )


def lack_of_room(count: int, left: Amount, each: Amount) -> str:
    """Why ``count`` more attendees do not fit, in a sentence; empty where they may."""
    most = most_of(left, each)
    if count <= most:
        return ""
    return (
        f"{count} more attendees do not fit into this cluster, {most} do: each takes {each}, all of them "
        f"{Amount(*(count * one for one in each))}, and {left} are left. "
        "Add fewer, remove some, or add a node; bookinfo_resources says what each container requests."
    )


def _allocatable(node: Json, name: str) -> Decimal:
    return quantity(((node.get("status") or {}).get("allocatable") or {}).get(name))


def _parts(spec: Json) -> list[Json]:
    """The containers that run all the time: those that start first and end do not add to these."""
    first = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*first, *(spec.get("containers") or ())]


def _requested(resources: Json | None) -> tuple[Decimal, Decimal]:
    requests = {**((resources or {}).get("limits") or {}), **((resources or {}).get("requests") or {})}
    return quantity(requests.get("cpu")), quantity(requests.get("memory"))


def _limited(resources: Json | None) -> tuple[Decimal, Decimal]:
    limits = (resources or {}).get("limits") or {}
    return quantity(limits.get("cpu")), quantity(limits.get("memory"))


def _or_else(have: tuple[Decimal, Decimal], otherwise: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return have[0] or otherwise[0], have[1] or otherwise[1]


def _larger(one: tuple[Decimal, Decimal], two: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return max(one[0], two[0]), max(one[1], two[1])


def _said(cpu: Decimal, memory: Decimal) -> dict[str, str]:
    """Processors and bytes as quantities, rounded up."""
    return {"cpu": f"{math.ceil(cpu * 1000)}m", "memory": f"{math.ceil(memory / _MIB)}Mi"}


def _proxy(injector: Json | None) -> Json:
    """The resources of the proxies, by the ConfigMap of Istio's injector."""
    try:
        values = json.loads(((injector or {}).get("data") or {}).get("values") or "{}")
        return dict(values["global"]["proxy"]["resources"])
    except (ValueError, KeyError, TypeError):
        return {}
