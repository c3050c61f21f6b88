# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens that a Policy asks for, as RequestAuthentication and as an AuthorizationPolicy that denies without one.

One of the origins must hold where its trigger rules apply (Istio 1.4's reference, `istio.authentication.v1alpha1`).
"""

from __future__ import annotations

import itertools
import typing as t

from .model import Doc, Json, Map, Place, Refused, mapping, mappings, only, place_of, text_list

_API = "security.istio.io/v1"
_MAX_ORIGINS = 6
_MISSING = "A request without a token was answered with 401; today it is 403 (an invalid token is still 401)."
_JWT = ("issuer", "audiences", "jwksUri", "jwks", "jwtHeaders", "jwtParams", "triggerRules")
STILL_ASKED = (
    "This policy took the place of one that asks for tokens. Today's policies add up, so tokens are still asked for "
    "here; leave the workload out of the other policy if that is not meant."
)
Labels: t.TypeAlias = "tuple[tuple[str, str], ...]"
Selected: t.TypeAlias = "tuple[Labels, str, list[str]]"
"""A workload by its labels, the name of its Service, and the workload's ports that a policy is about; empty for all."""
_Op: t.TypeAlias = "tuple[tuple[str, ...] | None, tuple[str, ...]]"
"""Paths (None: all) and paths that are left out."""


def write_tokens(
    doc: Doc,
    spec: Map,
    namespace: str,
    selected: list[Selected],
    above: bool,
) -> None:
    origins = mappings(spec, "origins", "spec.origins")
    rules: list[Json] = []
    issuers: list[str] = []
    triggers: list[list[_Op]] = []
    for index, origin in enumerate(origins):
        field = f"spec.origins[{index}].jwt"
        only(origin, ("jwt",), f"spec.origins[{index}]")
        jwt = mapping(origin, "jwt", field)
        only(jwt, _JWT, field)
        rules.append(_jwt_rule(jwt, field))
        issuers.append(str(jwt["issuer"]))
        triggers.append(_triggers(jwt, field))
    optional = spec.get("originIsOptional") is True
    place = place_of(spec, "origins")
    denials: list[Json] = []
    if optional:
        doc.differ(
            "originIsOptional let an invalid token pass as none; today it is answered with 401.",
            "spec.originIsOptional",
            place_of(spec, "originIsOptional"),
        )
    else:
        doc.differ(_MISSING, "spec.origins", place)
        denials = _denials(issuers, triggers, above, place)
    if any(rule != (None, ()) for found in triggers for rule in found):
        doc.differ(
            "Where the trigger rules did not apply, tokens were not looked at; today an invalid one is answered with "
            "401 on every path.",
            "spec.origins",
            place,
        )
    if above and (optional or any(found != [(None, ())] for found in triggers)):
        doc.differ(STILL_ASKED, "spec.origins", place)
    names: list[str] = []
    for selector, name, ports in selected or [((), "", [])]:
        full = f"{doc.name}-{name}" if len(selected) > 1 else doc.name
        names.append(full)
        # Targets may be pods of one service by their labels.
        full += f"-{names.count(full)}" if names.count(full) > 1 else ""
        base: Json = {"selector": {"matchLabels": dict(selector)}} if selector else {}
        doc.emit(_API, "RequestAuthentication", full, namespace, {**base, "jwtRules": rules})
        if ports:
            doc.differ(
                "The policy was about some ports; tokens are read on all ports of the workload, "
                "and asked for on these.",
                "spec.targets",
                place_of(spec, "targets"),
            )
        if denials:
            written = [_on_ports(rule, ports) for rule in denials]
            doc.emit(
                _API,
                "AuthorizationPolicy",
                f"{full}-require-jwt",
                namespace,
                {**base, "action": "DENY", "rules": written},
            )


def _on_ports(rule: Json, ports: list[str]) -> Json:
    if not ports:
        return rule
    operations = [item["operation"] for item in rule.get("to", [])] or [{}]
    return {**rule, "to": [{"operation": {**operation, "ports": ports}} for operation in operations]}


def _jwt_rule(jwt: Map, field: str) -> Json:
    if not jwt.get("issuer"):
        raise Refused(f"{field} has no issuer.", f"{field}.issuer", jwt.place)
    if "*" in str(jwt["issuer"]):
        raise Refused(f"{field}.issuer must be a whole name.", f"{field}.issuer", place_of(jwt, "issuer"))
    rule: Json = {"issuer": str(jwt["issuer"])}
    for key in ("jwksUri", "jwks"):
        if jwt.get(key):
            rule[key] = str(jwt[key])
    if len(rule) == 3:
        raise Refused(f"{field} has jwksUri and jwks; only one may be given.", field, jwt.place)
    if "jwksUri" in rule and "://" not in rule["jwksUri"]:
        raise Refused(f"{field}.jwksUri is not a URL.", f"{field}.jwksUri", place_of(jwt, "jwksUri"))
    audiences = text_list(jwt, "audiences", f"{field}.audiences")
    if audiences:
        rule["audiences"] = audiences
    headers = text_list(jwt, "jwtHeaders", f"{field}.jwtHeaders")
    if headers:
        rule["fromHeaders"] = [{"name": name} for name in headers]
    params = text_list(jwt, "jwtParams", f"{field}.jwtParams")
    if params:
        rule["fromParams"] = params
    # Istio 1.x passed the token on to the workload; today that must be asked for.
    rule["forwardOriginalToken"] = True
    return rule


def _triggers(jwt: Map, field: str) -> list[_Op]:
    """On which paths a token is looked at: on those of one of these."""
    found: list[_Op] = []
    for index, rule in enumerate(mappings(jwt, "triggerRules", f"{field}.triggerRules")):
        where = f"{field}.triggerRules[{index}]"
        only(rule, ("includedPaths", "excludedPaths"), where)
        included = _paths(rule, "includedPaths", where)
        found.append((tuple(included) if included else None, tuple(_paths(rule, "excludedPaths", where))))
    return found or [(None, ())]


def _paths(rule: Map, key: str, field: str) -> list[str]:
    found = []
    for index, match in enumerate(mappings(rule, key, f"{field}.{key}")):
        where = f"{field}.{key}[{index}]"
        only(
            match,
            ("exact", "prefix", "suffix"),
            where,
            "an AuthorizationPolicy compares paths exactly, by prefix or by suffix, not by regex.",
        )
        if len(match) != 1:
            raise Refused(f"{where} must have one of exact, prefix and suffix.", where, match.place)
        kind, value = next(iter(match.items()))
        text = str(value)
        if "*" in text or "{" in text:
            raise Refused(f"{where} has {text}, which would be a pattern today.", where, place_of(match, kind))
        found.append({"exact": text, "prefix": f"{text}*", "suffix": f"*{text}"}[kind])
    return found


def _denials(issuers: list[str], triggers: list[list[_Op]], above: bool, place: Place) -> list[Json]:
    """Rules that deny what had no valid token of an issuer whose trigger applied.

    Where all origins have the same triggers that is one rule; else one for each set of origins: on paths where some of
    the set are asked for and none outside it is.
    """
    if all(trigger == triggers[0] for trigger in triggers):
        principals = [f"{issuer}/*" for issuer in dict.fromkeys(issuers)] if above else ["*"]
        return [_denial(principals, triggers[0])]
    if len(issuers) > _MAX_ORIGINS:
        raise Refused(f"spec.origins has more than {_MAX_ORIGINS} issuers with trigger rules.", "spec.origins", place)
    rules: list[Json] = []
    everyone = range(len(issuers))
    for size in range(1, len(issuers) + 1):
        for chosen in itertools.combinations(everyone, size):
            operations: list[_Op] = list(dict.fromkeys(op for index in chosen for op in triggers[index]))
            for index in everyone:
                if index not in chosen:
                    none = _negate(triggers[index], place)
                    operations = list(
                        dict.fromkeys(
                            both
                            for one, other in itertools.product(operations, none)
                            if (both := _both(one, other, place))
                        )
                    )
            operations = [op for op in operations if not (op[0] and all(_covered(p, op[1]) for p in op[0]))]
            if operations:
                principals = [f"{issuers[index]}/*" for index in chosen]
                rules.append(_denial(list(dict.fromkeys(principals)), operations))
    return rules


def _denial(principals: list[str], operations: list[_Op]) -> Json:
    rule: Json = {"from": [{"source": {"notRequestPrincipals": principals}}]}
    if (None, ()) not in operations:
        to = []
        for paths, without in operations:
            operation: Json = {}
            if paths:
                operation["paths"] = list(paths)
            if without:
                operation["notPaths"] = list(without)
            to.append({"operation": operation})
        rule["to"] = to
    return rule


def _negate(trigger: list[_Op], place: Place) -> list[_Op]:
    """Where none of these applies."""
    out: list[_Op] = [(None, ())]
    for paths, without in trigger:
        ways: list[_Op] = []
        if without:
            ways.append((without, ()))
        if paths:
            ways.append((None, paths))
        out = [both for one, other in itertools.product(out, ways) if (both := _both(one, other, place))]
    return out


def _both(one: _Op, other: _Op, place: Place) -> _Op | None:
    """Where both apply; None if that is nowhere."""
    without = tuple(dict.fromkeys((*one[1], *other[1])))
    if one[0] is None or other[0] is None:
        return (one[0] if other[0] is None else other[0], without)
    paths = [both for a, b in itertools.product(one[0], other[0]) if (both := _overlap(a, b, place))]
    return (tuple(dict.fromkeys(paths)), without) if paths else None


def _overlap(one: str, other: str, place: Place) -> str:
    """The pattern for what matches both; empty if nothing does."""
    if _covered(one, (other,)):
        return one
    if _covered(other, (one,)):
        return other
    if one.endswith("*") and other.startswith("*") or one.startswith("*") and other.endswith("*"):
        raise Refused(
            f"the trigger rules of several origins overlap in {one} and {other}, which no path pattern says.",
            "spec.origins",
            place,
        )
    return ""


def _covered(path: str, patterns: t.Iterable[str]) -> bool:
    """Whether all that a pattern matches is matched by one of these too."""
    for pattern in patterns:
        if path == pattern or pattern == "*":
            return True
        if pattern.endswith("*") and not path.startswith("*") and path.rstrip("*").startswith(pattern[:-1]):
            return True
        if pattern.startswith("*") and not path.endswith("*") and path.lstrip("*").endswith(pattern[1:]):
            return True
    return False
