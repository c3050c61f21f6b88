# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations and sources of Istio 0.1 to 0.8: what is said of a destination, and for which callers."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .facts import Facts, service_of
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
    # Rules of other destinations that lead to subsets of this one.
    callers: list[Doc] = dataclasses.field(default_factory=list)
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


def name_of_host(doc: Doc, service: Map, field: str, facts: Facts) -> tuple[str, str]:
    """The host of a service, and a name for what is written about it.

    :raises Refused: if it names no service
    """
    namespace = str(service.get("namespace") or "")
    name = str(service.get("name") or "")
    if service.get("service"):
        host = str(service["service"])
        return host, re.sub(r"[^a-z0-9-]+", "-", host.replace("*", "any")).strip("-")
    if not name:
        raise Refused(f"{field} names no service.", field, service.place)
    if not service.get("domain") and namespace in ("", facts.of(doc)):
        return name, name
    # What is written for two namespaces of one service is in one, under two names.
    other = f"-{namespace}" if namespace not in ("", facts.of(doc)) else ""
    return f"{name}.{namespace or facts.of(doc)}.{service.get('domain') or 'svc.cluster.local'}", f"{name}{other}"


class Hosts:
    """The destinations that rules and policies are about, and the DestinationRules that the input has for them."""

    def __init__(self, docs: t.Iterable[Doc], facts: Facts) -> None:
        self._facts = facts
        self._found: dict[tuple[str, str], Host] = {}
        self._taken = {
            (home, _full(str(doc.spec_or_empty().get("host")), home)): doc
            for doc in docs
            if doc.group == "networking.istio.io" and doc.kind == "DestinationRule" and (home := facts.of(doc))
        }

    def __iter__(self) -> t.Iterator[Host]:
        return iter(self._found.values())

    def about(self, doc: Doc, service: Map) -> Host:
        """The destination that a document is about."""
        only(service, SERVICE, "spec.destination")
        entry = self._entry(doc, service, "spec.destination")
        entry.docs.append(doc)
        return entry

    def towards(self, doc: Doc, service: Map, field: str) -> Host:
        """Another destination, to which a rule leads."""
        entry = self._entry(doc, service, field)
        entry.callers.append(doc)
        return entry

    def _entry(self, doc: Doc, service: Map, field: str) -> Host:
        host, name = name_of_host(doc, service, field, self._facts)
        entry = self._found.setdefault((self._facts.of(doc), host), Host(host, doc.namespace, name))
        taken = self.taken(entry)
        if taken is not None and not taken.refusal:
            entry.known = _subsets_of(taken)
        return entry

    def taken(self, entry: Host) -> Doc | None:
        """The DestinationRule of the input that is about a destination."""
        home = entry.namespace or self._facts.namespace
        return self._taken.get((home, _full(entry.host, home)))


def _full(host: str, home: str) -> str:
    """One name for a host, whether it is written with its namespace or not."""
    return ".".join(service_of(host, home) or (host,))


def _subsets_of(rule: Doc) -> dict[Labels, str]:
    """The subsets that a DestinationRule of the input has, by their labels."""
    found = {}
    for subset in rule.spec_or_empty().get("subsets") or []:
        labels = subset.get("labels") if isinstance(subset, Map) else None
        if isinstance(labels, Map) and isinstance(subset.get("name"), str):
            found[key_of({str(key): str(value) for key, value in labels.items()})] = subset["name"]
    return found


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
