# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixer's documents in their three forms, brought to one: handlers, instances and the rules that join them.

Istio 0.2 to 1.0 had a kind for each adapter and template (`memquota`, `quota`), 1.1 to 1.4 `handler` with
`compiledAdapter` and `instance` with `compiledTemplate`. A rule names them `name`, `name.kind` or
`name.kind.namespace`.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from .facts import Facts
from .lost import Lost
from .model import Doc, Map, Place, Refused, camel_keys, mapping, mappings, only, place_of, text_list

GROUP = "config.istio.io"
ADAPTERS = ("memquota", "redisquota", "denier", "listchecker")
TEMPLATES = ("quota", "checknothing", "listentry")
_FREE = ("dimensions", "labels")

# What took the place of Mixer's kinds that neither limit nor deny.
_TELEMETRY = "Envoy reports metrics itself: see the Telemetry API, spec.metrics, for tags and what is reported."
_LOGS = "Envoy writes access logs itself: name a provider in the Telemetry API, spec.accessLogging."
_TRACES = "Envoy reports spans itself: name a provider in the Telemetry API, spec.tracing."
_AUTHZ = "external authorization took its place: an extensionProvider and an AuthorizationPolicy with action CUSTOM."
_PLUMBING = "it sent attributes to Mixer, which is gone; nothing takes its place."
SUCCESSORS = {
    "metric": _TELEMETRY,
    "prometheus": _TELEMETRY,
    "statsd": _TELEMETRY,
    "dogstatsd": _TELEMETRY,
    "cloudwatch": _TELEMETRY,
    "signalfx": _TELEMETRY,
    "circonus": _TELEMETRY,
    "solarwinds": _TELEMETRY,
    "newrelic": _TELEMETRY,
    "reportnothing": _TELEMETRY,
    "stackdriver": "metrics, logs and spans go to Stackdriver by a provider of the Telemetry API.",
    "logentry": _LOGS,
    "stdio": _LOGS,
    "fluentd": _LOGS,
    "tracespan": _TRACES,
    "zipkin": _TRACES,
    "apikey": _AUTHZ,
    "authorization": "AuthorizationPolicy took its place.",
    "rbac": "AuthorizationPolicy took its place, and Istio's own RBAC before it; Mixer's adapter is not needed.",
    "opa": _AUTHZ,
    "bypass": _AUTHZ,
    "kubernetesenv": _PLUMBING,
    "kubernetes": _PLUMBING,
    "attributemanifest": _PLUMBING,
    "noop": "it did nothing; nothing takes its place.",
    "servicecontrol": _AUTHZ,
    "servicecontrolreport": _TELEMETRY,
    "edge": _TELEMETRY,
    "adapter": "adapters of Mixer are gone: telemetry goes by a provider of the Telemetry API or a "
    "WasmPlugin, checks by "
    "external authorization.",
    "template": "templates of Mixer are gone with their adapters; a WasmPlugin or external authorization "
    "sees the request.",
    "EndUserAuthenticationPolicySpec": "a RequestAuthentication says which tokens are taken.",
    "EndUserAuthenticationPolicySpecBinding": "a RequestAuthentication selects its workloads by their labels.",
    "HTTPAPISpec": "it described an API to Mixer's adapters; a WasmPlugin or external authorization sees the request.",
    "HTTPAPISpecBinding": "it described an API to Mixer's adapters; a WasmPlugin or external authorization sees the "
    "request.",
}
_OUT_OF_PROCESS = (
    "adapters out of Mixer's process are gone: checks go by external authorization, telemetry by the Telemetry API."
)


@dataclasses.dataclass
class Part:
    """A handler or an instance, whatever its form: `kind` is the adapter's or the template's name."""

    doc: Doc
    kind: str
    params: Map
    field: str

    @property
    def name(self) -> str:
        return self.doc.name


@dataclasses.dataclass
class Action:
    """One action of a rule: a handler with its instances, where they are in the input."""

    handler: Part | None
    instances: list[Part]
    named: str
    instance_names: list[str]


@dataclasses.dataclass
class Rule:
    doc: Doc
    match: str
    place: Place
    actions: list[Action]
    gone: t.Mapping[str, str]
    lost: Lost


@dataclasses.dataclass
class Mixer:
    """All of Mixer's documents that belong together."""

    handlers: list[Part] = dataclasses.field(default_factory=list)
    instances: list[Part] = dataclasses.field(default_factory=list)
    rules: list[Rule] = dataclasses.field(default_factory=list)
    # QuotaSpecs and QuotaSpecBindings with their specs in one spelling.
    specs: list[tuple[Doc, Map]] = dataclasses.field(default_factory=list)
    bindings: list[tuple[Doc, Map]] = dataclasses.field(default_factory=list)
    # Adapters that are gone, with what took their place.
    gone: dict[str, str] = dataclasses.field(default_factory=dict)
    # What was refused, whose names lead nowhere.
    lost: Lost = dataclasses.field(default_factory=lambda: Lost(()))


def read(docs: t.Sequence[Doc], facts: Facts, lost: Lost) -> Mixer:
    """Sorts Mixer's documents and joins rules with what they name."""
    mixer = Mixer(lost=lost)
    rules = []
    for doc in docs:
        if doc.group != GROUP or doc.refusal:
            continue
        try:
            if doc.kind == "rule":
                doc.family = "mixer"
                rules.append(doc)
            elif doc.kind in ("QuotaSpec", "QuotaSpecBinding"):
                doc.family = "quota"
                spec = t.cast(Map, camel_keys(doc.spec(), ("labels",)))
                (mixer.specs if doc.kind == "QuotaSpec" else mixer.bindings).append((doc, spec))
            else:
                _part(mixer, doc)
        except Refused as why:
            doc.refuse(why)
    handlers, instances = _Names(mixer.handlers, facts), _Names(mixer.instances, facts)
    for doc in rules:
        try:
            mixer.rules.append(_rule(doc, handlers, instances, mixer, facts))
        except Refused as why:
            doc.refuse(why)
    return mixer


class _Names:
    """What a rule means by `name`, `name.kind`, `kind.name` or these with a namespace."""

    def __init__(self, parts: list[Part], facts: Facts) -> None:
        self._alone = len(parts) == 1
        self._alike = collections.Counter((part.name, part.kind) for part in parts)
        self._named: dict[str, list[tuple[Part, str]]] = {}
        for part in parts:
            namespace = facts.of(part.doc)
            kinds = {part.kind, part.doc.kind}
            forms = {part.name} | {form for k in kinds for form in (f"{part.name}.{k}", f"{k}.{part.name}")}
            for form in forms:
                self._named.setdefault(form, []).append((part, namespace))
                self._named.setdefault(f"{form}.{namespace}", []).append((part, ""))

    def find(self, named: str, home: str) -> Part | None:
        """The part that a rule in the namespace `home` names; a name without namespace may lead elsewhere if only one
        part has it."""
        for part, namespace in self._named.get(named, ()):
            if namespace in ("", home) or self._alone or self._alike[part.name, part.kind] == 1:
                return part
        return None


def _part(mixer: Mixer, doc: Doc) -> None:
    generic = doc.kind in ("handler", "instance")
    spec = doc.spec()
    field = "spec"
    kind = doc.kind
    if generic:
        chosen = "compiledAdapter" if kind == "handler" else "compiledTemplate"
        other = "adapter" if kind == "handler" else "template"
        given = t.cast(Map, camel_keys(spec, ("params", "labels", "attributeBindings")))
        kind = str(given.get(chosen) or given.get(other) or "")
        spec = mapping(given, "params", "spec.params")
        field = "spec.params"
        if not kind:
            raise Refused(f"spec.{chosen} is missing.", "spec", given.place)
    doc.family = "quota" if kind in ("memquota", "redisquota", "quota") else "mixer"
    part = Part(doc, kind, t.cast(Map, camel_keys(spec, _FREE)), field)
    if kind in ADAPTERS:
        mixer.handlers.append(part)
    elif kind in TEMPLATES:
        mixer.instances.append(part)
    else:
        doc.family = "telemetry"
        reason = SUCCESSORS.get(kind) or (_OUT_OF_PROCESS if generic else "")
        place = place_of(doc.value, "kind")
        mixer.gone[doc.name] = f"{kind}, which is gone: {reason}"
        if not reason:
            reason = (
                "it is a kind of an adapter of Mixer; Telemetry API, WasmPlugin or external authorization take its "
                "place."
            )
        raise Refused(f"Mixer's {kind} has no document in its place: {reason}", "kind", place)


def _rule(doc: Doc, handlers: _Names, instances: _Names, mixer: Mixer, facts: Facts) -> Rule:
    spec = t.cast(Map, camel_keys(doc.spec()))
    only(
        spec,
        ("match", "actions", "requestHeaderOperations", "responseHeaderOperations", "sampling"),
        "spec",
    )
    for key in ("requestHeaderOperations", "responseHeaderOperations"):
        if spec.get(key):
            raise Refused(
                f"spec.{key}: a rule changed headers by what an adapter answered; external "
                "authorization does that today.",
                f"spec.{key}",
                place_of(spec, key),
            )
    match = spec.get("match")
    if isinstance(match, (dict, list)):
        raise Refused("spec.match must be an expression.", "spec.match", place_of(spec, "match"))
    text = "" if match is None else str(match).lower() if isinstance(match, bool) else str(match)
    actions = []
    for index, action in enumerate(mappings(spec, "actions", "spec.actions")):
        field = f"spec.actions[{index}]"
        only(action, ("handler", "instances", "name"), field)
        named = str(action.get("handler") or "")
        names = text_list(action, "instances", f"{field}.instances")
        home = facts.of(doc)
        found = [part for name in names if (part := instances.find(name, home))]
        actions.append(Action(handlers.find(named, home), found, named, names))
    return Rule(doc, text, place_of(spec, "match"), actions, mixer.gone, mixer.lost)
