# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of RBAC: what a role permits, as the rules of AuthorizationPolicies for each of its targets."""

from __future__ import annotations

from .facts import Facts
from .model import Doc, Json, Map, Refused, mappings, only, place_of, text_list
from .rbac_subjects import Subject, bracketed, merged, tell_wildcard
from .rbac_switch import Switch
from .rbac_targets import Target, matches, narrowed, targets_of
from .reader import Meter

_QUERY = "Istio 1.x compared paths with their query string; today it is left out, so /a matches /a?b=c as well."
# A pattern stands for a policy for each service: a thousand roles for a thousand services would be a gigabyte.
MAX_POLICIES = 12_000
OPERATION = ("hosts", "notHosts", "paths", "notPaths", "methods", "notMethods", "ports", "notPorts")


def policies_of(
    doc: Doc, spec: Map, field: str, subjects: list[Subject], switch: Switch, facts: Facts, budget: Meter
) -> dict[Target, list[Json]]:
    """The rules for each of a role's targets.

    :param budget: how many targets patterns may still stand for
    :raises Refused: if they have more
    """
    only(spec, ("rules",), "spec")
    policies: dict[Target, list[Json]] = {}
    for index, rule in enumerate(mappings(spec, "rules", field)):
        where = f"{field}[{index}]"
        only(rule, ("services", "constraints", *OPERATION), where)
        operation, when, labels, names = permission_of(doc, rule, where, facts.of(doc))
        if operation is None:
            continue
        wide = facts.of(doc) == switch.root or any(
            "*" in name and name != "*" for name in text_list(rule, "services", f"{where}.services")
        )
        # What has been spent is not looked for again.
        targets = [] if wide and budget.left < 0 else targets_of(doc, rule, where, names, switch, facts)
        if wide and not budget.spend(len(targets)):
            raise Refused(
                f"patterns of this and the roles before it stand for more than {MAX_POLICIES} policies; name fewer "
                "services, or convert them apart.",
                f"{where}.services",
                place_of(rule, "services"),
            )
        for target in targets:
            here = dict(operation)
            if target.ports and "ports" not in here:
                here["ports"] = list(target.ports)
            for chosen in narrowed(target, labels, where, rule):
                written = [rule_of(subject, here, when) for subject in merged(subjects)]
                if written:
                    policies.setdefault(chosen, []).extend(item for item in written)
    return {target: unique(rules) for target, rules in policies.items()}


def permission_of(
    doc: Doc, rule: Map, field: str, namespace: str
) -> tuple[Json | None, list[Json], list[tuple[str, list[str]]], list[str] | None]:
    """The operation, the conditions, the labels and the services' names that a rule asks for.

    Without an operation the rule can never apply.
    """
    operation: Json = {}
    for key in OPERATION:
        values = text_list(rule, key, f"{field}.{key}")
        if not values:
            continue
        place = place_of(rule, key)
        for value in values:
            if value.count("*") > (value.startswith("*") or value.endswith("*")) or "{*" in value:
                raise Refused(f"{field}.{key} has {value}; Istio 1.x took * only at one end.", f"{field}.{key}", place)
        if key.endswith("ethods") and any("/" in value for value in values):
            raise Refused(
                f"{field}.{key} names a gRPC method; say it as a path, /package.Service/Method.",
                f"{field}.{key}",
                place,
            )
        if key.endswith("aths") and any(value != "*" for value in values):
            doc.differ(_QUERY, f"{field}.{key}", place)
        operation[key] = values
    when: list[Json] = []
    labels: dict[str, list[str]] = {}
    names: list[str] | None = None
    for index, constraint in enumerate(mappings(rule, "constraints", f"{field}.constraints")):
        where = f"{field}.constraints[{index}]"
        only(constraint, ("key", "values"), where)
        key = str(constraint.get("key") or "")
        values = text_list(constraint, "values", f"{where}.values")
        place = place_of(constraint, "key")
        if not values:
            raise Refused(f"{where} has no values, so it never held.", where, place)
        if key == "destination.port":
            both = [value for value in operation.get("ports", values) if value in values]
            operation["ports"] = both
            if not both:
                doc.differ(f"{where} and ports exclude each other, so the rule granted nothing.", where, place)
                return None, [], [], None
        elif bracketed(key, "destination.labels"):
            if any("*" in value for value in values):
                raise Refused(f"{where} has a pattern for a label; a selector needs the whole value.", where, place)
            label = key[len("destination.labels[") : -1]
            both = [value for value in labels.get(label, values) if value in values]
            if not both:
                doc.differ(f"{where} and another exclude each other, so the rule granted nothing.", where, place)
                return None, [], [], None
            labels[label] = both
        elif key == "destination.name":
            names = [value for value in values if names is None or value in names]
        elif key == "destination.namespace":
            if not any(matches(namespace, value) for value in values):
                doc.differ(
                    f"{where} names other namespaces than the role's, so the rule granted nothing.", where, place
                )
                return None, [], [], None
        elif bracketed(key, "request.headers") or key == "connection.sni" or key.startswith("experimental."):
            tell_wildcard(doc, values, where, place)
            when.append({"key": key, "values": values})
        else:
            raise Refused(
                f"the constraint {key} cannot be said in an AuthorizationPolicy"
                + ("; select the workload by its labels instead." if key.startswith("destination.") else "."),
                f"{where}.key",
                place,
            )
    return operation, when, list(labels.items()), names


def rule_of(subjects: list[Subject], operation: Json, when: list[Json]) -> Json:
    rule: Json = {}
    sources = [{"source": subject.source} for subject in subjects if subject.source]
    if sources:
        rule["from"] = unique(sources)
    if operation:
        rule["to"] = [{"operation": operation}]
    conditions = [*subjects[0].when, *when]
    if conditions:
        rule["when"] = conditions
    return rule


def unique(rules: list[Json]) -> list[Json]:
    out: list[Json] = []
    for rule in rules:
        if rule not in out:
            out.append(rule)
    return out
