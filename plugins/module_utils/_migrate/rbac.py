# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceRole, ServiceRoleBinding and RBAC's switch become AuthorizationPolicies.

What the old kinds meant is documented in Istio 1.4's reference (`istio.rbac.v1alpha1`) and in pilot's
`pkg/security/authz/model` of that release: a role speaks of services of its own namespace, all fields of a rule and all
of a subject must hold, a subject without fields is nobody, `user: "*"` is anyone with or without a certificate.
"""

from __future__ import annotations

import typing as t

from .facts import Facts
from .lost import Lost, told
from .model import Doc, Json, Map, Missing, Options, Place, Refused, camel_keys, mapping, mappings, only, place_of
from .rbac_rules import OPERATION, permission_of, policies_of, rule_of, unique
from .rbac_subjects import Subject, merged, subjects_of
from .rbac_switch import Switch, in_root, is_mine, switch_of
from .reader import Meter

KINDS = ("ServiceRole", "ServiceRoleBinding", "RbacConfig", "ClusterRbacConfig", "AuthorizationPolicy")
_API = "security.istio.io/v1"
_ASSUMED = (
    "The input has no ClusterRbacConfig and no RbacConfig that was in force, so RBAC is taken to have been on for this "
    "namespace. Where it was off this had no effect, and the policy is stricter. Workloads that no role is about stay "
    "open; add the document that switched RBAC on to have them closed."
)


def convert(docs: t.Sequence[Doc], facts: Facts, options: Options, lost: Lost, budget: Meter) -> None:
    """Converts all RBAC documents that belong together; what became of each is noted in it.

    :param budget: how many policies patterns may still stand for
    """
    mine = [doc for doc in docs if is_mine(doc) and doc.kind in KINDS]
    for doc in mine:
        doc.family = "rbac"
    switch = switch_of([doc for doc in mine if doc.kind.endswith("RbacConfig")], facts, options)
    switch.doc = switch.doc or lost.find(("ClusterRbacConfig", "RbacConfig"), ("default",))
    _place_roles(mine, facts)
    roles = {(facts.of(doc), doc.name): doc for doc in mine if doc.kind == "ServiceRole"}
    bound: dict[tuple[str, str], list[tuple[Doc, list[Subject]]]] = {}
    for doc in mine:
        if doc.kind != "ServiceRoleBinding":
            continue
        try:
            key, subjects = _binding(doc, facts)
            _find_role(key, roles, lost, "spec.roleRef.name", place_of(doc.spec().get("roleRef"), "name"))
            bound.setdefault(key, []).append((doc, subjects))
        except Refused as why:
            doc.refuse(why)
    for doc in mine:
        if doc.kind == "AuthorizationPolicy":
            try:
                _authorization_policy(doc, roles, switch, facts, lost)
            except Refused as why:
                doc.refuse(why)
    unbound = _refused_bindings(mine, facts)
    for key, role in roles.items():
        bindings = bound.get(key, [])
        try:
            refused = None if bindings else unbound.get(key) or lost.find(("ServiceRoleBinding",))
            if refused and _binds(refused, role):
                raise Refused(
                    f"the {told(refused)}, so it is not known to whom the role was granted; correct it first."
                )
            _role(role, bindings, switch, facts, lost, budget)
        except Refused as why:
            role.refuse(why)
            for binding, _found in bindings:
                binding.refuse(Refused(f"the ServiceRole {role.name} that it binds is refused: {why.reason}"))


def _find_role(
    key: tuple[str, str], roles: t.Mapping[tuple[str, str], Doc], lost: Lost, field: str, place: Place
) -> Doc:
    """The role of this namespace and name.

    :raises Refused: if there is none, or it is refused
    """
    if key in roles:
        return roles[key]
    refused = lost.find(("ServiceRole",), (key[1],))
    if refused:
        raise Refused(f"the {told(refused)}; correct it first.", field, place)
    raise Missing(f"the ServiceRole {key[0]}/{key[1]} is not in the input; add its document.", field, place)


def _refused_bindings(mine: list[Doc], facts: Facts) -> dict[tuple[str, str], Doc]:
    """Bindings that were refused, by the namespace and the name of the role that they bind."""
    found: dict[tuple[str, str], Doc] = {}
    for doc in mine:
        if doc.kind == "ServiceRoleBinding" and doc.refusal:
            ref = doc.spec_or_empty().get("roleRef")
            name = ref.get("name") if isinstance(ref, dict) else None
            found.setdefault((facts.of(doc), str(name)), doc)
    return found


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


def _binding(doc: Doc, facts: Facts) -> tuple[tuple[str, str], list[Subject]]:
    spec = camel_keys(doc.spec(), ("properties",))
    only(spec, ("subjects", "roleRef", "role", "mode"), "spec")
    ref = mapping(spec, "roleRef", "spec.roleRef")
    only(ref, ("kind", "name", "apiGroup"), "spec.roleRef")
    name = ref.get("name") or spec.get("role")
    if ref.get("kind", "ServiceRole") != "ServiceRole" or not name:
        raise Refused("spec.roleRef must name a ServiceRole.", "spec.roleRef", place_of(spec, "roleRef"))
    subjects = subjects_of(doc, spec, "spec.subjects")
    if str(spec.get("mode") or "ENFORCED") == "PERMISSIVE":
        doc.differ(
            "mode PERMISSIVE only logged and granted nothing; the binding adds no rule.",
            "spec.mode",
            place_of(spec, "mode"),
        )
        subjects = []
    return (facts.of(doc), str(name)), subjects


def _role(
    role: Doc, bindings: list[tuple[Doc, list[Subject]]], switch: Switch, facts: Facts, lost: Lost, budget: Meter
) -> None:
    role.handled = True
    if switch.mode == "OFF":
        role.differ("RBAC was off, so the role had no effect; no policy is written.")
        for binding, _found in bindings:
            binding.handled = True
            binding.differ("RBAC was off, so the binding had no effect; no policy is written.")
        return
    subjects = [subject for _doc, found in bindings for subject in found]
    policies = policies_of(role, camel_keys(role.spec()), "spec.rules", subjects, switch, facts, budget)
    if not bindings:
        if not role.moved_to:
            text = "No binding in the input names the role, so it grants nothing; no policy is written."
            role.differ(lost.elsewhere(text))
        return
    if switch.doc is None:
        role.differ(lost.elsewhere(_ASSUMED))
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
    if not subjects:
        role.differ("Its bindings grant it to nobody; no policy is written.")
    elif not role.outputs:
        role.differ("None of the role's rules applied to a service for which RBAC was on; no policy is written.")
    for binding, _found in bindings:
        binding.handled = True
        if not role.outputs:
            binding.differ(f"The ServiceRole {role.name} that it binds had no effect; no policy is written.")
        binding.moved_to += [f"AuthorizationPolicy {out['metadata']['name']}" for out in role.outputs]


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
        subjects = subjects_of(doc, allow, f"{field}.subjects")
        actions: Map = Map(allow.place)
        if "actions" in allow:
            actions["rules"] = allow["actions"]
        else:
            name = str(allow.get("role") or mapping(allow, "roleRef", f"{field}.roleRef").get("name") or "")
            role = _find_role((facts.of(doc), name), roles, lost, field, place_of(allow, "role"))
            actions = camel_keys(role.spec())
            role.moved_to.append(f"AuthorizationPolicy {doc.name}")
        for number, action in enumerate(mappings(actions, "rules", field)):
            where = f"{field}.actions[{number}]"
            only(action, ("services", "constraints", *OPERATION), where)
            if action.get("services"):
                raise Refused(f"{where}.services cannot stand beside a selector.", where, place_of(action, "services"))
            operation, when, labels, _names = permission_of(doc, action, where, facts.of(doc))
            if labels:
                raise Refused(f"{where} asks for labels beside the selector.", where, action.place)
            if operation is not None:
                rules += [rule_of(group, operation, when) for group in merged(subjects)]
    if not selector and facts.of(doc) == switch.root:
        raise Refused(
            f"{switch.root} is the root namespace, where a policy without a selector holds for the whole mesh today; "
            "give it a workloadSelector.",
            "spec.workloadSelector",
            place_of(doc.value, "spec"),
        )
    if facts.of(doc) == switch.root:
        doc.differ(in_root(switch.root), "spec.workloadSelector", place_of(doc.value, "spec"))
    written: Json = {"selector": {"matchLabels": selector}} if selector else {}
    if rules:
        written["rules"] = unique(rules)
    if switch.doc is not None and switch.doc.refusal:
        raise Refused(f"the {switch.doc.kind} of the input is refused, so it is not known for what RBAC was on.")
    near = any(namespace == facts.of(doc) for namespace, _name, _place in switch.services)
    if not switch.covers(facts.of(doc)) and not near:
        doc.handled = True
        doc.differ("RBAC was not on for this namespace, so this had no effect; no policy is written.")
        return
    if switch.doc is None:
        doc.differ(lost.elsewhere(_ASSUMED))
    elif near:
        doc.differ(
            "RBAC was on for some services of the namespace only; the policy holds for all workloads that it selects."
        )
    doc.emit(_API, "AuthorizationPolicy", doc.name, doc.namespace, written)
