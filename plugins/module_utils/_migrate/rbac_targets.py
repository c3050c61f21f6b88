# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets of RBAC: the workloads that a rule's services stand for, and their ports."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from .facts import Facts, Service, service_of
from .model import Doc, Map, Missing, Place, Refused, place_of, text_list
from .rbac_switch import Switch, host_of, in_root

_MAX_TARGETS = 64


@dataclasses.dataclass(frozen=True)
class Target:
    """Pods that a rule is about; without labels all of the namespace."""

    name: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[str, ...] = ()


def targets_of(doc: Doc, rule: Map, field: str, names: list[str] | None, switch: Switch, facts: Facts) -> list[Target]:
    namespace = facts.of(doc)
    place = place_of(rule, "services")
    wanted = text_list(rule, "services", f"{field}.services") or ["*"]
    if switch.mode == "OFF":
        return []
    found: dict[str, Target] = {}
    for pattern in wanted:
        if pattern == "*":
            if names is not None:
                services = [facts.service(namespace, name, f"{field}.constraints", place) for name in names]
            elif switch.covers(namespace) and namespace == switch.root:
                services = _services(doc, pattern, namespace, f"{field}.services", place, facts)
            elif switch.covers(namespace):
                found[""] = Target("", ())
                continue
            else:
                services = [
                    facts.service(namespace, name, f"{field}.services", place)
                    for ns, name, _place in switch.services
                    if ns == namespace and switch.mode == "ON_WITH_INCLUSION"
                ]
        else:
            services = _services(doc, pattern, namespace, f"{field}.services", place, facts)
        for service in services:
            if names is not None and service.name not in names:
                continue
            if not switch.covers_service(namespace, service.name):
                doc.differ(
                    f"RBAC was not on for the service {service.name}, so the role had no effect there.",
                    f"{field}.services",
                    place,
                )
                continue
            ports = service.target_ports()
            if not ports and service.ports:
                doc.differ(
                    f"The Service {service.name} has ports with a name as target, so the policy covers all ports.",
                    f"{field}.services",
                    place,
                )
            found[service.name] = Target(service.name, service.selector, tuple(ports))
    if found and namespace == switch.root:
        doc.differ(in_root(namespace), f"{field}.services", place)
    return list(found.values())


def _services(doc: Doc, pattern: str, namespace: str, field: str, place: Place, facts: Facts) -> list[Service]:
    if "*" not in pattern:
        named = service_of(pattern, namespace)
        if named is None or named[0] != namespace:
            doc.differ(f"{pattern} is not a service of the role's namespace, so it granted nothing.", field, place)
            return []
        if pattern != host_of(*named):
            where = "" if pattern.count(".") < 3 else " where the cluster's domain was cluster.local"
            doc.differ(
                f"Istio 1.x compared full names, so {pattern} matched nothing{where}; it is read as the service of "
                "that name, as Istio's own converter did for a short one.",
                field,
                place,
            )
        return [facts.service(*named, field, place)]
    near = [service for service in facts.services.values() if service.namespace == namespace and service.selector]
    full = [service for service in near if matches(service.host, pattern)]
    short = [service for service in near if service not in full and matches(service.name, pattern)]
    if short:
        doc.differ(
            f"Istio 1.x compared full names, so {pattern} did not match {', '.join(s.name for s in short)}; "
            "it is read as a pattern of short names too, as Istio's own converter did.",
            field,
            place,
        )
    if not full and not short:
        raise Missing(
            f"no Service of the namespace {namespace} that is known matches {pattern}; put the Services' documents "
            "into the input, name them in facts.services, or have the cluster asked.",
            field,
            place,
        )
    doc.differ(f"{pattern} covers the services known now; one that is added later needs a policy.", field, place)
    return [facts.service(service.namespace, service.name, field, place) for service in full + short]


def narrowed(target: Target, labels: list[tuple[str, list[str]]], field: str, rule: Map) -> t.Iterator[Target]:
    """The target narrowed to pods with these labels: one for each combination of values."""
    count = 1
    for _key, values in labels:
        count *= len(values)
    place = place_of(rule, "constraints")
    if count > _MAX_TARGETS:
        raise Refused(f"{field}.constraints stands for {count} combinations of labels.", f"{field}.constraints", place)
    for number, chosen in enumerate(itertools.product(*(values for _key, values in labels))):
        have = dict(target.labels)
        for (key, _values), value in zip(labels, chosen, strict=True):
            if have.setdefault(key, value) != value:
                raise Refused(
                    f"{field}.constraints wants {key}={value}, and the service's selector {key}={have[key]}; "
                    "no workload has both.",
                    f"{field}.constraints",
                    place,
                )
        name = target.name if not number else f"{target.name}-{number}".lstrip("-")
        yield Target(name, tuple(sorted(have.items())), target.ports) if labels else target


def matches(value: str, pattern: str) -> bool:
    """Istio's match of a string: exact, prefix, suffix, or `*` for any."""
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern
