# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in tokens: those that a proxy refuses, and those that it does not find where a policy demands one.

Sources: istio.io, "RequestAuthentication" (``fromHeaders`` and ``prefix``, ``jwksUri``, ``forwardOriginalToken``: a
token that is valid is taken out of the request unless it is to be forwarded).
"""

from __future__ import annotations

import re
import typing as t

from ..._explain.effects.mend import Patch, put, setting
from ..._explain.journey import Received, Sent
from ..._explain.mesh import origin_for
from ..._explain.request import Request, Token, token_of
from ..._explain.signatures import KEY_MISMATCH, VERIFICATION
from ..._explain.tokens import AUDIENCES, EXPIRED, NO_KEYS, NOT_YET, UNKNOWN_ISSUER, TokenResult
from ..._kube.objects import home_of, labels_of, name_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, callee_of, holding, named_pod, together

REFUSED = re.compile(r"jwt_authn_access_denied\{([^}]+)\}")
"""What a proxy writes about a token that it refuses: Envoy's words, with dashes below for blanks."""
NOT_FETCHED = "Jwks remote fetch is failed"
"""What a proxy that fetches keys itself says where it cannot."""
REMEDIES = {
    EXPIRED: "Send a new token, or let its issuer give it a later exp.",
    NOT_YET: "Wait until its nbf, or compare the clocks of the issuer and of the cluster.",
    AUDIENCES: "Add the token's audience to audiences of its jwtRules, or have the token made for one that is there.",
    **dict.fromkeys(
        (VERIFICATION, KEY_MISMATCH),
        "Compare jwks (or what jwksUri answers) of its jwtRules with the keys of the issuer.",
    ),
    NOT_FETCHED: "Correct jwksUri of its jwtRules, or see why the proxy does not reach it.",
}


def token_refused(case: Case) -> Diagnosis | None:
    """401 by a proxy, or 403 for a token's audience: its RequestAuthentication refuses the token."""
    for journey in case.journeys:
        for one in journey.proxies:
            if one.token.refused and one.token.status in case.statuses:
                return _refused(case, named_pod(case, one), one.proxy, one.token, token_of(journey.request))
    # What cannot be told from the token alone, such as a signature, the proxy has written down.
    for record in case.findings.records:
        said = REFUSED.search(record.details)
        if said:
            pod = next((one for one in case.mesh.of("Pod") if name_of(one) == record.pod), None)
            return _refused(case, pod, record.pod, TokenResult(said[1].replace("_", " ")), None)
    return None


def _refused(case: Case, pod: Json | None, proxy: str, refused: TokenResult, token: Token | None) -> Diagnosis:
    reading = holding(case, "RequestAuthentication", pod)
    if refused.why.startswith(NO_KEYS) and token is not None:
        unfetched = _unfetched(reading, token)
        if unfetched is not None:
            return unfetched
    rules = together([f"{home_of(rule)}/{name_of(rule)}" for rule in reading])
    app = labels_of(pod).get("app", proxy) if pod is not None else proxy
    who = f"RequestAuthentication {rules} holds for {app} and" if rules else f"The proxy of {app}"
    remedy = REMEDIES.get(refused.refused, "Send a valid token, or none.")
    if refused.refused == UNKNOWN_ISSUER and token is not None:
        why = f"refuses the token, whose issuer {token.issuer or '(none)'} it does not know"
        remedy = f"Add jwtRules for that issuer, or give it a selector that leaves {app} out."
    else:
        why = f"refuses the request: {refused}"
    return Diagnosis(f"{who} {why}; policies are asked only afterwards.", remedy)


def _unfetched(reading: t.Iterable[Json], token: Token) -> Diagnosis | None:
    """The rule whose keys istiod cannot fetch."""
    for policy in reading:
        for index, rule in enumerate(spec_of(policy).get("jwtRules") or ()):
            if rule.get("issuer") != token.issuer or rule.get("jwks"):
                continue
            place = f"{rule['jwksUri']} (jwtRules[{index}].jwksUri)" if rule.get("jwksUri") else "what the issuer names"
            return Diagnosis(
                f"{origin_for('RequestAuthentication', policy)} takes the keys of {token.issuer} from {place}, which "
                "istiod could not fetch, so no token of that issuer is valid.",
                "Correct jwksUri or see in the log of istiod why it does not reach it, or write the keys into jwks.",
            )
    return None


def token_not_read(case: Case, request: Request, proxy: Sent | Received, who: str) -> Diagnosis | None:
    """A policy demands a token, and the one that was sent is not read where it is, or was taken out before."""
    pod = named_pod(case, proxy)
    app = callee_of(case, proxy)
    reading = holding(case, "RequestAuthentication", pod)
    misread = _behind_another_prefix(reading, request)
    if misread is not None:
        policy, path, said, prefix = misread
        origin = origin_for("RequestAuthentication", policy)
        return Diagnosis(
            f"{origin} {said}, so {app} does not read the token, and {who} demands one.",
            _with_prefix(prefix),
            commands(setting(origin, path, prefix)),
        )
    if token_of(request) is None:
        return None
    places = _looked_at(reading)
    if places:
        return Diagnosis(
            f"{origin_for('RequestAuthentication', reading[0])} holds for {app} and looks for tokens in "
            f"{together(places)} only, so the token in the Authorization header is not read, and {who} demands one.",
            "Send the token there, or add fromHeaders: [{name: Authorization, prefix: 'Bearer '}] to its jwtRules.",
        )
    before = _used_up(case, proxy) if reading else None
    if before is not None:
        return Diagnosis(
            f"{origin_for('RequestAuthentication', before[0])} takes the token out of the request once "
            f"{before[1]} has checked it (it has no forwardOriginalToken), so {app} gets none, and {who} demands one.",
            "Set forwardOriginalToken: true in its jwtRules.",
            commands(_forwarding(before[0])),
        )
    elsewhere = [one for one in case.about("token") if one.origin.kind == "RequestAuthentication"]
    if not reading and elsewhere:
        return Diagnosis(
            f"{elsewhere[0].sentence.rstrip('.')}, so {app} does not read the token, and {who} demands one.",
            elsewhere[0].remedy,
            commands(elsewhere[0].mend),
        )
    if pod is not None and not reading:
        return Diagnosis(
            f"No RequestAuthentication holds for {app}, so the token is not read there, and {who} demands one.",
            f"Apply a RequestAuthentication for {app} with the token's issuer {issuer_of(request)}.",
        )
    return None


def _used_up(case: Case, proxy: Sent | Received) -> tuple[Json, str] | None:
    """The RequestAuthentication of a proxy before this one that has accepted the token and keeps it, and whose."""
    for journey in case.journeys:
        sent = journey.sent
        if proxy not in journey.received or sent is None or sent.token.token is None:
            continue
        for policy in holding(case, "RequestAuthentication", named_pod(case, sent)):
            rules = spec_of(policy).get("jwtRules") or ()
            if any(
                one.get("issuer") == sent.token.token.issuer and not one.get("forwardOriginalToken") for one in rules
            ):
                return policy, "the gateway" if sent.role == "gateway" else sent.proxy
    return None


def _forwarding(policy: Json) -> Patch:
    rules = spec_of(policy).get("jwtRules") or ()
    places = [("spec", "jwtRules", index, "forwardOriginalToken") for index in range(len(rules))]
    return Patch(origin_for("RequestAuthentication", policy), tuple(put(place, True) for place in places))


def _behind_another_prefix(
    rules: t.Iterable[Json], request: Request
) -> tuple[Json, tuple[str | int, ...], str, str] | None:
    """A header in which a token is looked for behind a text that is not there: the policy, the field, and why."""
    for policy in rules:
        for number, rule in enumerate(spec_of(policy).get("jwtRules") or ()):
            for index, one in enumerate(rule.get("fromHeaders") or ()):
                name, prefix = str(one.get("name") or ""), str(one.get("prefix") or "")
                value = request.header(name) or ""
                have, blank, _token = value.rpartition(" ")
                if not prefix or not value or prefix in value:
                    continue
                begins = f"begins with '{have}{blank}'" if blank else "has nothing before the token"
                said = f"looks in the header {name} behind '{prefix}' (fromHeaders.prefix), and its value {begins}"
                path = ("spec", "jwtRules", number, "fromHeaders", index, "prefix")
                return policy, path, said, f"{have}{blank}"
    return None


def _with_prefix(prefix: str) -> str:
    """What to write for a token that comes behind a prefix, or behind none."""
    told = f"Write prefix: '{prefix}', with a blank at its end" if prefix else "Leave prefix out"
    return f"{told}, or send the token behind the one that is there."


def _looked_at(rules: t.Iterable[Json]) -> list[str]:
    """Where RequestAuthentications look for tokens, where they say so."""
    found = []
    for rule in (one for policy in rules for one in spec_of(policy).get("jwtRules") or ()):
        found += [f"the header {one.get('name')}" for one in rule.get("fromHeaders") or ()]
        found += [f"the parameter {name}" for name in rule.get("fromParams") or ()]
        found += [f"the cookie {name}" for name in rule.get("fromCookies") or ()]
    return found


def issuer_of(request: Request) -> str:
    """The issuer that a request's token names."""
    token = token_of(request)
    return token.issuer if token is not None else ""
