# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations and sources of Istio 0.1 to 0.8: what is said of a destination, and for which callers."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .facts import Facts
from .model import Doc, Json, Map, Refused, camel_keys, mapping, only, place_of

_FREE = ("labels", "tags", "headers", "httpHeaders", "appendHeaders")
_GONE = ("l4Fault", "custom", "overrideHeaderName", "exponentialDelay", "http2Error", "hostHeader")
SERVICE = ("name", "namespace", "domain", "service", "labels", "tags")
Labels = tuple[tuple[str, str], ...]


@dataclasses.dataclass
class Host:
    """All that is said of one destination."""

    host: str
    namespace: str
    name: str
    rules: list[tuple[int, Doc, Json]] = dataclasses.field(default_factory=list)
    subsets: dict[Labels, str] = dataclasses.field(default_factory=dict)
    # By the labels of the callers and those of the pods; none stand for all of them.
    policies: dict[tuple[Labels, Labels], Json] = dataclasses.field(default_factory=dict)
    docs: list[Doc] = dataclasses.field(default_factory=list)
    known: dict[Labels, str] = dataclasses.field(default_factory=dict)

    def subset(self, labels: t.Mapping[str, str]) -> str:
        """The name of the subset with these labels, which is made where it is missing."""
        key = key_of(labels)
        if key in self.known and key not in self.subsets:
            return self.known[key]
        if key not in self.subsets:
            name = name_of(key) or "all"
            taken = self.subsets.values()
            self.subsets[key] = name if name not in taken else f"{name}-{len(taken)}"
        return self.subsets[key]

    def rule(self, callers: Labels) -> Json:
        """What a DestinationRule says for these callers: what is said for them, else what is said for all."""

        def policy(labels: Labels) -> Json:
            found = self.policies.get((callers, labels)) or self.policies.get(((), labels))
            return {"trafficPolicy": found} if found else {}

        subsets = [{"name": name, "labels": dict(key), **policy(key)} for key, name in self.subsets.items()]
        selector = {"workloadSelector": {"matchLabels": dict(callers)}} if callers else {}
        return {"host": self.host, **selector, **policy(()), **({"subsets": subsets} if subsets else {})}


def key_of(labels: t.Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def name_of(labels: Labels) -> str:
    return "-".join(re.sub(r"[^a-z0-9-]+", "-", value.lower()).strip("-") for _label, value in labels)


def host_of(doc: Doc, destination: Map, facts: Facts, hosts: dict[tuple[str, str], Host]) -> Host:
    """The destination of a rule."""
    only(destination, SERVICE, "spec.destination")
    home = str(doc.namespace)
    namespace = str(destination.get("namespace") or "")
    name = str(destination.get("name") or "")
    if destination.get("service"):
        host = str(destination["service"])
        name = re.sub(r"[^a-z0-9-]+", "-", host.replace("*", "any")).strip("-")
    elif name:
        host = name
        if destination.get("domain"):
            host = f"{name}.{namespace or facts.of(doc)}.{destination['domain']}"
        elif namespace and namespace != facts.of(doc):
            host = f"{name}.{namespace}.svc.cluster.local"
    else:
        raise Refused("spec.destination names no service.", "spec.destination", destination.place)
    entry = hosts.setdefault((home or facts.namespace, host), Host(host, home, name))
    entry.docs.append(doc)
    return entry


def known_only(container: Map, known: t.Container[str], field: str) -> None:
    """Names a field that nothing here knows, and one that Istio had and nothing took the place of.

    :raises Refused: if there is one
    """
    for key in container:
        if key in _GONE and key not in known:
            raise Refused(
                f"{field}.{key} has no successor; leave it out, and say what is meant in today's kinds.",
                f"{field}.{key}",
                place_of(container, key),
            )
    only(container, known, field)


def spec_of(doc: Doc) -> Map:
    spec = t.cast(Map, camel_keys(doc.spec(), _FREE))
    if isinstance(spec.get("destination"), str):
        # Istio 0.1 had the full name here.
        inner = Map(place_of(spec, "destination"))
        parts = str(spec["destination"]).split(".")
        if len(parts) > 2 and parts[2] == "svc":
            inner["name"], inner["namespace"] = parts[0], parts[1]
        else:
            inner["service"] = spec["destination"]
        spec["destination"] = inner
    return spec


def labels_of(container: Map, field: str) -> dict[str, str]:
    labels = mapping(container, "labels", f"{field}.labels") or mapping(container, "tags", f"{field}.tags")
    return {str(key): str(value) for key, value in labels.items()}


def callers_of(doc: Doc, source: Map, field: str, facts: Facts) -> tuple[dict[str, str], str]:
    """The labels and the namespace of the workloads that a rule is for."""
    only(source, SERVICE, field)
    labels = labels_of(source, field)
    namespace = str(source.get("namespace") or "")
    if source.get("name"):
        place = place_of(source, "name")
        namespace = namespace or facts.of(doc)
        service = facts.service(namespace, str(source["name"]), f"{field}.name", place)
        doc.note(f"The source {source['name']} is the workload that its Service selects.", f"{field}.name", place)
        labels = {**service.labels, **labels}
    elif source.get("service") or source.get("domain"):
        raise Refused(f"{field} must be a service's name or labels.", field, source.place)
    return labels, namespace
