# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes at the callee: its tokens and policies."""

from __future__ import annotations

from ..._explain.access import NO_RULES, Access, RuleResult
from ..._explain.effects.mend import Mend, setting
from ..._explain.matching import template_holds
from ..._explain.mesh import holds_for, home_of, labels_of, name_of, origin_for, spec_of
from ..._explain.origin import Origin
from ..._explain.request import Request, token_of
from ..._explain.walk import Received
from ..._kube.labels import LAB
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, holding, named_pod, together, told


def token_refused(case: Case) -> Diagnosis | None:
    """401 by a proxy: its RequestAuthentication refuses the token."""
    if 401 not in case.statuses:
        return None
    for journey in case.journeys:
        for one in journey.received:
            if not one.token.refused:
                continue
            pod = named_pod(case, one)
            rules = holding(case, "RequestAuthentication", pod)
            names = together([f"{home_of(rule)}/{name_of(rule)}" for rule in rules])
            app = labels_of(pod).get("app", one.proxy) if pod is not None else one.proxy
            token = token_of(journey.request)
            if token is not None and "issuer" in one.token.refused:
                why = f"refuses the token, whose issuer {token.issuer or '(none)'} it does not know"
                remedy = f"Add jwtRules for that issuer, or give it a selector that leaves {app} out."
            else:
                why, remedy = f"refuses the request: {one.token.refused}", "Send a valid token, or none."
            return Diagnosis(
                f"RequestAuthentication {names} holds for {app} and {why}; policies are asked only afterwards.", remedy
            )
    return None


def access_denied(case: Case) -> Diagnosis | None:
    """403 by a proxy: which rule was the closest, and what it asks for that the request does not have."""
    if 403 not in case.statuses and not any("rbac_access_denied" in one.details for one in case.findings.records):
        return None
    denied_at = {one.pod for one in case.findings.records if "rbac_access_denied" in one.details}
    for journey in case.journeys:
        for one in journey.received:
            access = one.denying
            if access is None or (denied_at and one.proxy not in denied_at):
                continue
            found = _denied(case, journey.request, one, access)
            if found is not None:
                return found
    return None


def _denied(case: Case, request: Request, received: Received, access: Access) -> Diagnosis | None:
    if access.action == "DENY":
        rule = access.holding
        if rule is None:
            return None
        lab = labels_of(case.mesh.find(rule.policy) or {}).get(LAB)
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy}{f' of lab {lab}' if lab else ''} denies the request (RBAC: access "
            f"denied, pod {received.proxy}).",
            "Change its rule, or remove it if another lab left it behind (mesh.workshop.reset).",
        )
    if all(rule.fault == NO_RULES for rule in access.rules):
        return _denied_by_nothing(case, received)
    for rule in access.rules:
        for effect in case.effects:
            about_path = effect.origin == rule.policy and effect.field.endswith("paths") and effect.host
            if about_path and template_holds(effect.host, request.path):
                return told(effect)
    rule = _closest(access)
    who, names = str(rule.policy), sorted({str(one.policy) for one in access.rules})
    if "it has none, since it sends plain text" in rule.fault:
        return Diagnosis(
            f"The caller sends plain text and so has no identity; no principal in {who} can match it.",
            "Give the caller a sidecar, or allow it by what can be seen of it (ipBlocks, a token).",
        )
    if "the token has no sub claim" in rule.fault:
        return Diagnosis(
            f"The token is valid but has no sub claim, so it makes no request principal, and {who} demands one "
            f"(requestPrincipals{principals_of(case, rule)}).",
            "Give the token a sub, or demand the issuer instead (when: request.auth.claims[iss]).",
        )
    if "no valid token" in rule.fault and token_of(request) is not None:
        pod = named_pod(case, received)
        if pod is not None and not holding(case, "RequestAuthentication", pod):
            app = labels_of(pod).get("app", received.proxy)
            for effect in case.about("token"):
                return Diagnosis(
                    f"{effect.sentence.rstrip('.')}, so nobody at {app} reads the token, and {who} demands one.",
                    effect.remedy,
                    commands(effect.mend),
                )
            return Diagnosis(
                f"No RequestAuthentication holds for {app}, so nobody there reads the token, and {who} demands one.",
                f"Apply a RequestAuthentication for {app} with the token's issuer {issuer_of(request)}.",
            )
    others = f" (nor does any of {together(names)})" if len(names) > 1 else ""
    return Diagnosis(
        f"No rule of {who} allows the request at pod {received.proxy}{others}: in rule {rule.number} {rule.fault}.",
        f"Add a rule that allows this caller, method and path, or widen rule {rule.number} of {who}.",
    )


def principals_of(case: Case, rule: RuleResult) -> str:
    """The request principals that a rule names, as they are written."""
    rules = spec_of(case.mesh.find(rule.policy) or {}).get("rules") or ()
    written = rules[rule.number - 1] if rule.number <= len(rules) else {}
    named = [
        str(text)
        for one in (written or {}).get("from") or ()
        for text in (one.get("source") or {}).get("requestPrincipals") or ()
    ]
    return f" {together(named)}" if named else ""


def issuer_of(request: Request) -> str:
    """The issuer that a request's token names."""
    token = token_of(request)
    return token.issuer if token is not None else ""


def _denied_by_nothing(case: Case, received: Received) -> Diagnosis | None:
    pod = named_pod(case, received)
    policies = [
        one
        for one in case.mesh.of("AuthorizationPolicy")
        if pod is not None and holds_for(one, pod) and not spec_of(one).get("rules")
    ]
    if not policies:
        return None
    return Diagnosis(
        f"{origin_for('AuthorizationPolicy', policies[0])} has no rules, so it allows nothing, and no other policy "
        f"allows the request at pod {received.proxy}.",
        "Apply an AuthorizationPolicy with a rule that allows this caller, method and path.",
    )


def _closest(access: Access) -> RuleResult:
    """The rule that lacks the least: one whose caller is right comes before one whose caller is not."""
    return min(access.rules, key=lambda one: (one.fault.startswith(("the caller", "a request principal")), one.number))


def _as_one(policy: Origin, rules: list[Json]) -> Mend | None:
    """Two rules as one, where each says what the other does not."""
    if len(rules) != 2 or set(rules[0] or ()) & set(rules[1] or ()):
        return None
    return setting(policy, ("spec", "rules"), [{**(rules[0] or {}), **(rules[1] or {})}])


def let_in(case: Case) -> Diagnosis | None:
    """Answered where a policy should have said no: the rule that let it in."""
    expected = set(case.findings.expected_status)
    if (
        not expected & {401, 403}
        or any(one < 400 for one in expected)
        or not any(200 <= one < 400 for one in case.statuses)
    ):
        return None
    if case.first is None:
        return None
    for one in case.first.received:
        for access in one.access:
            rule = access.holding
            if access.action == "DENY" or rule is None:
                continue
            return _allowed(case, case.first.request, rule)
    return None


def _allowed(case: Case, request: Request, rule: RuleResult) -> Diagnosis | None:
    policy = case.mesh.find(rule.policy)
    written = list(spec_of(policy).get("rules") or ()) if policy is not None else []
    if len(written) < rule.number:
        return None
    body = written[rule.number - 1] or {}
    if not body.get("from") and len(written) > 1 and any((one or {}).get("from") for one in written):
        does = f"{request.method}" if body.get("to") else "in"
        lets = f"lets any caller {does}" if body.get("to") else "lets any caller in"
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy} has no from, so it {lets}; its rules are alternatives.",
            "Put from and to into one rule.",
            commands(_as_one(rule.policy, written)),
        )
    lacking = [key for key in ("from", "to", "when") if not body.get(key)]
    about = f" It has no {' and no '.join(lacking)}." if lacking else ""
    return Diagnosis(
        f"Rule {rule.number} of {rule.policy} allows this request.{about}",
        f"Narrow rule {rule.number}: add what only the wanted requests have.",
    )
