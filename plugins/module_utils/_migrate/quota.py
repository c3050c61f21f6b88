# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixer's quotas become rate limits of Envoy: asked of the rate limit service, or counted by each proxy.

What they meant is documented in Istio 1.4's reference (`memquota`, `redisquota`, `istio.mixer.v1.config.client`): one
counter for each tuple of dimension values, in one Mixer for the mesh, and of the overrides the first that matches. The
rate limit service enforces every descriptor that it is sent, so the dimensions become one nested descriptor, and the
first match is worked out here, for each combination of values that an override names.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

from .expressions import Attribute, Test, Value, alternatives, value_of
from .facts import Facts, Service, service_of
from .mixer import Mixer, Part, Rule
from .model import Doc, Json, Map, Options, Place, Refused, mapping, mappings, only, place_of

_API = "networking.istio.io/v1alpha3"
_UNITS = {
    1: "second",
    60: "minute",
    3600: "hour",
    86400: "day",
    604800: "week",
    2592000: "month",
    31536000: "year",
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_MAX_LEAVES = 512
# After filters that set nothing; istioctl analyze wants one to be set.
_PRIORITY = 10
_UNLIMITED = 4294967295
_EXPRESSION = "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
_SAMPLE = {
    "source": 'source.labels["app"] | source.service | "unknown"',
    "sourceVersion": 'source.labels["version"] | "unknown"',
    "destination": 'destination.labels["app"] | destination.service | "unknown"',
    "destinationVersion": 'destination.labels["version"] | "unknown"',
}
# Stands for all values that no override names, where each proxy counts alone.
_OTHERS = "other"
_PEER = "connection.uri_san_peer_certificate"
_REQUEST = {
    "request.path": "request.path",
    "request.url_path": "request.url_path",
    "request.method": "request.method",
    "request.host": "request.host",
    "request.useragent": "request.useragent",
    "request.referer": "request.referer",
}


@dataclasses.dataclass(frozen=True)
class _Limit:
    amount: int
    seconds: float
    place: Place

    def unit(self, field: str) -> str:
        """The rate limit service's unit for this window.

        :raises Refused: if it has none
        """
        if self.seconds not in _UNITS:
            raise Refused(
                f"{field}: the rate limit service counts per second, minute, hour, day, week, month or year, not per "
                f"{self.seconds:g} s; set quota to local, or choose one of these.",
                field,
                self.place,
            )
        return _UNITS[int(self.seconds)]


@dataclasses.dataclass
class _Quota:
    """One quota with all that is said of it."""

    part: Part
    name: str
    short: str
    limit: _Limit
    overrides: list[tuple[dict[str, str], _Limit]]
    dimensions: dict[str, Value]
    place: Place
    match: list[list[Test]] = dataclasses.field(default_factory=lambda: [[]])
    charge: int = 1
    services: list[Service] = dataclasses.field(default_factory=list)
    joined: list[Doc] = dataclasses.field(default_factory=list)


def convert(mixer: Mixer, facts: Facts, options: Options) -> None:
    """Converts all quotas that belong together; what became of each document is noted in it."""
    quotas: list[_Quota] = []
    instances: dict[str, Part] = {}
    for part in mixer.instances:
        for kind in ("quota", "instance") if part.kind == "quota" else ():
            for name in (part.name, f"{part.name}.{kind}", f"{part.name}.{kind}.{facts.of(part.doc)}"):
                instances.setdefault(name, part)
    for part in mixer.handlers:
        if part.kind not in ("memquota", "redisquota"):
            continue
        try:
            part.doc.handled = True
            quotas += _quotas(part, instances)
        except Refused as why:
            part.doc.refuse(why)
    links = _Links(mixer, facts)
    good = []
    for quota in quotas:
        if quota.part.doc.refusal:
            continue
        try:
            _bind(quota, links, facts, options)
            good.append(quota)
        except Refused as why:
            quota.part.doc.refuse(why)
    _write(good, facts, options)
    _rest(mixer, quotas)


def _rest(mixer: Mixer, quotas: list[_Quota]) -> None:
    """Documents that belong to a quota share its fate; those that belong to none are named."""
    for quota in quotas:
        for doc in quota.joined:
            if doc.refusal:
                continue
            if quota.part.doc.refusal:
                doc.refuse(Refused(f"the quota {quota.name} that it belongs to is refused."))
            else:
                doc.handled = True
                own = [f"{out['kind']} {out['metadata']['name']}" for out in quota.part.doc.outputs]
                doc.moved_to = list(dict.fromkeys([*doc.moved_to, *own, *quota.part.doc.moved_to]))
    loose = [part.doc for part in mixer.instances if part.kind == "quota"]
    loose += [doc for doc, _spec in [*mixer.specs, *mixer.bindings]]
    loose += [rule.doc for rule in mixer.rules if _is_quota_rule(rule)]
    for doc in loose:
        if not doc.handled and not doc.refusal:
            doc.refuse(
                Refused(
                    "the input has no memquota or redisquota handler for it, so there is no "
                    "amount to limit to; add the "
                    "handler's document.",
                    "kind",
                    place_of(doc.value, "kind"),
                )
            )


def _is_quota_rule(rule: Rule) -> bool:
    for action in rule.actions:
        if action.handler is not None and action.handler.kind in ("memquota", "redisquota"):
            return True
        if any(part.kind == "quota" for part in action.instances):
            return True
        words = [word for name in [action.named, *action.instance_names] for word in name.split(".")]
        if action.handler is None and {"memquota", "redisquota", "quota"} & set(words):
            return True
    return False


def _quotas(part: Part, instances: t.Mapping[str, Part]) -> list[_Quota]:
    params = part.params
    known = ("quotas", "minDeduplicationDuration", "redisServerUrl", "connectionPoolSize")
    only(params, known, part.field)
    for key in ("minDeduplicationDuration", "redisServerUrl", "connectionPoolSize"):
        if key in params:
            part.doc.note(f"{key} was Mixer's own; the rate limit service has its own settings.", f"{part.field}.{key}")
    found = []
    for index, entry in enumerate(mappings(params, "quotas", f"{part.field}.quotas")):
        found.append(_quota(part, entry, f"{part.field}.quotas[{index}]", instances))
    if not found:
        raise Refused(f"{part.field}.quotas is empty.", f"{part.field}.quotas", params.place)
    return found


def _quota(part: Part, entry: Map, field: str, instances: t.Mapping[str, Part]) -> _Quota:
    doc = part.doc
    only(
        entry,
        ("name", "maxAmount", "validDuration", "overrides", "bucketDuration", "rateLimitAlgorithm"),
        field,
    )
    name = str(entry.get("name") or "")
    if not name:
        raise Refused(f"{field} has no name.", f"{field}.name", entry.place)
    limit = _limit(entry, field, None)
    instance = instances.get(name)
    overrides = []
    for index, override in enumerate(mappings(entry, "overrides", f"{field}.overrides")):
        where = f"{field}.overrides[{index}]"
        _mend_override(doc, override, where)
        only(override, ("dimensions", "maxAmount", "validDuration"), where)
        if "validDuration" not in override:
            said = "has no validDuration; that of the quota is taken"
            place = override.place
            if part.kind == "redisquota":
                doc.note(f"The override {said}, as redisquota did.", where, place)
            else:
                doc.differ(
                    f"The override {said}. memquota would have counted to "
                    f"{override.get('maxAmount')} once and for all.",
                    where,
                    place,
                )
        asked = mapping(override, "dimensions", f"{where}.dimensions")
        overrides.append(({k: str(v) for k, v in asked.items()}, _limit(override, where, limit.seconds)))
    dimensions = _dimensions(doc, instance, name, overrides, field, entry)
    short = name.partition(".")[0]
    quota = _Quota(part, name, short, limit, overrides, dimensions, place_of(entry, "name"))
    if instance is not None:
        quota.joined.append(instance.doc)
    if part.kind == "memquota" or entry.get("rateLimitAlgorithm") == "ROLLING_WINDOW":
        doc.differ(
            "The window rolled; the rate limit service's is fixed, so up to twice the amount "
            "may pass around a boundary.",
            f"{field}.validDuration",
            place_of(entry, "validDuration"),
        )
    return quota


def _mend_override(doc: Doc, override: Map, field: str) -> None:
    """Dimensions that stand beside `dimensions` belong into it."""
    if override.get("dimensions") is not None or "dimensions" not in override:
        return
    inner = Map(place_of(override, "dimensions"))
    for key in [key for key in override if key not in ("dimensions", "maxAmount", "validDuration")]:
        if not isinstance(override[key], (dict, list)):
            doc.repair(f"{key} is moved into dimensions.", f"{field}.{key}", place_of(override, key))
            inner.take(key, override)
    override["dimensions"] = inner


def _limit(entry: Map, field: str, seconds: float | None) -> _Limit:
    amount = entry.get("maxAmount")
    place = place_of(entry, "maxAmount")
    if isinstance(amount, str) and amount.isdigit():
        amount = int(amount)
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= _UNLIMITED:
        raise Refused(f"{field}.maxAmount must be a whole number.", f"{field}.maxAmount", place)
    if "validDuration" in entry:
        place = place_of(entry, "validDuration")
        text = str(entry["validDuration"])
        parts = _DURATION.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise Refused(f"{field}.validDuration {text} is no duration.", f"{field}.validDuration", place)
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise Refused(
            f"{field} has no validDuration: amounts that are never given back have no successor.", field, entry.place
        )
    return _Limit(amount, seconds, place)


def _dimensions(
    doc: Doc,
    instance: Part | None,
    name: str,
    overrides: list[tuple[dict[str, str], _Limit]],
    field: str,
    entry: Map,
) -> dict[str, Value]:
    named = [key for dimensions, _limit in overrides for key in dimensions]
    if instance is None:
        unknown = sorted(set(named) - set(_SAMPLE))
        if unknown:
            raise Refused(
                f"the instance {name} is not in the input, so it is not known what {', '.join(unknown)} is; add its "
                "document.",
                f"{field}.name",
                place_of(entry, "name"),
            )
        wanted = [key for key in _SAMPLE if key in named]
        if wanted:
            doc.differ(
                f"The instance {name} is not in the input. {' and '.join(wanted)} are taken as Istio's samples have "
                "them: the label app of the workload.",
                f"{field}.name",
                place_of(entry, "name"),
            )
        return {key: value_of(_SAMPLE[key], field, entry.place) for key in wanted}
    only(instance.params, ("dimensions",), instance.field)
    given = mapping(instance.params, "dimensions", f"{instance.field}.dimensions")
    found = {}
    for key, expression in given.items():
        where = f"{instance.field}.dimensions.{key}"
        try:
            value = value_of(str(expression), where, place_of(given, key))
        except Refused as why:
            raise Refused(f"{instance.doc.title}: {why.reason}", f"{field}.name", place_of(entry, "name")) from why
        last = value.attributes[0] if value.attributes else None
        if last is not None and last.key == "version" and last.name.endswith(".labels") and key not in named:
            doc.differ(
                f"The dimension {key} told versions apart; no override asks for it, and one "
                "counter serves all versions.",
                f"{field}.name",
                place_of(entry, "name"),
            )
            continue
        found[key] = value
    missing = sorted(set(named) - set(found))
    if missing:
        raise Refused(
            f"overrides ask for {', '.join(missing)}, which the instance {name} does not have, "
            "so they never held; remove "
            "them.",
            f"{field}.overrides",
            place_of(entry, "overrides"),
        )
    return found


class _Links:
    """What leads from quotas to services, by the names that it is found under."""

    def __init__(self, mixer: Mixer, facts: Facts) -> None:
        self.rules: dict[int, list[Rule]] = {}
        for rule in mixer.rules:
            for handler in {id(action.handler) for action in rule.actions}:
                self.rules.setdefault(handler, []).append(rule)
        self.charges: dict[str, list[_Charge]] = {}
        for doc, spec in mixer.specs:
            try:
                for charge in _charges(doc, spec):
                    self.charges.setdefault(charge.quota.lower(), []).append(charge)
            except Refused as why:
                doc.refuse(why)
        self.has_bindings = bool(mixer.bindings)
        self.bindings: dict[tuple[str, str], list[tuple[Doc, Map]]] = {}
        for doc, spec in mixer.bindings:
            try:
                for name in _bound_specs(doc, spec, facts):
                    self.bindings.setdefault(name, []).append((doc, spec))
            except Refused as why:
                doc.refuse(why)


@dataclasses.dataclass
class _Charge:
    """What a QuotaSpec takes for a request."""

    spec: Doc
    quota: str
    amount: t.Any
    field: str
    place: Place
    match: Place | None


def _charges(doc: Doc, spec: Map) -> t.Iterator[_Charge]:
    only(spec, ("rules",), "spec")
    for index, rule in enumerate(mappings(spec, "rules", "spec.rules")):
        only(rule, ("match", "quotas"), f"spec.rules[{index}]")
        match = place_of(rule, "match") if rule.get("match") else None
        for number, entry in enumerate(mappings(rule, "quotas", f"spec.rules[{index}].quotas")):
            field = f"spec.rules[{index}].quotas[{number}]"
            only(entry, ("charge", "quota"), field)
            place = place_of(entry, "charge")
            yield _Charge(doc, str(entry.get("quota") or ""), entry.get("charge", 1), field, place, match)


def _bound_specs(doc: Doc, spec: Map, facts: Facts) -> set[tuple[str, str]]:
    """Namespaces and names of the QuotaSpecs that a binding binds."""
    only(spec, ("quotaSpecs", "services"), "spec")
    names = set()
    for index, ref in enumerate(mappings(spec, "quotaSpecs", "spec.quotaSpecs")):
        only(ref, ("name", "namespace"), f"spec.quotaSpecs[{index}]")
        names.add((str(ref.get("namespace") or facts.of(doc)), str(ref.get("name"))))
    return names


def _bind(quota: _Quota, links: _Links, facts: Facts, options: Options) -> None:
    """Finds the rule that switches a quota on, what a request is charged, and for which services."""
    doc = quota.part.doc
    rules = links.rules.get(id(quota.part), [])
    if not rules:
        doc.differ("No rule in the input uses the handler; it is taken to hold for every request.")
    elif len(rules) > 1:
        raise Refused(f"the rules {rules[0].doc.name} and {rules[1].doc.name} both use it; leave one.", "kind")
    else:
        quota.joined.append(rules[0].doc)
        quota.match = alternatives(rules[0].match, "spec.match", rules[0].place)
    charged: list[tuple[Doc, int]] = []
    for name in dict.fromkeys((quota.short.lower(), quota.name.lower())):
        for charge in links.charges.get(name, []):
            if all(charge.spec is not spec for spec, _amount in charged):
                charged.append((charge.spec, _amount(charge)))
                quota.joined.append(charge.spec)
    if len({charge for _spec, charge in charged}) > 1:
        raise Refused("two QuotaSpecs charge the quota differently; leave one.", "kind")
    if charged:
        quota.charge = charged[0][1]
    bound: dict[int, tuple[Doc, Map]] = {}
    for spec, _charge in charged:
        for binding in links.bindings.get((facts.of(spec), spec.name), []):
            bound[id(binding[0])] = binding
    for joined, given in bound.values():
        quota.joined.append(joined)
        _add_services(joined, given, quota, facts)
    if not bound:
        if links.has_bindings and charged:
            raise Refused(
                "no QuotaSpecBinding in the input binds its QuotaSpec to a service; add its document.", "kind"
            )
        # Neither the cluster's own Services nor the control plane's have sidecars that a quota could be for.
        outside = ("kube-system", options.root_namespace)
        services = [s for s in facts.services.values() if s.selector and s.namespace not in outside]
        if not services:
            raise Refused(
                "no QuotaSpecBinding in the input says for which services it holds, and no Service is known; add the "
                "binding's document, or the Services' (or facts.services), or have the cluster asked.",
                "kind",
                place_of(doc.value, "kind"),
            )
        doc.differ(
            "No QuotaSpecBinding in the input says for which services it holds; it holds for all that are known: "
            f"{', '.join(sorted(service.name for service in services))}."
        )
        quota.services = services


def _amount(charge: _Charge) -> int:
    if charge.match:
        raise Refused(
            f"{charge.spec.title}: {charge.field.rpartition('.')[0]}.match chooses by attributes of an API; "
            "say it in the rule's match.",
            "spec.rules",
            charge.match,
        )
    amount = charge.amount
    if isinstance(amount, str) and amount.isdigit():
        amount = int(amount)
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise Refused(f"{charge.spec.title}: {charge.field}.charge must be a whole number.", charge.field, charge.place)
    return amount


def _add_services(binding: Doc, given: Map, quota: _Quota, facts: Facts) -> None:
    for index, item in enumerate(mappings(given, "services", "spec.services")):
        field = f"spec.services[{index}]"
        only(item, ("name", "namespace", "service", "domain", "labels"), field)
        place = item.place
        if item.get("labels"):
            raise Refused(f"{binding.title}: {field}.labels has no single reading.", field, place_of(item, "labels"))
        name = str(item.get("name") or "")
        if item.get("service") == "*":
            quota.services += [service for service in facts.services.values() if service.selector]
            if not quota.services:
                raise Refused(f"{binding.title}: service * is all Services, and none is known.", field, place)
            continue
        if item.get("service"):
            found = service_of(str(item["service"]), facts.of(binding))
            if found is None or "*" in str(item["service"]):
                raise Refused(f"{binding.title}: {field}.service is no service's name.", field, place)
            quota.services.append(facts.service(*found, field, place))
            continue
        namespace = str(item.get("namespace") or facts.of(binding))
        service = facts.services.get((namespace, name))
        if service is None and not item.get("namespace"):
            # Samples are bound from istio-system and name services of the default namespace.
            near = [other for (_ns, other_name), other in facts.services.items() if other_name == name]
            service = near[0] if len(near) == 1 else None
        quota.services.append(service or facts.service(namespace, name, field, place))


# What is written ------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Entry:
    """One dimension as a descriptor's entry: constant at this workload, or an expression over the request."""

    key: str
    constant: str = ""
    expression: str = ""
    named: tuple[str, ...] = ()
    # The expression where all values that no override names are one.
    coarse: str = ""


def _write(quotas: list[_Quota], facts: Facts, options: Options) -> None:
    trees: list[tuple[_Quota, Json]] = []
    filters: dict[tuple[str, str], list[tuple[_Quota, Json]]] = {}
    for quota in quotas:
        try:
            mine: list[tuple[Service, Json]] = []
            for service in dict.fromkeys(quota.services):
                tests = _tests_for(quota, service, facts)
                if tests is None:
                    continue
                entries = _entries(quota, service, facts)
                if options.quota == "local":
                    _emit_local(quota, service, entries, tests)
                elif quota.charge:
                    mine.append((service, _rate_limit(quota, entries, tests)))
            if options.quota == "local":
                quota.part.doc.differ(
                    "Each proxy counts alone: with N pods N times the amount passes, and "
                    "callers that no override names "
                    "share one counter.",
                    quota.part.field,
                    quota.place,
                )
                continue
            tree = _tree(quota, facts)
        except Refused as why:
            quota.part.doc.refuse(why)
            continue
        if quota.charge != 1:
            quota.part.doc.note(f"A request is charged {quota.charge}: hits_addend.", quota.part.field, quota.place)
        trees.append((quota, tree))
        for service, limit in mine:
            filters.setdefault((service.namespace, service.name), []).append((quota, limit))
    trees = [(quota, tree) for quota, tree in trees if not quota.part.doc.refusal]
    if not trees:
        return
    _emit_config(trees, options)
    _share([quota.part.doc for quota, _tree_of in trees], "ConfigMap ratelimit-config")
    for (namespace, name), limits in filters.items():
        left = [(quota, limit) for quota, limit in limits if not quota.part.doc.refusal]
        if left:
            service = facts.services[namespace, name]
            docs = [quota.part.doc for quota, _limit in left]
            _emit_filter(docs[0], service, [limit for _quota, limit in left], options)
            _share(docs, f"EnvoyFilter quota-{name}")
    for quota, _tree_of in trees:
        quota.part.doc.differ(
            "Where the rate limit service does not answer, requests are denied; Mixer's default let them pass.",
            quota.part.field,
            quota.place,
        )


def _share(docs: list[Doc], title: str) -> None:
    """What the first handler has written is for the quotas of the others as well."""
    for doc in docs:
        if doc is not docs[0]:
            doc.moved_to.append(title)


def _tests_for(quota: _Quota, service: Service, facts: Facts) -> list[Test] | None:
    """The tests of the rule's match that are left for a service; None if it can never hold there."""
    left: list[list[Test]] = []
    place = quota.place
    for tests in quota.match:
        kept: list[Test] | None = []
        for test in tests:
            attribute = test.value.attributes[0]
            if attribute.name.startswith("destination."):
                have = _constant(attribute, service)
                if have is None:
                    raise Refused(f"the rule's match asks for {attribute}, which is not known.", "spec.match", place)
                same = have == test.text if test.how == "equals" else have.startswith(test.text)
                if same == test.negated:
                    kept = None
                    break
            elif attribute.name.startswith("context."):
                continue
            elif attribute.name == "request.headers" and attribute.key:
                t.cast(list[Test], kept).append(test)
            else:
                raise Refused(
                    f"the rule's match asks for {attribute}; a rate limit can ask for headers and for the destination.",
                    "spec.match",
                    place,
                )
        if kept is not None and kept not in left:
            left.append(kept)
    if [] in left:
        return []
    if len(left) > 1:
        raise Refused(
            "the rule's match has alternatives, and a request would be counted for each.", "spec.match", place
        )
    return left[0] if left else None


def _constant(attribute: Attribute, service: Service) -> str | None:
    """The value of an attribute of the destination; None if it is not known from the Service."""
    if attribute.name == "destination.labels":
        return service.labels.get(attribute.key)
    if attribute.name in ("destination.service", "destination.service.host"):
        return service.host
    if attribute.name == "destination.service.name":
        return service.name
    if attribute.name in ("destination.namespace", "destination.service.namespace", "destination.workload.namespace"):
        return service.namespace
    return None


def _entries(quota: _Quota, service: Service, facts: Facts) -> list[_Entry]:
    return [_entry(quota, key, value, service, facts) for key, value in sorted(quota.dimensions.items())]


def _entry(quota: _Quota, key: str, value: Value, service: Service, facts: Facts) -> _Entry:
    named = tuple(dict.fromkeys(d[key] for d, _limit in quota.overrides if key in d))
    first = value.attributes[0] if value.attributes else None
    place = quota.place
    if first is None:
        return _Entry(key, constant=value.default or "")
    if first.name.startswith("destination."):
        for attribute in value.attributes:
            constant = _constant(attribute, service)
            if constant is not None:
                return _Entry(key, constant=constant)
        raise Refused(
            f"the dimension {key} is {first}, which the Service {service.name} does not say; a rate limit needs it.",
            "spec.dimensions",
            place,
        )
    if first.name == "source.labels" or first.name in ("source.workload.name", "source.service", "source.name"):
        return _caller(quota, key, first, named, facts)
    if first.name in ("source.user", "source.principal"):
        return _Entry(key, expression=_peer('""'), named=named)
    if first.name == "request.headers" and first.key:
        header = first.key.lower().replace('"', "")
        default = (value.default or "unknown").replace('"', "")
        text = f'"{header}" in request.headers ? request.headers["{header}"] : "{default}"'
        return _Entry(key, expression=text, named=named)
    if first.name in _REQUEST:
        return _Entry(key, expression=_REQUEST[first.name], named=named)
    raise Refused(f"the dimension {key} is {first}, which a rate limit cannot ask for.", "spec.dimensions", place)


def _peer(missing: str) -> str:
    return f"has({_PEER}) ? {_PEER} : {missing}"


def _caller(quota: _Quota, key: str, attribute: Attribute, named: tuple[str, ...], facts: Facts) -> _Entry:
    """The caller, as its certificate says it: the values that overrides name, and for all others the identity."""
    if named and attribute.name != "source.labels":
        raise Refused(
            f"the dimension {key} is {attribute}, which a certificate does not say.", "spec.dimensions", quota.place
        )
    chosen = ""
    for value in named:
        accounts = facts.accounts({attribute.key: value}, "spec.overrides", quota.place)
        tests = " || ".join(f'{_PEER} == "spiffe://{account}"' for account in accounts)
        chosen += f'({tests}) ? "{value}" : '
    quota.part.doc.differ(
        f"The dimension {key} is the caller's mTLS identity instead of {attribute}; pods with one service account "
        "count as one caller.",
        quota.part.field,
        quota.place,
    )
    return _Entry(
        key,
        expression=f'has({_PEER}) ? ({chosen}{_PEER}) : "unknown"',
        named=named,
        coarse=f'has({_PEER}) ? ({chosen}"{_OTHERS}") : "{_OTHERS}"',
    )


def _action(entry: _Entry, *, coarse: bool = False) -> Json:
    if not entry.expression:
        return {"generic_key": {"descriptor_key": entry.key, "descriptor_value": entry.constant or "unknown"}}
    text = entry.expression
    if coarse:
        listed = "[" + ", ".join(f'"{value}"' for value in entry.named) + "]"
        text = entry.coarse or f'({text}) in {listed} ? ({text}) : "{_OTHERS}"'
    return {
        "extension": {
            "name": entry.key,
            "typed_config": {"@type": _EXPRESSION, "descriptor_key": entry.key, "text": text},
        }
    }


def _conditions(quota: _Quota, tests: list[Test]) -> list[Json]:
    out = []
    for number, test in enumerate(tests):
        attribute = test.value.attributes[0]
        match: Json = {"name": attribute.key.lower(), "treat_missing_header_as_empty": True}
        match["string_match"] = {{"equals": "exact"}.get(test.how, test.how): test.text}
        if not test.text:
            match["string_match"] = {"exact": ""}
        out.append(
            {
                "header_value_match": {
                    "descriptor_key": f"match-{number}",
                    "descriptor_value": "true",
                    "expect_match": not test.negated,
                    "headers": [match],
                }
            }
        )
    if tests:
        quota.part.doc.differ(
            "A header that is missing counts as empty in the rule's match; Mixer did not limit such a request.",
            "spec.match",
            quota.place,
        )
    return out


def _rate_limit(quota: _Quota, entries: list[_Entry], tests: list[Test]) -> Json:
    actions: list[Json] = [{"generic_key": {"descriptor_key": "quota", "descriptor_value": quota.name}}]
    actions += _conditions(quota, tests)
    actions += [_action(entry) for entry in entries]
    limit: Json = {"actions": actions}
    if quota.charge != 1:
        limit["hits_addend"] = {"number": quota.charge}
    return limit


def _first(quota: _Quota, values: t.Mapping[str, str | None]) -> tuple[_Limit, str]:
    """The limit for a tuple of dimension values, None being any value that no override names."""
    for index, (dimensions, limit) in enumerate(quota.overrides):
        if all(values.get(key) == value for key, value in dimensions.items()):
            return limit, f"overrides[{index}]"
    return quota.limit, "validDuration"


def _tree(quota: _Quota, facts: Facts) -> Json:
    """The rate limit service's descriptor for a quota: nested in the order in which the proxies send the entries."""
    keys = sorted(quota.dimensions)
    choices: list[list[str | None]] = []
    for key in keys:
        named = list(dict.fromkeys(d[key] for d, _limit in quota.overrides if key in d))
        choices.append([*named, None])
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MAX_LEAVES:
        raise Refused(f"the overrides stand for {count} combinations of values.", quota.part.field, quota.place)

    def level(number: int, values: dict[str, str | None]) -> Json:
        if number == len(keys):
            limit, field = _first(quota, values)
            return {"rate_limit": {"unit": limit.unit(field), "requests_per_unit": limit.amount}}
        below = []
        for value in choices[number]:
            entry: Json = {"key": keys[number]}
            if value is not None:
                entry["value"] = value
            below.append({**entry, **level(number + 1, {**values, keys[number]: value})})
        return {"descriptors": below}

    inner = level(0, {})
    sizes = {len(tests) for service in quota.services if (tests := _tests_for(quota, service, facts)) is not None}
    if len(sizes) > 1:
        raise Refused("the rule's match asks for other headers at other services.", "spec.match", quota.place)
    for number in reversed(range(next(iter(sizes), 0))):
        inner = {"descriptors": [{"key": f"match-{number}", "value": "true", **inner}]}
    return {"key": "quota", "value": quota.name, **inner}


def _emit_config(trees: list[tuple[_Quota, Json]], options: Options) -> None:
    import yaml

    config = {"domain": options.ratelimit_domain, "descriptors": [tree for _quota, tree in trees]}
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=110)
    doc = trees[0][0].part.doc
    found = service_of(options.ratelimit_host, "default")
    doc.outputs.append(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ratelimit-config", "namespace": found[0] if found else "default"},
            "data": {"config.yaml": text},
        }
    )
    doc.note(
        "The ConfigMap is the configuration of the rate limit service: mount it there, or merge it into what it has."
    )


def _emit_filter(doc: Doc, service: Service, limits: list[Json], options: Options) -> None:
    ask = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {
                "name": "envoy.filters.http.ratelimit",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
                    "domain": options.ratelimit_domain,
                    "failure_mode_deny": True,
                    "timeout": "5s",
                    "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                    "rate_limit_service": {
                        "transport_api_version": "V3",
                        "grpc_service": {
                            "envoy_grpc": {
                                "cluster_name": f"outbound|{options.ratelimit_port}||{options.ratelimit_host}",
                                "authority": options.ratelimit_host,
                            }
                        },
                    },
                },
            },
        },
    }
    send = {
        "applyTo": "VIRTUAL_HOST",
        "match": {"context": "SIDECAR_INBOUND"},
        "patch": {"operation": "MERGE", "value": {"rate_limits": limits}},
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [ask, send]}
    doc.emit(_API, "EnvoyFilter", f"quota-{service.name}", service.namespace, spec)


def _before_router() -> Json:
    return {
        "context": "SIDECAR_INBOUND",
        "listener": {
            "filterChain": {
                "filter": {
                    "name": "envoy.filters.network.http_connection_manager",
                    "subFilter": {"name": "envoy.filters.http.router"},
                }
            }
        },
    }


def _bucket(limit: _Limit, charge: int) -> Json:
    if limit.seconds < 0.05:
        raise Refused("a local limit is filled every 50 ms at most.", "validDuration", limit.place)
    tokens = limit.amount // max(1, charge)
    if not tokens:
        raise Refused(
            "a local limit of 0 is none that Envoy takes; deny with an AuthorizationPolicy.", "maxAmount", limit.place
        )
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": f"{limit.seconds:g}s"}


def _emit_local(quota: _Quota, service: Service, entries: list[_Entry], tests: list[Test]) -> None:
    if not quota.charge:
        return
    dynamic = [entry for entry in entries if entry.expression and entry.named]
    constants = {entry.key: entry.constant for entry in entries if not entry.expression}
    descriptors = []
    seen: list[Json] = []
    conditions = _conditions(quota, tests)
    for chosen in itertools.product(*([*entry.named, None] for entry in dynamic)):
        values: dict[str, str | None] = dict(constants)
        values |= {entry.key: value for entry, value in zip(dynamic, chosen, strict=True)}
        limit, _field = _first(quota, values)
        listed: list[Json] = [{"key": f"match-{number}", "value": "true"} for number in range(len(conditions))]
        listed += [{"key": e.key, "value": v or _OTHERS} for e, v in zip(dynamic, chosen, strict=True)]
        if listed:
            descriptors.append({"entries": listed, "token_bucket": _bucket(limit, quota.charge)})
        seen.append(_bucket(limit, quota.charge))
    base = {"max_tokens": _UNLIMITED, "tokens_per_fill": _UNLIMITED, "fill_interval": "1s"}
    config: Json = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "quota_" + re.sub(r"[^a-z0-9_]", "_", quota.short.lower()),
        "token_bucket": base if descriptors else seen[0],
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }
    if descriptors:
        config["descriptors"] = descriptors
        config["rate_limits"] = [{"actions": [*conditions, *(_action(entry, coarse=True) for entry in dynamic)]}]
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": "envoy.filters.http.local_ratelimit", "typed_config": config},
        },
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [patch]}
    quota.part.doc.emit(_API, "EnvoyFilter", f"quota-{quota.short.lower()}-{service.name}", service.namespace, spec)
