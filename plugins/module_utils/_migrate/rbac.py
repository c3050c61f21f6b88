# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceRole, ServiceRoleBinding and RBAC's switch become AuthorizationPolicies.

What the old kinds meant is documented in Istio 1.4's reference (`istio.rbac.v1alpha1`) and in pilot's
`pkg/security/authz/model` of that release: a role speaks of services of its own namespace, all fields of a rule and all
of a subject must hold, a subject without fields is nobody, `user: "*"` is anyone with or without a certificate.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from .facts import Facts, Service, service_of
from .lost import Lost, told
from .model import Doc, Json, Map, Options, Place, Refused, camel_keys, mapping, mappings, only, place_of, text_list
from .rbac_switch import Switch, host_of, switch_of

KINDS = ("ServiceRole", "ServiceRoleBinding", "RbacConfig", "ClusterRbacConfig", "AuthorizationPolicy")
_API = "security.istio.io/v1"
_EMPTY = '"*" matched an empty value too; today it asks for a value that is not empty.'
_QUERY = "Istio 1.x compared paths with their query string; today it is left out, so /a matches /a?b=c as well."
_ASSUMED = (
    "The input has no ClusterRbacConfig and no RbacConfig that was in force, so RBAC is taken to have been on for this "
    "namespace. Where it was off this had no effect, and the policy is stricter. Workloads that no role is about stay "
    "open; add the document that switched RBAC on to have them closed."
)
_SUBJECT = {
    "user": "",
    "names": "principals",
    "notNames": "notPrincipals",
    "group": "",
    "groups": "",
    "notGroups": "",
    "namespaces": "namespaces",
    "notNamespaces": "notNamespaces",
    "ips": "ipBlocks",
    "notIps": "notIpBlocks",
    "properties": "",
}
_OPERATION = ("hosts", "notHosts", "paths", "notPaths", "methods", "notMethods", "ports", "notPorts")
_MAX_TARGETS = 64


@dataclasses.dataclass
class _Subject:
    source: Json
    when: list[Json]


@dataclasses.dataclass(frozen=True)
class _Target:
    """Pods that a rule is about; without labels all of the namespace."""

    name: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[str, ...] = ()


def convert(docs: t.Sequence[Doc], facts: Facts, options: Options, lost: Lost) -> None:
    """Converts all RBAC documents that belong together; what became of each is noted in it."""
    mine = [doc for doc in docs if doc.group == "rbac.istio.io" and doc.kind in KINDS]
    for doc in mine:
        doc.family = "rbac"
    switch = switch_of([doc for doc in mine if doc.kind.endswith("RbacConfig")], facts, options)
    switch.doc = switch.doc or lost.find(("ClusterRbacConfig", "RbacConfig"), ("default",))
    _place_roles(mine, facts)
    roles = {(facts.of(doc), doc.name): doc for doc in mine if doc.kind == "ServiceRole"}
    bound: dict[tuple[str, str], list[tuple[Doc, list[_Subject]]]] = {}
    for doc in mine:
        if doc.kind != "ServiceRoleBinding":
            continue
        try:
            key, subjects = _binding(doc, facts)
            if key not in roles:
                refused = lost.find(("ServiceRole",), (key[1],))
                raise Refused(
                    f"the {told(refused)}; correct it first."
                    if refused
                    else f"the ServiceRole {key[0]}/{key[1]} that the binding names is not in the input; add its "
                    "document.",
                    "spec.roleRef.name",
                    place_of(doc.spec().get("roleRef"), "name"),
                )
            bound.setdefault(key, []).append((doc, subjects))
        except Refused as why:
            doc.refuse(why)
    for doc in mine:
        if doc.kind == "AuthorizationPolicy":
            try:
                _authorization_policy(doc, roles, switch, facts, lost)
            except Refused as why:
                doc.refuse(why)
    for key, role in roles.items():
        bindings = bound.get(key, [])
        try:
            refused = None if bindings else _refused_binding(key, mine, facts) or lost.find(("ServiceRoleBinding",))
            if refused and _binds(refused, role):
                raise Refused(
                    f"the {told(refused)}, so it is not known to whom the role was granted; correct it first."
                )
            _role(role, bindings, switch, facts)
        except Refused as why:
            role.refuse(why)
            for binding, _subjects in bindings:
                binding.refuse(Refused(f"the ServiceRole {role.name} that it binds is refused: {why.reason}"))


def _refused_binding(key: tuple[str, str], mine: list[Doc], facts: Facts) -> Doc | None:
    """A binding of a role that was refused."""
    for doc in mine:
        ref = doc.spec_or_empty().get("roleRef")
        name = ref.get("name") if isinstance(ref, dict) else None
        if doc.kind == "ServiceRoleBinding" and doc.refusal and (facts.of(doc), str(name)) == key:
            return doc
    return None


def _binds(binding: Doc, role: Doc) -> bool:
    """Whether a refused binding may be this role's: what it names may not be readable."""
    ref = binding.spec_or_empty().get("roleRef")
    return not isinstance(ref, dict) or ref.get("name") in (None, role.name)


def _place_roles(mine: list[Doc], facts: Facts) -> None:
    """A role without a namespace is in that of its bindings, since a binding names a role of its own namespace."""
    named = {(facts.of(doc), doc.name) for doc in mine if doc.kind == "ServiceRole" and doc.namespace}
    wanted: dict[str, set[str]] = {}
    for doc in mine:
        ref = doc.spec_or_empty().get("roleRef")
        if doc.kind == "ServiceRoleBinding" and isinstance(ref, dict):
            wanted.setdefault(str(ref.get("name")), set()).add(facts.of(doc))
    for doc in mine:
        homes = wanted.get(doc.name, set())
        if doc.kind == "ServiceRole" and not doc.namespace and len(homes) == 1:
            home = next(iter(homes))
            if home != facts.of(doc) and (home, doc.name) not in named:
                doc.home = home
                doc.differ(f"The role names no namespace; it is put into {home}, where its binding is.", "metadata")


def _binding(doc: Doc, facts: Facts) -> tuple[tuple[str, str], list[_Subject]]:
    spec = camel_keys(doc.spec(), ("properties",))
    only(spec, ("subjects", "roleRef", "mode"), "spec")
    ref = mapping(spec, "roleRef", "spec.roleRef")
    only(ref, ("kind", "name", "apiGroup"), "spec.roleRef")
    if ref.get("kind", "ServiceRole") != "ServiceRole" or not ref.get("name"):
        raise Refused("spec.roleRef must name a ServiceRole.", "spec.roleRef", place_of(spec, "roleRef"))
    subjects = _subjects(doc, spec, "spec.subjects")
    if str(spec.get("mode") or "ENFORCED") == "PERMISSIVE":
        doc.differ(
            "mode PERMISSIVE only logged and granted nothing; the binding adds no rule.",
            "spec.mode",
            place_of(spec, "mode"),
        )
        subjects = []
    return (facts.of(doc), str(ref["name"])), subjects


def _subjects(doc: Doc, spec: Map, field: str) -> list[_Subject]:
    found = []
    for index, given in enumerate(mappings(spec, "subjects", field)):
        subject = _subject(doc, given, f"{field}[{index}]")
        if subject is not None:
            found.append(subject)
    return found


def _subject(doc: Doc, given: Map, field: str) -> _Subject | None:
    """What a subject asks of a caller; None for one without fields, which was nobody."""
    only(given, _SUBJECT, field)
    source: Json = {}
    when: list[Json] = []
    anyone = False

    def add(target: str, values: list[str], condition: str) -> None:
        # Two demands on the same thing must both hold, and a list would be one or the other.
        if target and target not in source:
            source[target] = values
        else:
            when.append({"key": condition, ("notValues" if target.startswith("not") else "values"): values})

    if given.get("user") not in (None, ""):
        user = str(given["user"]).removeprefix("spiffe://")
        if user == "*":
            anyone = True
        else:
            add("principals", [user], "source.principal")
    for key, target in _SUBJECT.items():
        values = text_list(given, key, f"{field}.{key}") if target else []
        if not values:
            continue
        if key in ("names", "notNames"):
            if "allUsers" in values:
                if key == "notNames":
                    return None
                anyone = True
                continue
            values = ["*" if value == "allAuthenticatedUsers" else value for value in values]
        condition = {"names": "source.principal", "notNames": "source.principal", "ips": "source.ip"}.get(key, "")
        add(target, values, condition)
    for key in ("group", "groups", "notGroups"):
        values = text_list(given, key, f"{field}.{key}")
        if values and values != [""]:
            name = "notValues" if key == "notGroups" else "values"
            when.append({"key": "request.auth.claims[groups]", name: values})
            _wildcard(doc, values, f"{field}.{key}", place_of(given, key))
    properties = mapping(given, "properties", f"{field}.properties")
    for key in properties:
        values = text_list(properties, key, f"{field}.properties")
        place = place_of(properties, key)
        _wildcard(doc, values, f"{field}.properties.{key}", place)
        if key in ("source.principal", "source.user"):
            add("principals", values, "source.principal")
        elif key == "source.namespace":
            add("namespaces", values, "source.namespace")
        elif key == "source.ip":
            add("ipBlocks", values, "source.ip")
        elif key == "request.auth.principal":
            add("requestPrincipals", values, "request.auth.principal")
        elif (
            key in ("request.auth.audiences", "request.auth.presenter")
            or _bracketed(key, "request.auth.claims")
            or _bracketed(key, "request.headers")
        ):
            when.append({"key": key, "values": values})
        else:
            raise Refused(
                f"the property {key} has no successor in AuthorizationPolicy.", f"{field}.properties.{key}", place
            )
    if not source and not when and not anyone:
        doc.differ(f"{field} has no field, so it matched nobody; it adds no rule.", field, given.place)
        return None
    return _Subject(source, when)


def _wildcard(doc: Doc, values: list[str], field: str, place: Place) -> None:
    if "*" in values:
        doc.differ(_EMPTY, field, place)


def _bracketed(key: str, prefix: str) -> bool:
    return key.startswith(f"{prefix}[") and key.endswith("]") and len(key) > len(prefix) + 2


def _role(role: Doc, bindings: list[tuple[Doc, list[_Subject]]], switch: Switch, facts: Facts) -> None:
    role.handled = True
    if switch.mode == "OFF":
        role.differ("RBAC was off, so the role had no effect; no policy is written.")
        for binding, _found in bindings:
            binding.handled = True
            binding.differ("RBAC was off, so the binding had no effect; no policy is written.")
        return
    subjects = [subject for _doc, found in bindings for subject in found]
    policies = _policies(role, camel_keys(role.spec()), "spec.rules", subjects, switch, facts)
    if not bindings:
        if not role.moved_to:
            role.differ("No binding in the input names the role, so it grants nothing; no policy is written.")
        return
    if switch.doc is None:
        role.differ(_ASSUMED)
    elif switch.doc.refusal:
        raise Refused(f"the {switch.doc.kind} of the input is refused, so it is not known for what RBAC was on.")
    names: set[str] = set()
    for target, rules in policies.items():
        name = role.name if not target.name else f"{role.name}-{target.name}"
        name = role.name if len(policies) == 1 else name
        while name in names:
            name = f"{name}-{len(names)}"
        names.add(name)
        spec: Json = {"selector": {"matchLabels": dict(target.labels)}} if target.labels else {}
        spec["rules"] = rules
        role.emit(_API, "AuthorizationPolicy", name, role.namespace or role.home, spec)
    if not role.outputs:
        role.differ("None of the role's rules applied to a service for which RBAC was on; no policy is written.")
    for binding, _found in bindings:
        binding.handled = True
        binding.moved_to += [f"AuthorizationPolicy {out['metadata']['name']}" for out in role.outputs]


def _policies(
    doc: Doc, spec: Map, field: str, subjects: list[_Subject], switch: Switch, facts: Facts
) -> dict[_Target, list[Json]]:
    only(spec, ("rules",), "spec")
    policies: dict[_Target, list[Json]] = {}
    for index, rule in enumerate(mappings(spec, "rules", field)):
        where = f"{field}[{index}]"
        only(rule, ("services", "constraints", *_OPERATION), where)
        operation, when, labels, names = _permission(doc, rule, where, facts.of(doc))
        if operation is None:
            continue
        for target in _targets(doc, rule, where, names, switch, facts):
            here = dict(operation)
            if target.ports and "ports" not in here:
                here["ports"] = list(target.ports)
            for chosen in _with_labels(target, labels, where, rule):
                written = [_rule(subject, here, when) for subject in _merge(subjects)]
                if written:
                    policies.setdefault(chosen, []).extend(item for item in written)
    return {target: _unique(rules) for target, rules in policies.items()}


def _unique(rules: list[Json]) -> list[Json]:
    out: list[Json] = []
    for rule in rules:
        if rule not in out:
            out.append(rule)
    return out


def _merge(subjects: list[_Subject]) -> list[list[_Subject]]:
    """Subjects that differ only in their source are alternatives of one rule; one that is anyone stands alone."""
    groups: dict[str, list[_Subject]] = {}
    for subject in subjects:
        groups.setdefault(repr((subject.when, not subject.source)), []).append(subject)
    return list(groups.values())


def _rule(subjects: list[_Subject], operation: Json, when: list[Json]) -> Json:
    rule: Json = {}
    sources = [{"source": subject.source} for subject in subjects if subject.source]
    if sources:
        rule["from"] = _unique(sources)
    if operation:
        rule["to"] = [{"operation": operation}]
    conditions = [*subjects[0].when, *when]
    if conditions:
        rule["when"] = conditions
    return rule


def _permission(
    doc: Doc, rule: Map, field: str, namespace: str
) -> tuple[Json | None, list[Json], list[tuple[str, list[str]]], list[str] | None]:
    """The operation, the conditions, the labels and the services' names that a rule asks for.

    Without an operation the rule can never apply.
    """
    operation: Json = {}
    for key in _OPERATION:
        values = text_list(rule, key, f"{field}.{key}")
        if not values:
            continue
        place = place_of(rule, key)
        for value in values:
            if value.count("*") > value.startswith("*") + value.endswith("*") * (value != "*") or "{*" in value:
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
        elif _bracketed(key, "destination.labels"):
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
            if not any(_matches(namespace, value) for value in values):
                doc.differ(
                    f"{where} names other namespaces than the role's, so the rule granted nothing.", where, place
                )
                return None, [], [], None
        elif _bracketed(key, "request.headers") or key == "connection.sni" or key.startswith("experimental."):
            _wildcard(doc, values, where, place)
            when.append({"key": key, "values": values})
        else:
            raise Refused(
                f"the constraint {key} cannot be said in an AuthorizationPolicy"
                + ("; select the workload by its labels instead." if key.startswith("destination.") else "."),
                f"{where}.key",
                place,
            )
    return operation, when, list(labels.items()), names


def _matches(value: str, pattern: str) -> bool:
    """Istio's match of a string: exact, prefix, suffix, or `*` for any."""
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern


def _targets(doc: Doc, rule: Map, field: str, names: list[str] | None, switch: Switch, facts: Facts) -> list[_Target]:
    namespace = facts.of(doc)
    place = place_of(rule, "services")
    wanted = text_list(rule, "services", f"{field}.services") or ["*"]
    if switch.mode == "OFF":
        return []
    found: dict[str, _Target] = {}
    for pattern in wanted:
        if pattern == "*":
            if names is not None:
                services = [facts.service(namespace, name, f"{field}.constraints", place) for name in names]
            elif switch.covers(namespace):
                found[""] = _Target("", ())
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
            found[service.name] = _Target(service.name, service.selector, tuple(ports))
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
    full = [service for service in near if _matches(service.host, pattern)]
    short = [service for service in near if service not in full and _matches(service.name, pattern)]
    if short:
        doc.differ(
            f"Istio 1.x compared full names, so {pattern} did not match {', '.join(s.name for s in short)}; "
            "it is read as a pattern of short names too, as Istio's own converter did.",
            field,
            place,
        )
    if not full and not short:
        raise Refused(
            f"no Service of the namespace {namespace} that is known matches {pattern}; put the Services' documents "
            "into the input, name them in facts.services, or have the cluster asked.",
            field,
            place,
        )
    doc.differ(f"{pattern} covers the services known now; one that is added later needs a policy.", field, place)
    return [facts.service(service.namespace, service.name, field, place) for service in full + short]


def _with_labels(target: _Target, labels: list[tuple[str, list[str]]], field: str, rule: Map) -> t.Iterator[_Target]:
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
        yield _Target(name, tuple(sorted(have.items())), target.ports) if labels else target


def _authorization_policy(
    doc: Doc, roles: dict[tuple[str, str], Doc], switch: Switch, facts: Facts, lost: Lost
) -> None:
    """The AuthorizationPolicy of Istio 1.2 and 1.3, which lists its bindings and selects workloads by labels."""
    spec = camel_keys(doc.spec(), ("properties", "labels"))
    only(spec, ("workloadSelector", "allow"), "spec")
    selector = mapping(mapping(spec, "workloadSelector", "spec.workloadSelector"), "labels", "spec.workloadSelector")
    rules: list[Json] = []
    for index, allow in enumerate(mappings(spec, "allow", "spec.allow")):
        field = f"spec.allow[{index}]"
        only(allow, ("subjects", "role", "roleRef", "actions"), field)
        subjects = _subjects(doc, allow, f"{field}.subjects")
        actions: Map = Map(allow.place)
        if "actions" in allow:
            actions["rules"] = allow["actions"]
        else:
            name = str(allow.get("role") or mapping(allow, "roleRef", f"{field}.roleRef").get("name") or "")
            role = roles.get((facts.of(doc), name))
            if role is None:
                refused = lost.find(("ServiceRole",), (name,))
                text = f"the {told(refused)}; correct it first." if refused else ""
                raise Refused(
                    text or f"the ServiceRole {name} is not in the input; add its document.",
                    field,
                    place_of(allow, "role"),
                )
            actions = camel_keys(role.spec())
            role.moved_to.append(f"AuthorizationPolicy {doc.name}")
        for number, action in enumerate(mappings(actions, "rules", field)):
            where = f"{field}.actions[{number}]"
            only(action, ("services", "constraints", *_OPERATION), where)
            if action.get("services"):
                raise Refused(f"{where}.services cannot stand beside a selector.", where, place_of(action, "services"))
            operation, when, labels, _names = _permission(doc, action, where, facts.of(doc))
            if labels:
                raise Refused(f"{where} asks for labels beside the selector.", where, action.place)
            if operation is not None:
                rules += [_rule(group, operation, when) for group in _merge(subjects)]
    written: Json = {"selector": {"matchLabels": selector}} if selector else {}
    if rules:
        written["rules"] = _unique(rules)
    if switch.doc is not None and switch.doc.refusal:
        raise Refused(f"the {switch.doc.kind} of the input is refused, so it is not known for what RBAC was on.")
    near = any(namespace == facts.of(doc) for namespace, _name, _place in switch.services)
    if not switch.covers(facts.of(doc)) and not near:
        doc.handled = True
        doc.differ("RBAC was not on for this namespace, so this had no effect; no policy is written.")
        return
    if switch.doc is None:
        doc.differ(_ASSUMED)
    elif near:
        doc.differ(
            "RBAC was on for some services of the namespace only; the policy holds for all workloads that it selects."
        )
    doc.emit(_API, "AuthorizationPolicy", doc.name, doc.namespace, written)
