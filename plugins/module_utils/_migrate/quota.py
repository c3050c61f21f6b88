# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixer's quotas: their amounts, dimensions and overrides, and the services that they hold for.

What they meant is documented in Istio 1.4's reference (`memquota`, `redisquota`, `istio.mixer.v1.config.client`): one
counter for each tuple of dimension values, in one Mixer for the mesh, and of the overrides the first that matches.
"""

from __future__ import annotations

import typing as t

from .expressions import Value, alternatives, value_of
from .facts import Facts, service_of
from .fields import seconds_of
from .limits import UNLIMITED, Limit, Quota
from .lost import Lost, told
from .mixer import SUCCESSORS, Mixer, Part, Rule
from .model import Doc, Map, Missing, Options, Refused, mapping, mappings, only, place_of
from .ratelimit import write
from .reader import Meter

_SAMPLE = {
    "source": 'source.labels["app"] | source.service | "unknown"',
    "sourceVersion": 'source.labels["version"] | "unknown"',
    "destination": 'destination.labels["app"] | destination.service | "unknown"',
    "destinationVersion": 'destination.labels["version"] | "unknown"',
}


def convert(mixer: Mixer, facts: Facts, options: Options, budget: Meter) -> None:
    """Converts all quotas that belong together; what became of each document is noted in it.

    :param budget: how many limits the run may still write
    """
    quotas: list[Quota] = []
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
            quotas += _quotas(part, instances, mixer.lost)
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
    write(good, facts, options, budget)
    _rest(mixer, quotas)


def _rest(mixer: Mixer, quotas: list[Quota]) -> None:
    """Documents that belong to a quota share its fate; those that belong to none are named."""
    good = {id(doc) for quota in quotas if not quota.part.doc.refusal for doc in quota.joined}
    for quota in quotas:
        for doc in quota.joined:
            if doc.refusal:
                continue
            if quota.part.doc.refusal and id(doc) not in good:
                doc.refuse(Refused(f"the quota {quota.name} that it belongs to is refused."))
            elif not quota.part.doc.refusal:
                doc.handled = True
                own = [f"{out['kind']} {out['metadata']['name']}" for out in quota.part.doc.outputs]
                doc.moved_to = list(dict.fromkeys([*doc.moved_to, *own, *quota.part.doc.moved_to]))
                if not doc.moved_to:
                    doc.differ(f"The quota {quota.name} that it belongs to limited nothing; nothing is written.")
    loose = [part.doc for part in mixer.instances if part.kind == "quota"]
    loose += [doc for doc, _spec in [*mixer.specs, *mixer.bindings]]
    loose += [rule.doc for rule in mixer.rules if _is_quota_rule(rule)]
    refused = mixer.lost.find(("memquota", "redisquota")) or next(
        (quota.part.doc for quota in quotas if quota.part.doc.refusal), None
    )
    refused = refused or next((part.doc for part in mixer.handlers if "quota" in part.kind and part.doc.refusal), None)
    for doc in loose:
        if not doc.handled and not doc.refusal:
            doc.refuse(
                Refused(f"the {told(refused)}, so there is no amount to limit to; correct it first.", "kind")
                if refused
                else Missing(
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
        words = [word for name in [action.named, *action.instance_names] for word in name.split(".")]
        if action.handler is None and {"memquota", "redisquota", "quota"} & set(words):
            return True
        # Istio's own metrics had an instance requestcount, and so had its samples of quotas.
        other = action.named.partition(".")[0] in rule.gone or not SUCCESSORS.keys().isdisjoint(action.named.split("."))
        if any(part.kind == "quota" for part in action.instances) and not other:
            return True
    return False


def _quotas(part: Part, instances: t.Mapping[str, Part], lost: Lost) -> list[Quota]:
    params = part.params
    known = ("quotas", "minDeduplicationDuration", "redisServerUrl", "connectionPoolSize")
    only(params, known, part.field)
    for key in ("minDeduplicationDuration", "redisServerUrl", "connectionPoolSize"):
        if key in params:
            part.doc.note(
                f"{key} was Mixer's own; the rate limit service has its own settings.",
                f"{part.field}.{key}",
                place_of(params, key),
            )
    found = []
    for index, entry in enumerate(mappings(params, "quotas", f"{part.field}.quotas")):
        found.append(_quota(part, entry, f"{part.field}.quotas[{index}]", instances, lost))
    if not found:
        raise Refused(f"{part.field}.quotas is empty.", f"{part.field}.quotas", params.place)
    return found


def _quota(part: Part, entry: Map, field: str, instances: t.Mapping[str, Part], lost: Lost) -> Quota:
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
    refused = None if instance else lost.find(("quota", "instance"), name.split("."))
    if refused:
        raise Refused(f"the {told(refused)}; correct it first.", f"{field}.name", place_of(entry, "name"))
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
    quota = Quota(part, field, name, short, limit, overrides, dimensions, place_of(entry, "name"))
    if instance is not None:
        quota.joined.append(instance.doc)
    if "bucketDuration" in entry:
        doc.note(
            "bucketDuration cut Mixer's rolling window into pieces; a fixed one has none.",
            f"{field}.bucketDuration",
            place_of(entry, "bucketDuration"),
        )
    if part.kind == "memquota" or entry.get("rateLimitAlgorithm") == "ROLLING_WINDOW":
        doc.differ(
            "The window rolled; today's is fixed, so up to twice the amount may pass around a boundary.",
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


def _limit(entry: Map, field: str, seconds: float | None) -> Limit:
    amount = entry.get("maxAmount")
    place = place_of(entry, "maxAmount")
    if isinstance(amount, str) and amount.isdigit():
        amount = int(amount)
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= UNLIMITED:
        raise Refused(f"{field}.maxAmount must be a whole number.", f"{field}.maxAmount", place)
    if "validDuration" in entry:
        place = place_of(entry, "validDuration")
        seconds = seconds_of(str(entry["validDuration"]))
        if seconds is None:
            raise Refused(
                f"{field}.validDuration must be a duration with a unit, such as 1s or 5m, not "
                f"{str(entry['validDuration'])!r}.",
                f"{field}.validDuration",
                place,
            )
    if not seconds:
        raise Refused(
            f"{field} has no validDuration: amounts that are never given back have no successor.", field, entry.place
        )
    return Limit(amount, seconds, place)


def _dimensions(
    doc: Doc,
    instance: Part | None,
    name: str,
    overrides: list[tuple[dict[str, str], Limit]],
    field: str,
    entry: Map,
) -> dict[str, Value]:
    named = [key for dimensions, _limit in overrides for key in dimensions]
    if instance is None:
        unknown = sorted(set(named) - set(_SAMPLE))
        if unknown:
            raise Missing(
                f"the instance {name} is not in the input, so it is not known what {', '.join(unknown)} is; add its "
                "document.",
                f"{field}.name",
                place_of(entry, "name"),
            )
        wanted = [key for key in _SAMPLE if key in named]
        if wanted:
            taken = "; ".join(f"{key} is {_SAMPLE[key]}" for key in wanted)
            doc.differ(
                f"The instance {name} is not in the input. Its dimensions are taken from Istio's samples: {taken}.",
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
        self.charges: dict[str, list[tuple[Doc, int]]] = {}
        for doc, spec in mixer.specs:
            # What a refused one names counts, too: its quotas are refused with it.
            for quota, amount in _charges(doc, spec):
                self.charges.setdefault(quota.lower(), []).append((doc, amount))
        self.lost = mixer.lost
        self.has_bindings = bool(mixer.bindings)
        self.bindings: dict[tuple[str, str], list[tuple[Doc, Map]]] = {}
        for doc, spec in mixer.bindings:
            try:
                for name in _bound_specs(doc, spec, facts):
                    self.bindings.setdefault(name, []).append((doc, spec))
            except Refused as why:
                doc.refuse(why)


def _charges(doc: Doc, spec: Map) -> list[tuple[str, int]]:
    """The quotas that a QuotaSpec names, with what it takes for a request; one that cannot be read is refused."""
    found: list[tuple[str, int]] = []
    try:
        only(spec, ("rules",), "spec")
        for index, rule in enumerate(mappings(spec, "rules", "spec.rules")):
            field = f"spec.rules[{index}]"
            entries = mappings(rule, "quotas", f"{field}.quotas")
            found += [(str(entry.get("quota") or ""), 1) for entry in entries]
            only(rule, ("match", "quotas"), field)
            if rule.get("match"):
                raise Refused(
                    f"{field}.match charged some requests only, by attributes; say it in the match of Mixer's rule.",
                    f"{field}.match",
                    place_of(rule, "match"),
                )
            for number, entry in enumerate(entries):
                only(entry, ("charge", "quota"), f"{field}.quotas[{number}]")
                amount = _amount(entry, f"{field}.quotas[{number}].charge")
                found[number - len(entries)] = (str(entry.get("quota") or ""), amount)
    except Refused as why:
        doc.refuse(why)
    return found


def _bound_specs(doc: Doc, spec: Map, facts: Facts) -> set[tuple[str, str]]:
    """Namespaces and names of the QuotaSpecs that a binding binds."""
    only(spec, ("quotaSpecs", "services"), "spec")
    names = set()
    for index, ref in enumerate(mappings(spec, "quotaSpecs", "spec.quotaSpecs")):
        only(ref, ("name", "namespace"), f"spec.quotaSpecs[{index}]")
        names.add((str(ref.get("namespace") or facts.of(doc)), str(ref.get("name"))))
    return names


def _bind(quota: Quota, links: _Links, facts: Facts, options: Options) -> None:
    """Finds the rule that switches a quota on, what a request is charged, and for which services."""
    doc = quota.part.doc
    rules = links.rules.get(id(quota.part), [])
    refused = links.lost.find(("rule",)) if not rules else None
    if refused and _uses(refused, quota):
        raise Refused(f"the {told(refused)}, and it may say for what the quota holds; correct it first.", "kind")
    if not rules:
        text = "No rule in the input uses the handler; it is taken to hold for every request."
        doc.differ(links.lost.elsewhere(text))
    else:
        _switch_on(quota, rules)
    charged: list[tuple[Doc, int]] = []
    for name in dict.fromkeys((quota.short.lower(), quota.name.lower())):
        for spec, amount in links.charges.get(name, []):
            if spec.refusal:
                raise Refused(f"the {told(spec)}; correct it first.", "kind")
            if all(spec is not other for other, _amount in charged):
                charged.append((spec, amount))
                quota.joined.append(spec)
    refused = links.lost.find(("QuotaSpec",)) if not charged else None
    if refused:
        raise Refused(f"the {told(refused)}, and it may be the quota's; correct it first.", "kind")
    if len({charge for _spec, charge in charged}) > 1:
        raise Refused("two QuotaSpecs charge the quota differently; keep one.", "kind")
    if charged:
        quota.charge = charged[0][1]
    bound: dict[int, tuple[Doc, Map]] = {}
    for spec, _charge in charged:
        for binding in links.bindings.get((facts.of(spec), spec.name), []):
            bound[id(binding[0])] = binding
    for joined, given in bound.values():
        quota.joined.append(joined)
        _add_services(joined, given, quota, facts)
    refused = links.lost.find(("QuotaSpecBinding",)) if not bound else None
    if refused:
        raise Refused(
            f"the {told(refused)}, and it may say for which services the quota holds; correct it first.", "kind"
        )
    if not bound and quota.match:
        if links.has_bindings and charged:
            raise Missing(
                "no QuotaSpecBinding in the input binds its QuotaSpec to a service; add its document.", "kind"
            )
        # Neither the cluster's own Services nor the control plane's have sidecars that a quota could be for.
        outside = ("kube-system", options.root_namespace)
        services = facts.selecting(outside, "kind", place_of(doc.value, "kind"))
        if not services:
            raise Missing(
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


def _switch_on(quota: Quota, rules: list[Rule]) -> None:
    """Takes the match of the one rule that sends the quota to its handler; without one it never holds."""
    named = [rule for rule in rules if _sends(rule, quota)]
    if len(named) > 1:
        raise Refused(
            f"the rules {named[0].doc.name} and {named[1].doc.name} both send {quota.short} to it; keep one.", "kind"
        )
    quota.joined += [rule.doc for rule in named or rules]
    quota.match = alternatives(named[0].match, "spec.match", named[0].place) if named else []


def _sends(rule: Rule, quota: Quota) -> bool:
    """Whether a rule sends a quota to its handler."""
    mine = [action for action in rule.actions if action.handler is quota.part]
    return any(quota.short in name.split(".") for action in mine for name in action.instance_names)


def _uses(rule: Doc, quota: Quota) -> bool:
    """Whether a refused rule may be a quota's: what it names may not be readable."""
    actions = rule.spec_or_empty().get("actions")
    if not isinstance(actions, list):
        return True
    named = [str(action.get("handler")).split(".") for action in actions if isinstance(action, dict)]
    return any(quota.part.name in words for words in named)


def _amount(entry: Map, field: str) -> int:
    amount = entry.get("charge", 1)
    if isinstance(amount, str) and amount.isdigit():
        amount = int(amount)
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise Refused(f"{field} must be a whole number.", field, place_of(entry, "charge"))
    return amount


def _add_services(binding: Doc, given: Map, quota: Quota, facts: Facts) -> None:
    for index, item in enumerate(mappings(given, "services", "spec.services")):
        field = f"spec.services[{index}]"
        only(item, ("name", "namespace", "service", "domain", "labels"), field)
        place = item.place
        if item.get("labels"):
            raise Refused(f"{binding.title}: {field}.labels has no single reading.", field, place_of(item, "labels"))
        name = str(item.get("name") or "")
        if item.get("service") == "*":
            quota.services += facts.selecting((), field, place)
            if not quota.services:
                raise Missing(f"{binding.title}: service * is all Services, and none is known.", field, place)
            continue
        if item.get("service"):
            found = service_of(str(item["service"]), facts.of(binding))
            if found is None or "*" in str(item["service"]):
                raise Refused(f"{binding.title}: {field}.service is not the name of a service.", field, place)
            quota.services.append(facts.service(*found, field, place))
            continue
        namespace = str(item.get("namespace") or facts.of(binding))
        if (namespace, name) not in facts.services and not item.get("namespace"):
            # Samples are bound from istio-system and name services of the default namespace.
            near = [ns for ns, other_name in facts.services if other_name == name]
            namespace = near[0] if len(near) == 1 else namespace
        quota.services.append(facts.service(namespace, name, field, place))
