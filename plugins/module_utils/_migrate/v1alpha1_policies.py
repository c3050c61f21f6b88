# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DestinationPolicy of Istio 0.1 to 0.8 as the traffic policy of a DestinationRule."""

from __future__ import annotations

from .facts import Facts
from .fields import duration
from .model import Doc, Json, Refused, mapping, place_of
from .v1alpha1_hosts import Hosts, callers_of, key_of, known_only, labels_of, spec_of

_BALANCERS = {"ROUND_ROBIN": "ROUND_ROBIN", "RANDOM": "RANDOM", "LEAST_CONN": "LEAST_REQUEST"}
_BREAKER = {
    "maxConnections": ("connectionPool", "tcp", "maxConnections"),
    "httpMaxPendingRequests": ("connectionPool", "http", "http1MaxPendingRequests"),
    "httpMaxRequests": ("connectionPool", "http", "http2MaxRequests"),
    "httpMaxRequestsPerConnection": ("connectionPool", "http", "maxRequestsPerConnection"),
    "httpMaxRetries": ("connectionPool", "http", "maxRetries"),
    "httpConsecutiveErrors": ("outlierDetection", "consecutive5xxErrors"),
    "httpDetectionInterval": ("outlierDetection", "interval"),
    "sleepWindow": ("outlierDetection", "baseEjectionTime"),
    "httpMaxEjectionPercent": ("outlierDetection", "maxEjectionPercent"),
}


def read_policy(doc: Doc, facts: Facts, hosts: Hosts) -> None:
    spec = spec_of(doc)
    known_only(spec, ("source", "destination", "loadBalancing", "circuitBreaker"), "spec")
    source = mapping(spec, "source", "spec.source")
    callers, namespace = callers_of(doc, source, "spec.source", facts)
    if source and (not callers or namespace not in ("", facts.of(doc))):
        raise Refused(
            "spec.source: a DestinationRule can be kept to workloads of its own namespace, by their labels; name a "
            "service there.",
            "spec.source",
            place_of(spec, "source"),
        )
    destination = mapping(spec, "destination", "spec.destination")
    policy: Json = {}
    balancing = mapping(spec, "loadBalancing", "spec.loadBalancing")
    if balancing:
        known_only(balancing, ("name",), "spec.loadBalancing")
        name = str(balancing.get("name"))
        if name not in _BALANCERS:
            raise Refused(
                f"spec.loadBalancing.name {name} never existed in Istio.", "spec.loadBalancing.name", spec.place
            )
        policy["loadBalancer"] = {"simple": _BALANCERS[name]}
    breaker = mapping(spec, "circuitBreaker", "spec.circuitBreaker")
    known_only(breaker, ("simpleCb",), "spec.circuitBreaker")
    simple = mapping(breaker, "simpleCb", "spec.circuitBreaker.simpleCb")
    known_only(simple, _BREAKER, "spec.circuitBreaker.simpleCb")
    for key, value in simple.items():
        part = policy
        *path, last = _BREAKER[key]
        for step in path:
            part = part.setdefault(step, {})
        if key in ("httpDetectionInterval", "sleepWindow"):
            value = duration(doc, value, f"spec.circuitBreaker.simpleCb.{key}", place_of(simple, key))
        part[last] = value
    entry = hosts.about(doc, destination)
    labels = labels_of(destination, "spec.destination")
    if labels:
        entry.subset(labels)
    into = entry.policies.setdefault((key_of(callers), key_of(labels)), {})
    if any(into.get(key, value) != value for key, value in policy.items()):
        raise Refused("another DestinationPolicy says something else about the same pods.", "spec", spec.place)
    into.update(policy)
