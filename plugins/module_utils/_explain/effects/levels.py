# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a DestinationRule that do not count: those above a port's own, and ejections that never happen.

Sources: istio.io, "Destination Rule" (``portLevelSettings`` take the place of the policy above them, what they leave
out included; istio.io/istio, destination_rule.go: MergeTrafficPolicy); Envoy's ``config.cluster.v3.OutlierDetection``
(``max_ejection_percent`` is 10 where it is not said, and is not passed even by the first ejection).
"""

from __future__ import annotations

import typing as t

from ..._istio.pods import is_ready
from ..._kube.objects import home_of, spec_of
from ..mesh import Json, Mesh, origin_for, ports_of
from .finding import Effect
from .mend import setting

REPLACED = {"connectionPool": "breaker", "outlierDetection": "outliers", "loadBalancer": "balancing", "tls": "tls"}
"""What the settings of a port replace, each with the topic of a finding about it."""
MOST_EJECTED = 10
"""Percent of the pods, where ``maxEjectionPercent`` is not said."""


def _policies(rule: Json) -> t.Iterator[tuple[tuple[str | int, ...], Json]]:
    """The traffic policies of a DestinationRule, of all and of subsets, with their paths."""
    spec = spec_of(rule)
    yield ("spec", "trafficPolicy"), spec.get("trafficPolicy") or {}
    for index, subset in enumerate(spec.get("subsets") or ()):
        yield ("spec", "subsets", index, "trafficPolicy"), subset.get("trafficPolicy") or {}


def replaced_by_ports(mesh: Mesh) -> t.Iterator[Effect]:
    """A part of a trafficPolicy that the settings of a port leave out, so that it does not hold there."""
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        have = {int(port.get("port") or 0) for port in ports_of(mesh.service(service) or {})} if service else set()
        origin = origin_for("DestinationRule", rule)
        for path, policy in _policies(rule):
            for index, level in enumerate(policy.get("portLevelSettings") or ()):
                port = int((level.get("port") or {}).get("number") or 0)
                for field, topic in REPLACED.items():
                    if port not in have or not policy.get(field) or level.get(field):
                        continue
                    yield Effect(
                        origin,
                        f"{'.'.join(map(str, path))}.{field}",
                        f"The {field} of {origin} does not hold for port {port}, which has settings of its own "
                        "(portLevelSettings): these take the place of all that is above them.",
                        f"Write {field} into the settings of port {port} too.",
                        topic,
                        frozenset([service] if service else []),
                        idle=False,  # the default that takes its place may do as well
                        mend=setting(origin, (*path, "portLevelSettings", index, field), policy[field]),
                    )


def never_ejects(mesh: Mesh) -> t.Iterator[Effect]:
    """An outlierDetection by which no pod is ever ejected."""
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        origin = origin_for("DestinationRule", rule)
        for path, policy in _policies(rule):
            rules = policy.get("outlierDetection")
            if not rules:
                continue
            pods = [pod for pod in mesh.pods_of(service) if is_ready(pod)] if service else []
            place = ".".join(map(str, path)) + ".outlierDetection"
            most = int(rules.get("maxEjectionPercent") or MOST_EJECTED)
            if rules.get("consecutive5xxErrors") == 0 and not rules.get("consecutiveGatewayErrors"):
                yield Effect(
                    origin,
                    f"{place}.consecutive5xxErrors",
                    f"The outlierDetection of {origin} counts no errors (consecutive5xxErrors is 0), so it ejects no "
                    "pod.",
                    "Write consecutive5xxErrors: 5, or consecutiveGatewayErrors for 502, 503 and 504 alone.",
                    "outliers",
                    frozenset([service] if service else []),
                    mend=setting(origin, (*path, "outlierDetection", "consecutive5xxErrors"), 5),
                )
            elif pods and len(pods) * most < 100:
                said = f"maxEjectionPercent: {most}" if rules.get("maxEjectionPercent") else "maxEjectionPercent is 10"
                yield Effect(
                    origin,
                    f"{place}.maxEjectionPercent",
                    f"The outlierDetection of {origin} may eject {most} % of the pods ({said}), which is less than one "
                    f"of {service[0] if service else 'them'}'s {len(pods)}, so it ejects none.",
                    "Write maxEjectionPercent: 100, or so much that a pod of them may go.",
                    "outliers",
                    frozenset([service] if service else []),
                    idle=False,  # more pods may come
                    mend=setting(origin, (*path, "outlierDetection", "maxEjectionPercent"), 100),
                )
