# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DestinationPolicy of Istio 0.1 to 0.8 as the traffic policy of a DestinationRule."""

from __future__ import annotations

from .facts import Facts
from .fields import duration
from .model import Doc, Json, Map, Refused, mapping, mappings, place_of
from .v1alpha1_hosts import Hosts, callers_of, key_of, known_only, labels_of, spec_of

_SETTINGS = ("loadBalancing", "circuitBreaker")
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
    known_only(spec, ("source", "destination", "policy", *_SETTINGS), "spec")
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
    labels = labels_of(destination, "spec.destination")
    settings = [(labels, _settings(doc, spec, "spec"))]
    # Istio 0.1 had a list of them, each with the labels of its pods.
    for index, part in enumerate(mappings(spec, "policy", "spec.policy")):
        field = f"spec.policy[{index}]"
        known_only(part, ("labels", "tags", *_SETTINGS), field)
        settings.append((labels_of(part, field) or labels, _settings(doc, part, field)))
    entry = hosts.about(doc, destination)
    for pods, policy in settings:
        if pods:
            entry.subset(pods)
        into = entry.policies.setdefault((key_of(callers), key_of(pods)), {})
        if any(into.get(key, value) != value for key, value in policy.items()):
            raise Refused("another DestinationPolicy says something else about the same pods.", "spec", spec.place)
        into.update(policy)


def _settings(doc: Doc, spec: Map, field: str) -> Json:
    """What is said of load balancing and circuit breakers, as a traffic policy."""
    policy: Json = {}
    balancing = mapping(spec, "loadBalancing", f"{field}.loadBalancing")
    if balancing:
        known_only(balancing, ("name",), f"{field}.loadBalancing")
        name = str(balancing.get("name"))
        if name not in _BALANCERS:
            raise Refused(
                f"{field}.loadBalancing.name {name} never existed in Istio.", f"{field}.loadBalancing.name", spec.place
            )
        policy["loadBalancer"] = {"simple": _BALANCERS[name]}
    breaker = mapping(spec, "circuitBreaker", f"{field}.circuitBreaker")
    known_only(breaker, ("simpleCb",), f"{field}.circuitBreaker")
    simple = mapping(breaker, "simpleCb", f"{field}.circuitBreaker.simpleCb")
    known_only(simple, _BREAKER, f"{field}.circuitBreaker.simpleCb")
    for key, value in simple.items():
        part = policy
        *path, last = _BREAKER[key]
        for step in path:
            part = part.setdefault(step, {})
        if key in ("httpDetectionInterval", "sleepWindow"):
            value = duration(doc, value, f"{field}.circuitBreaker.simpleCb.{key}", place_of(simple, key))
        part[last] = value
    return policy
