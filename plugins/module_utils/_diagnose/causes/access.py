# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in policies, at a gateway and at the callee."""

from __future__ import annotations

import re
import typing as t

from ..._explain.access import NO_RULES, Access, RuleResult
from ..._explain.effects.mend import Mend, setting
from ..._explain.journey import Received, Sent
from ..._explain.matching import template_holds
from ..._explain.mesh import holds_for, origin_for
from ..._explain.origin import Origin
from ..._explain.request import Request, token_of
from ..._explain.words import joined
from ..._kube.labels import LAB
from ..._kube.objects import labels_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, callee_of, holding, named_pod, tls_mode, together, told
from .tokens import token_not_read


def access_denied(case: Case) -> Diagnosis | None:
    """403 by a proxy: which rule was the closest, and what it asks for that the request does not have."""
    if 403 not in case.statuses and not any("rbac_access_denied" in one.details for one in case.findings.records):
        return None
    denied_at = {one.pod for one in case.findings.records if "rbac_access_denied" in one.details}
    for journey in case.journeys:
        for one in journey.proxies:
            access = one.denying
            if denied_at and one.proxy not in denied_at:
                continue
            found = _denied(case, journey.request, one, access) if access is not None else None
            if found is None and denied_at and access is None:
                found = _denied_by_unknown(case, one)
            if found is not None:
                return found
    return None


def denied_as_tcp(case: Case) -> Diagnosis | None:
    """The callee's proxy takes the port as raw TCP, and a policy asks for what only HTTP has.

    istio.io, "Security policy examples", Explicitly deny: at such a port a rule of ALLOW with a field of HTTP holds for
    nothing, and one of DENY as though the field were not there.
    """
    if case.findings.expects_refusal or not case.findings.errors():
        return None
    for journey in case.journeys:
        for one in journey.received:
            if one.http or one.denying is None:
                continue
            for policy in holding(case, "AuthorizationPolicy", named_pod(case, one)):
                fields = _fields_of_http(policy)
                if not fields or str(spec_of(policy).get("action") or "ALLOW") != one.denying.action:
                    continue
                does = "such a rule of DENY counts without it" if one.denying.action == "DENY" else "no rule holds"
                return Diagnosis(
                    f"{origin_for('AuthorizationPolicy', policy)} asks for {together(fields)}, which are of HTTP, and "
                    f"port {one.port} of {callee_of(case, one)} is raw TCP to its proxy, so {does} and connections are "
                    "closed.",
                    "Name the Service's port http, or set its appProtocol: http; or write a rule of ports and callers "
                    "only.",
                )
    return None


def _fields_of_http(policy: Json) -> list[str]:
    """What a policy's rules ask for that a TCP connection does not have."""
    found = []
    for rule in spec_of(policy).get("rules") or ():
        for to in (rule or {}).get("to") or ():
            found += [key for key in to.get("operation") or {} if not key.lower().endswith("ports")]
        for source in (rule or {}).get("from") or ():
            found += [key for key in source.get("source") or {} if "request" in key.lower() or "remote" in key.lower()]
        found += [str(one.get("key")) for one in (rule or {}).get("when") or () if "request." in str(one.get("key"))]
    return found


def _denied_by_unknown(case: Case, proxy: Sent | Received) -> Diagnosis | None:
    """The proxy has denied the request, and of all rules only one that is about what is not known here can be why."""
    for access in proxy.access:
        open_ones = [rule for rule in access.rules if rule.unknown]
        if not access.uncertain or len({rule.policy for rule in open_ones}) > 1:
            continue
        rule = open_ones[0]
        addresses = (
            "In the proxies' access logs see which address arrives: ipBlocks is that of the connection (behind a "
            "gateway the gateway's), remoteIpBlocks that of the client by X-Forwarded-For, which the gateway's Service "
            "keeps with externalTrafficPolicy: Local."
        )
        remedy = addresses if "address" in rule.unknown else f"Compare {rule.unknown} with what the rule asks for."
        if access.action == "DENY":
            return Diagnosis(
                f"Rule {rule.number} of {rule.policy} denies the request at pod {proxy.proxy} by {rule.unknown}.",
                remedy,
            )
        return Diagnosis(
            f"No rule of {rule.policy} allows the request at pod {proxy.proxy}: rule {rule.number} asks for another "
            f"{rule.unknown.removeprefix('the ')} than the proxy sees{_blocks(case, rule)}.",
            remedy,
        )
    return None


def _blocks(case: Case, rule: RuleResult) -> str:
    """The addresses that a rule asks for, with the field."""
    sources = [one.get("source") or {} for one in _rule(case, rule).get("from") or ()]
    found = [(key, values) for one in sources for key, values in one.items() if "IpBlocks" in key or key == "ipBlocks"]
    return f" ({'; '.join(f'{key}: {joined(list(map(str, values)))}' for key, values in found)})" if found else ""


def _denied(case: Case, request: Request, proxy: Sent | Received, access: Access) -> Diagnosis | None:
    if access.action == "DENY":
        rule = access.holding
        if rule is None:
            return None
        policy = case.mesh.find(rule.policy) or {}
        if spec_of(policy).get("action") == "CUSTOM":
            provider = (spec_of(policy).get("provider") or {}).get("name")
            return Diagnosis(
                f"{rule.policy} leaves the decision to the provider {provider}, which the mesh's configuration does "
                "not have or cannot use, so what it is for is denied (RBAC: access denied).",
                "Define it in extensionProviders of the mesh's configuration, or correct provider.name.",
            )
        lab = labels_of(policy).get(LAB)
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy}{f' of lab {lab}' if lab else ''} denies the request (RBAC: access "
            f"denied, pod {proxy.proxy}){_all_but(case, rule)}.",
            "Change its rule, or remove it if another lab left it behind (mesh.workshop.reset).",
        )
    if access.instead_of is not None:
        return Diagnosis(
            f"{access.instead_of} cannot be loaded by the proxy of {callee_of(case, proxy)} and fails closed, so every "
            "request is denied (RBAC: access denied).",
            "See whether the proxy can fetch its url, and what is there fits sha256; or set failStrategy: FAIL_OPEN, "
            "which lets requests pass without it.",
        )
    if all(rule.fault == NO_RULES for rule in access.rules):
        return _denied_by_nothing(case, proxy)
    for rule in access.rules:
        for effect in case.effects:
            about_path = effect.origin == rule.policy and effect.field.endswith("paths") and effect.host
            about_port = effect.origin == rule.policy and effect.field.endswith("ports")
            if about_path and template_holds(effect.host, request.path):
                return told(effect)
            if about_port and rule.fault.startswith("the port has to be"):
                return told(effect)
    rule = _closest(access)
    who, names = str(rule.policy), sorted({str(one.policy) for one in access.rules})
    if "it has none, since it sends plain text" in rule.fault:
        switched = _switched_off(case, proxy)
        if switched is not None:
            origin, mode = switched
            return Diagnosis(
                f"{origin} switches mTLS off on the way to {callee_of(case, proxy)} (mode {mode}), so the caller has "
                f"no identity there, and no principal in {who} can match it.",
                f"Leave the mode of {origin} out, or set it so that mTLS is spoken.",
            )
        outside = "allow it by what can be seen of it (ipBlocks, a token)."
        return Diagnosis(
            f"The caller sends plain text and so has no identity; no {_named_by(case, rule)} in {who} can match it.",
            f"Give the caller a sidecar, or {outside}"
            if isinstance(proxy, Received)
            else f"{outside[0].upper()}{outside[1:]}",
        )
    if "the token has no sub claim" in rule.fault:
        return Diagnosis(
            f"The token is valid but has no sub claim, so it makes no request principal, and {who} demands one "
            f"(requestPrincipals{principals_of(case, rule)}).",
            "Give the token a sub, or demand the issuer instead (when: request.auth.claims[iss]).",
        )
    if "no valid token" in rule.fault:
        unread = token_not_read(case, request, proxy, who)
        if unread is not None:
            return unread
    if rule.fault.startswith("the caller's address") and _is_behind_gateway(case, proxy):
        return Diagnosis(
            f"No rule of {who} allows the request at pod {proxy.proxy}: in rule {rule.number} {rule.fault}, which is "
            "the gateway's (ipBlocks is about who opens the connection).",
            "Write remoteIpBlocks, which is about the client, or put the policy at the gateway.",
        )
    others = f" (nor does any of {together(names)})" if len(names) > 1 else ""
    nested = _nested(request, rule.fault)
    if nested:
        return Diagnosis(
            f"No rule of {who} allows the request at pod {proxy.proxy}{others}: in rule {rule.number} {rule.fault} of "
            f"that name; it has one within another, which is {nested}.",
            f"Write key: request.auth.claims{nested}.",
            commands(_with_key(case, rule, nested)),
        )
    return Diagnosis(
        f"No rule of {who} allows the request at pod {proxy.proxy}{others}: in rule {rule.number} {rule.fault}.",
        f"Add a rule that allows this caller, method and path, or widen rule {rule.number} of {who}.",
    )


def _named_by(case: Case, rule: RuleResult) -> str:
    """What a rule names callers by, which is all in their certificate: principals, else namespaces."""
    keys = {key for one in _rule(case, rule).get("from") or () for key in one.get("source") or {}}
    return "namespace" if "principals" not in keys and "namespaces" in keys else "principal"


def _rule(case: Case, rule: RuleResult) -> Json:
    """A rule as it is written; nothing where the policy could not be read."""
    rules = spec_of(case.mesh.find(rule.policy) or {}).get("rules") or ()
    return (rules[rule.number - 1] or {}) if rule.number <= len(rules) else {}


def _nested(request: Request, fault: str) -> str:
    """How a claim within another is written, where a rule has written it as one with a dot; else empty."""
    found = re.search(r"the claim ([^ ]+\.[^ ]+) has to be .*, and the token has none$", fault)
    token = token_of(request)
    value: t.Any = token.claims if token is not None else {}
    parts = found[1].split(".") if found else []
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return "".join(f"[{part}]" for part in parts) if parts and value is not None else ""


def _with_key(case: Case, rule: RuleResult, nested: str) -> Mend | None:
    """The condition of a rule by the claim as it has to be written."""
    flat = f"[{nested.strip('[]').replace('][', '.')}]"
    for index, one in enumerate(_rule(case, rule).get("when") or ()):
        if str(one.get("key") or "").endswith(flat):
            path = ("spec", "rules", rule.number - 1, "when", index, "key")
            return setting(rule.policy, path, f"request.auth.claims{nested}")
    return None


def _all_but(case: Case, denying: RuleResult) -> str:
    """What a rule leaves out, where it denies by that alone, or that it has no condition."""
    body = _rule(case, denying)
    written = spec_of(case.mesh.find(denying.policy) or {}).get("rules") or ()
    if len(written) >= denying.number and not any(body.values()):
        return ": it has no from, to or when, so it is for all requests"
    parts = [one.get("operation") or {} for one in body.get("to") or ()]
    parts += [one.get("source") or {} for one in body.get("from") or ()]
    if not parts or len(parts) > 1 or body.get("when") or not all(key.startswith("not") for key in parts[0]):
        return ""
    left_out = together([f"{key} {', '.join(map(str, values))}" for key, values in parts[0].items()])
    return f": it is for all requests but those of {left_out}"


def _is_behind_gateway(case: Case, proxy: Sent | Received) -> bool:
    """Whether a gateway sends the request to this proxy."""
    return any(proxy in one.received and one.sent is not None and one.sent.role == "gateway" for one in case.journeys)


def _switched_off(case: Case, proxy: Sent | Received) -> tuple[Origin, str] | None:
    """What keeps a caller with a sidecar from speaking mTLS to a callee, and its mode."""
    if not isinstance(proxy, Received):
        return None
    if proxy.mode == "DISABLE" and proxy.mode_origin is not None:
        return proxy.mode_origin, proxy.mode
    senders = [one.sent for one in case.journeys if proxy in one.received and one.sent is not None]
    for target in (target for sent in senders for target in sent.targets):
        mode = tls_mode(case, target.origin) if target.origin is not None else ""
        if not target.tls and target.origin is not None and mode:
            return target.origin, mode
    return None


def principals_of(case: Case, rule: RuleResult) -> str:
    """The request principals that a rule names, as they are written."""
    named = [
        str(text)
        for one in _rule(case, rule).get("from") or ()
        for text in (one.get("source") or {}).get("requestPrincipals") or ()
    ]
    return f" {together(named)}" if named else ""


def _denied_by_nothing(case: Case, proxy: Sent | Received) -> Diagnosis | None:
    pod = named_pod(case, proxy)
    policies = [
        one
        for one in case.mesh.of("AuthorizationPolicy")
        if pod is not None and holds_for(one, pod) and not spec_of(one).get("rules")
    ]
    if not policies:
        return None
    return Diagnosis(
        f"{origin_for('AuthorizationPolicy', policies[0])} has no rules, so it allows nothing, and no other policy "
        f"allows the request at pod {proxy.proxy}.",
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
    # The closest to the application is the one that was meant to keep the request from it.
    for one in reversed(case.first.proxies):
        watching = _only_recorded(case, one)
        if watching is not None:
            return watching
        for access in one.access:
            rule = access.holding
            if access.action == "DENY" or rule is None:
                continue
            return _allowed(case, case.first.request, rule)
        if not any(access.action == "ALLOW" for access in one.access):
            found = _without_token(case, one)
            if found is not None:
                return found
    return None


def _only_recorded(case: Case, proxy: Sent | Received) -> Diagnosis | None:
    """A policy of AUDIT where no other holds (istio.io, "Authorization Policy", Action)."""
    policies = holding(case, "AuthorizationPolicy", named_pod(case, proxy))
    if not policies or any(spec_of(one).get("action") != "AUDIT" for one in policies):
        return None
    origin = origin_for("AuthorizationPolicy", policies[0])
    return Diagnosis(
        f"{origin} has the action AUDIT, which records requests and denies none, and no other policy holds for "
        f"{callee_of(case, proxy)}.",
        "Write action: DENY.",
        commands(setting(origin, ("spec", "action"), "DENY")),
    )


def _without_token(case: Case, proxy: Sent | Received) -> Diagnosis | None:
    """A RequestAuthentication rejects invalid tokens, not requests without one (istio.io, "RequestAuthentication")."""
    pod = named_pod(case, proxy)
    rules = holding(case, "RequestAuthentication", pod)
    if not rules or proxy.token.token is not None or proxy.token.refused:
        return None
    app = callee_of(case, proxy)
    return Diagnosis(
        f"{origin_for('RequestAuthentication', rules[0])} makes {app} reject invalid tokens but accept requests "
        "without a token; no AuthorizationPolicy there demands one.",
        f"Apply an AuthorizationPolicy for {app} that allows requestPrincipals: ['*'] or, where other policies allow "
        "requests already, denies notRequestPrincipals: ['*'].",
    )


def _allowed(case: Case, request: Request, rule: RuleResult) -> Diagnosis | None:
    policy = case.mesh.find(rule.policy)
    written = list(spec_of(policy).get("rules") or ()) if policy is not None else []
    if len(written) < rule.number:
        return None
    body = written[rule.number - 1] or {}
    if not body.get("from") and len(written) > 1 and any((one or {}).get("from") for one in written):
        lets = f"lets any caller {request.method}" if body.get("to") else "lets any caller in"
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy} has no from, so it {lets}; its rules are alternatives.",
            "Put from and to into one rule.",
            commands(_as_one(rule.policy, written)),
        )
    sources = body.get("from") or ()
    if len(sources) > 1:
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy} allows this request: its {len(sources)} sources are alternatives, "
            "and the caller is one of them.",
            "Put what has to hold together into one source, or take away the source that lets too many in.",
        )
    lacking = [key for key in ("from", "to", "when") if not body.get(key)]
    about = f" It has no {' and no '.join(lacking)}." if lacking else ""
    return Diagnosis(
        f"Rule {rule.number} of {rule.policy} allows this request.{about}",
        f"Narrow rule {rule.number}: add what only the wanted requests have.",
    )
