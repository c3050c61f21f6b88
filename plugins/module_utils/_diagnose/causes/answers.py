# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in what a route makes of a request that the application answers: another path, other headers, a delay.

Sources: istio.io, "Virtual Service" (``HTTPRewrite``: of a prefix only the part that matched is replaced; ``Headers``
of requests and of answers are set apart; ``CorsPolicy``); Envoy's ``extensions.filters.http.fault.v3`` and
``config.route.v3.RouteAction.timeout`` (a fault delays before the router, with which the timeout begins).
"""

from __future__ import annotations

from ..._explain.effects.mend import Patch, put
from ..._explain.journey import Journey, Sent
from ..._explain.matching import Unknown, string_holds
from ..._explain.origin import Origin
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, app_of, rule_of, told

NO_SUCH_PATH = 404
REDIRECTS = frozenset((301, 302, 303, 307, 308))


def answered_by_rule(case: Case) -> Diagnosis | None:
    """The proxy answers by itself, as a rule or a Gateway says: with a redirect, or a directResponse."""
    expected = set(case.findings.expected_status)
    for journey in case.first.parts if case.first is not None else ():
        sent = journey.sent
        if sent is None:
            continue
        if sent.redirect == "https" and case.statuses & REDIRECTS and not expected & REDIRECTS:
            server = sent.server
            gateway = server.origin if server is not None else None
            place = f"{server.field}.tls.httpsRedirect" if server is not None and gateway else "tls.httpsRedirect"
            return Diagnosis(
                f"{gateway or 'The gateway'} redirects plain HTTP for {journey.request.host} to HTTPS ({place}).",
                "Ask by https://, or take httpsRedirect out of the server.",
            )
        if sent.origin is None or sent.rule is None:
            continue
        which = f"Rule {sent.rule + 1} of {sent.origin}"
        direct = int(((sent.route or {}).get("direct_response") or {}).get("status") or 0)
        if sent.redirect and case.statuses & REDIRECTS and not expected & REDIRECTS:
            place = f"spec.http[{sent.rule}].redirect"
            for effect in case.effects:
                if (effect.origin, effect.field) == (sent.origin, place):
                    return told(effect)
            return Diagnosis(
                f"{which} takes the request and answers with a redirect.",
                "Narrow its match, or put it behind the rule that is meant for the request.",
            )
        if direct in case.statuses and direct not in expected:
            return Diagnosis(
                f"{which} takes the request and answers {direct} itself (directResponse).",
                "Narrow its match, or put it behind the rule that is meant for the request.",
            )
    return None


def rewritten_amiss(case: Case) -> Diagnosis | None:
    """404 by the application, for a path that a rule has made of the one asked for, or has passed on as it is."""
    expected = set(case.findings.expected_status)
    if NO_SUCH_PATH not in case.statuses or not any(one < 400 for one in expected) or case.first is None:
        return None
    # What the application itself asks others for, and answers with their status, is not looked at.
    for journey in case.first.parts:
        sent = journey.sent
        if sent is None or sent.origin is None or sent.rule is None or sent.route is None or not _answers(journey):
            continue
        name = next((one.service[0] for one in sent.met if one.service), "the callee")
        which = f"Rule {sent.rule + 1} of {sent.origin}"
        asked, sent_on = journey.request.path, _path_of(sent)
        prefix = _prefix(sent.route)
        if not sent_on or sent_on == asked:
            if prefix.strip("/") and not sent_on:
                return Diagnosis(
                    f"{which} passes the path {asked} on as it is (no rewrite), and {name} answers it with 404.",
                    f"Add a rewrite of the prefix {prefix} to what {name} serves.",
                )
            continue
        return Diagnosis(
            f"{which} rewrites {asked} to {sent_on}, and {name} answers that with 404.",
            _better(prefix, sent_on),
            _with_slash(case, sent, sent.origin, sent_on),
        )
    return None


def _answers(journey: Journey) -> bool:
    """Whether the application gets the request."""
    inside = journey.received
    if not inside or any(not one.accepted or one.token.refused or one.denying is not None for one in inside):
        return False
    return not (journey.sent and (journey.sent.abort or journey.sent.redirect))


def _path_of(sent: Sent) -> str:
    """The path that is sent on, where a rule has changed something."""
    return "/" + sent.rewrite.partition("/")[2] if "/" in sent.rewrite else ""


def _prefix(route: Json) -> str:
    match = route.get("match") or {}
    return str(match.get("prefix") or match.get("path_separated_prefix") or "")


def _better(prefix: str, sent_on: str) -> str:
    if sent_on.startswith("//"):
        return f"End both the prefix and its rewrite in a slash, or neither: write the prefix {prefix.rstrip('/')}/."
    return f"Correct rewrite.uri: of the path only the matched prefix {prefix or 'or text'} is replaced by it."


def _with_slash(case: Case, sent: Sent, origin: Origin, sent_on: str) -> str:
    """What puts the slash that a rewrite ends in at the end of its prefix too, where the rule has one match."""
    uris = [(one or {}).get("uri") or {} for one in rule_of(case, sent).get("match") or ()]
    prefix = str(uris[0].get("prefix") or "") if len(uris) == 1 else ""
    if not sent_on.startswith("//") or not prefix or prefix.endswith("/"):
        return ""
    path = ("spec", "http", sent.rule or 0, "match", 0, "uri", "prefix")
    return commands(Patch(origin, (put(path, f"{prefix}/"),)))


def delay_before_timeout(case: Case) -> Diagnosis | None:
    """A timeout is expected to end the request, and all that takes long is the delay of the same route."""
    if 504 not in case.findings.expected_status or 504 in case.statuses:
        return None
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or sent.origin is None or not sent.timeout or sent.delay <= sent.timeout:
            continue
        begins = f"it begins only when {app_of(case, sent.proxy)}'s proxy sends the request on"
        return Diagnosis(
            f"The timeout of {sent.origin} ({sent.timeout:g} s) does not count the delay of the same route "
            f"(fault.delay, {sent.delay:g} s): {begins}.",
            "Delay what the callee itself waits for, by a VirtualService of its own, and leave the timeout here.",
        )
    return None


def held_back(case: Case) -> Diagnosis | None:
    """Answers are late, and would be in time without the delay of a rule on their way."""
    most = case.findings.latency_max
    took = [float(one.get("seconds") or 0.0) for one in case.findings.seen]
    if most is None or not took or max(took) <= most:
        return None
    delayed = [one.sent for one in case.journeys if one.sent and one.sent.origin and one.sent.delay_share > 0]
    for sent in sorted(delayed, key=lambda one: -one.delay):
        if max(took) - sent.delay <= most:
            return Diagnosis(
                f"{sent.origin} holds requests back for {sent.delay:g} s (fault.delay), so the answer takes "
                f"{max(took):.2f} s.",
                f"Remove fault.delay from {sent.origin}, or make it shorter.",
            )
    return None


def header_of_request(case: Case) -> Diagnosis | None:
    """A header is expected in the answer, and a rule sets it in the request."""
    wanted = {one.lower() for one in case.findings.expected_headers}
    if not wanted or case.first is None:
        return None
    for journey in case.first.parts:
        sent = journey.sent
        if sent is None or sent.origin is None or sent.route is None:
            continue
        added = [str((one.get("header") or {}).get("key")) for one in sent.route.get("request_headers_to_add") or ()]
        found = [one for one in added if one.lower() in wanted]
        if found:
            place = f"Rule {sent.rule + 1} of {sent.origin}" if sent.rule is not None else str(sent.origin)
            return Diagnosis(
                f"{place} adds the header {found[0]} to the request (headers.request), and not to the answer.",
                "Write it below headers.response.",
            )
    return None


def origin_not_allowed(case: Case) -> Diagnosis | None:
    """The headers of CORS are expected in the answer, and the rule's corsPolicy is not for the request's origin."""
    name = "access-control-allow-origin"
    if name not in {one.lower() for one in case.findings.expected_headers} or case.first is None:
        return None
    for journey in case.first.parts:
        sent = journey.sent
        origin = journey.request.header("origin")
        if sent is None or sent.origin is None or not origin:
            continue
        origins = (rule_of(case, sent).get("corsPolicy") or {}).get("allowOrigins") or ()
        allowed = [str(text) for one in origins for text in one.values()]
        if allowed and not any(_allows(one, origin) for one in origins):
            return Diagnosis(
                f"The corsPolicy of rule {(sent.rule or 0) + 1} of {sent.origin} allows the origin "
                f"{' or '.join(allowed)}, and the request's is {origin}.",
                f"Add it to allowOrigins as it is sent, with its scheme and port: {{exact: {origin}}}.",
            )
    return None


def _allows(match: Json, origin: str) -> bool:
    """Whether a StringMatch of allowOrigins is for an origin, or may be; Envoy takes a star alone for any."""
    if "regex" in match:
        match = {"safe_regex": {"regex": match["regex"]}}
    try:
        return match.get("exact") == "*" or string_holds(match, origin)
    except Unknown:
        return True
