# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RouteRule, DestinationPolicy and EgressRule of Istio 0.1 to 0.8 become VirtualService, DestinationRule, ServiceEntry.

What they meant is documented in the reference of Istio 0.7 (`istio.routing.v1alpha1`): rules for the same destination
are tried from the highest precedence down, and labels of a route choose the pods.
"""

from __future__ import annotations

import typing as t

from .facts import Facts
from .model import FIRST_KINDS, Doc, Json, Refused, place_of
from .v1alpha1_egress import write_entry
from .v1alpha1_hosts import Host, Hosts, name_of
from .v1alpha1_policies import read_policy
from .v1alpha1_routes import read_rule

KINDS = ("RouteRule", "DestinationPolicy", "EgressRule", "IngressRule")
_API = "networking.istio.io/v1"


def is_mine(doc: Doc) -> bool:
    """Whether a document is of routing as Istio 0.1 to 0.8 had it."""
    if doc.value.get("type") in FIRST_KINDS and "spec" in doc.value:
        return True
    return doc.group == "config.istio.io" and doc.kind in KINDS


def convert(docs: t.Sequence[Doc], facts: Facts) -> None:
    """Converts all rules that belong together: one VirtualService and DestinationRule for each destination."""
    hosts = Hosts(docs, facts)
    for doc in docs:
        if not is_mine(doc):
            continue
        doc.family = "v1alpha1"
        kind = str(doc.value.get("type") or doc.kind)
        try:
            if kind in ("RouteRule", "route-rule"):
                read_rule(doc, facts, hosts)
            elif kind in ("DestinationPolicy", "destination-policy"):
                read_policy(doc, facts, hosts)
            elif kind == "EgressRule":
                write_entry(doc)
            else:
                raise Refused(
                    "an IngressRule does not say which gateway it is for; write a Gateway and a VirtualService.",
                    "kind",
                    place_of(doc.value, "kind"),
                )
            doc.handled = True
        except Refused as why:
            doc.refuse(why)
    # All are judged before one is written: a rule may lead to a subset of another destination, and fall with it.
    for entry in hosts:
        _judge(entry, hosts.taken(entry))
    for entry in hosts:
        _write(entry)


def _ordered(entry: Host) -> list[tuple[int, Doc, Json]]:
    """The rules that are not refused, from the highest precedence down."""
    return sorted((rule for rule in entry.rules if not rule[1].refusal), key=lambda rule: -rule[0])


def _judge(entry: Host, other: Doc | None) -> None:
    """Refuses what cannot be said of a destination at once."""
    if other is not None and (entry.subsets or entry.policies):
        why = f"{other.title} is about the same host {entry.host}; put the subsets and policies of both together."
        for doc in [*entry.docs, *entry.callers]:
            doc.refuse(Refused(why))
    rules = _ordered(entry)
    for (precedence, first, one), (same, second, two) in zip(rules, rules[1:], strict=False):
        if precedence == same and one.get("match") == two.get("match"):
            why = (
                f"{first.name} and {second.name} have the same precedence and the same match, so it is not known which "
                "came first; give them different ones."
            )
            for doc in entry.docs:
                doc.refuse(Refused(why, "spec.precedence"))
            return


def _write(entry: Host) -> None:
    unique = list({id(doc): doc for doc in [*entry.docs, *entry.callers] if not doc.refusal}.values())
    if not unique:
        return
    rules = _ordered(entry)
    for (precedence, first, _one), (other, second, _two) in zip(rules, rules[1:], strict=False):
        if precedence == other:
            second.differ(
                f"{first.name} has the same precedence; which of them came first was not defined, and is the order of "
                "the input today.",
                "spec.precedence",
            )
            first.differ(f"{second.name} has the same precedence; the order of the input counts.", "spec.precedence")
    seen: set[str] = set()
    for _precedence, doc, rule in rules:
        match = repr(rule.get("match"))
        if "match" in rule and match in seen:
            doc.note(
                "A rule of higher precedence has the same match, so this one is never reached; nor was it before.",
                "spec.match",
            )
        seen.add(match)
    owner: Doc | None = None
    written: list[Json] = []
    if rules:
        http = []
        for _precedence, _doc, rule in rules:
            mirror = rule.get("route", [{}])[0].pop("_mirror", None) if rule.get("route") else None
            http.append({**rule, "mirror": mirror} if mirror else rule)
        open_rules = [index for index, rule in enumerate(http) if "match" not in rule]
        if not open_rules:
            http.append({"route": [{"destination": {"host": entry.host}}]})
        elif open_rules[0] < len(http) - 1:
            for _precedence, doc, _rule in rules[open_rules[0] + 1 :]:
                doc.differ(
                    "A rule of higher precedence without a match comes first, so this one is never reached; it was not "
                    "before either."
                )
        owner = next((rule[1] for rule in rules if rule[1].primary), rules[0][1])
        spec = {"hosts": [entry.host], "http": http}
        written.append(owner.emit(_API, "VirtualService", entry.name, entry.namespace, spec))
    owner = owner or next((doc for doc in unique if doc.primary), unique[0])
    policies = {key: policy for key, policy in entry.policies.items() if policy}
    if entry.subsets or any(not callers for callers, _pods in policies):
        written.append(owner.emit(_API, "DestinationRule", entry.name, entry.namespace, entry.rule(())))
    for callers in dict.fromkeys(callers for callers, _pods in policies if callers):
        # It takes the place of the one for all callers, so it has what that one has.
        name = f"{entry.name}-from-{name_of(callers)}"
        written.append(owner.emit(_API, "DestinationRule", name, entry.namespace, entry.rule(callers)))
    for callers, labels in policies:
        if callers and ((), labels) in policies:
            owner.differ(
                "One DestinationPolicy is for all callers and one for some of them. Which of them held was not "
                "defined; for those callers it is theirs today.",
                "spec.source",
            )
    for doc in unique:
        if doc is not owner:
            doc.moved_to += [f"{out['kind']} {out['metadata']['name']}" for out in written]
