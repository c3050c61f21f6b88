# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What part of the requests a proxy has traced that come to it undecided, and by which Telemetry.

Sources: istio.io, "Telemetry" (the closest counts: a selector in the pod's namespace, its namespace, the root
namespace; what it leaves out is inherited) and "MeshConfig" (``sampling``, 1 % by default); Envoy, "Tracing": the first
proxy that a request meets decides, and the others do as its headers say.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._kube.objects import home_of, labels_of, matches, spec_of
from .mesh import ROOT, Json, Mesh, holds_for, origin_for, selector_of, targets_of_policy
from .origin import Origin

DEFAULT = 1.0
"""Percent."""


@dataclass(frozen=True)
class Sampling:
    """What a proxy decides about requests that none has decided about before."""

    share: float
    """Percent of them that are traced."""
    origin: Origin
    """The Telemetry that says so, or that turns tracing on and says nothing about it."""
    default: bool = False
    """Whether no Telemetry says how many, so that it is the mesh's default."""


def sampling_of(mesh: Mesh, pod: Json) -> Sampling | None:
    """What the proxy of a pod decides; None where no Telemetry turns tracing on there, or that is not known."""
    if not mesh.known("Telemetry", home_of(pod), ROOT):
        return None
    holding = [one for one in mesh.of("Telemetry") if spec_of(one).get("tracing") and _holds(one, pod)]
    holding.sort(key=lambda one: (-_distance(one, pod), _age(one)))
    found: Sampling | None = None
    done: set[int] = set()
    for one in holding:
        if _distance(one, pod) in done:  # of several that are as close, only the oldest counts
            continue
        done.add(_distance(one, pod))
        own = share_of(one)
        if own is not None:
            found = Sampling(own, origin_for("Telemetry", one))
        elif found is None or found.default:
            found = Sampling(DEFAULT, origin_for("Telemetry", one), default=True)
    return found


def share_of(telemetry: Json) -> float | None:
    """The percentage that a Telemetry names; None where it names none."""
    for one in spec_of(telemetry).get("tracing") or ():
        if one.get("randomSamplingPercentage") is not None:
            return float(one["randomSamplingPercentage"])
    return None


def _holds(telemetry: Json, pod: Json) -> bool:
    """As for other policies, but for those of the root namespace: with a selector they are for its own pods only."""
    if targets_of_policy(telemetry):
        return holds_for(telemetry, pod)
    if home_of(telemetry) == home_of(pod):
        return matches(selector_of(telemetry), labels_of(pod))
    return home_of(telemetry) == ROOT and not selector_of(telemetry)


def _distance(telemetry: Json, pod: Json) -> int:
    if selector_of(telemetry) or targets_of_policy(telemetry):
        return 0
    return 1 if home_of(telemetry) == home_of(pod) and home_of(pod) != ROOT else 2


def _age(one: Json) -> str:
    return str((one.get("metadata") or {}).get("creationTimestamp") or "")


def in_words(sampling: Sampling) -> str:
    """How a share is told: ``by Telemetry istio-system/mesh-default (1 %)``."""
    if sampling.default:
        return f"by the mesh's default ({sampling.share:g} %), since {sampling.origin} has no randomSamplingPercentage"
    return f"by {sampling.origin} ({sampling.share:g} %)"


def wider(mesh: Mesh, share: float, namespaces: t.Collection[str]) -> list[Origin]:
    """The Telemetries of these namespaces that ask for more than a share."""
    return [
        origin_for("Telemetry", one)
        for one in mesh.of("Telemetry")
        if home_of(one) in namespaces and (share_of(one) or 0.0) > share
    ]
