# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journey in words, hop by hop, for people; and the same as data, for machines."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .mesh import protocol_of
from .origin import Origin, origin_of
from .routing import targets_of
from .walk import BLACKHOLE, PASSTHROUGH, Journey, Received, Sent, Target

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Step:
    """One decision on the way."""

    what: str
    """``listener``, ``host``, ``route``, ``fault``, ``timeout``, ``retries``, ``mirror``, ``target``, ``connection``,
    ``token`` or ``policy``."""
    sentence: str
    origin: Origin | None = None
    """The resource that decided; None where it is the mesh's own default."""


@dataclass(frozen=True)
class Hop:
    """What one proxy decides."""

    proxy: str
    role: str
    """``gateway``, ``caller`` or ``callee``."""
    steps: tuple[Step, ...]

    def data(self) -> Json:
        """For machines."""
        return {
            "proxy": self.proxy,
            "role": self.role,
            "steps": [
                {
                    "what": one.what,
                    "sentence": one.sentence,
                    "resource": str(one.origin) if one.origin else "",
                }
                for one in self.steps
            ],
        }


def hops_of(journey: Journey) -> list[Hop]:
    """The hops of a journey in their order."""
    found = []
    if journey.sent is not None:
        found.append(Hop(journey.sent.proxy, journey.sent.role, tuple(_sent(journey, journey.sent))))
    for one in journey.received:
        found.append(Hop(one.proxy, "callee", tuple(_received(one))))
    return found


def text_of(journey: Journey, effects: t.Sequence[str] = ()) -> str:
    """The journey as people read it."""
    request = journey.request
    lines = [f"{request.method} {request.scheme}://{request.authority}{request.path} from {journey.caller}"]
    for number, hop in enumerate(hops_of(journey), 1):
        role = {"gateway": "the gateway", "caller": "the caller's proxy", "callee": "the callee's proxy"}[hop.role]
        lines.append(f"{number}. {role}, {hop.proxy}")
        lines.extend(f"   {one.what:<10} {one.sentence}" for one in hop.steps)
    if journey.sent is None and not journey.received:
        lines.append("   No proxy on the way could be looked at.")
    lines.extend(f"   not seen   {one}" for one in journey.unseen)
    if effects:
        lines.append("What is applied for it and has no effect:")
        lines.extend(f"   {one}" for one in effects)
    lines.append(outcome_of(journey))
    return "\n".join(lines)


def outcome_of(journey: Journey) -> str:
    """What comes of the request, as far as the configuration says."""
    sent = journey.sent
    if sent is not None and sent.role == "gateway" and not sent.listener:
        return f"Outcome: refused, since no Gateway opens port {journey.request.port}."
    if sent is not None and sent.http and sent.routed is not None and sent.route is None:
        return "Outcome: status 404 by the proxy itself, since no route takes the request."
    if sent is not None:
        direct = int(((sent.route or {}).get("direct_response") or {}).get("status") or 0)
        if direct or any(one.cluster == BLACKHOLE for one in sent.targets):
            return f"Outcome: status {direct or 502} by the proxy itself: the mesh does not know this host and port."
        if sent.redirect:
            return "Outcome: a redirect by the proxy itself."
        if sent.abort and sent.abort_share >= 1:
            return f"Outcome: status {sent.abort} by the fault of {sent.origin}."
        dead = [one for one in sent.targets if not one.known or (not one.endpoints and one.cluster != PASSTHROUGH)]
        if dead and len(dead) == len(sent.targets):
            return f"Outcome: status 503, since there is no pod behind {_named(dead[0])}."
    verdicts = sorted({_verdict(one) for one in journey.received})
    if not verdicts:
        return "Outcome: not known, since what answers has no proxy, or it could not be looked at."
    return f"Outcome: {'; or '.join(verdicts)}."


def _verdict(one: Received) -> str:
    if not one.accepted:
        return f"refused by {one.proxy}, which takes no {'mTLS' if one.mtls else 'plain text'} on port {one.port}"
    if one.token.refused:
        return f"status 401 by the proxy of {one.proxy}: {one.token.refused}"
    if one.denying is not None:
        return f"status 403 by the proxy of {one.proxy} (RBAC: access denied)"
    return f"answered by the application in {one.proxy}"


# -- the sending proxy ---------------------------------------------------


def _sent(journey: Journey, sent: Sent) -> t.Iterator[Step]:
    if not sent.listener:
        yield Step("listener", f"None for port {journey.request.port}: no Gateway opens it.")
        return
    yield Step("listener", _listener(sent))
    if not sent.http:
        for target in sent.targets:
            yield Step("target", _target(target), target.origin)
        return
    routed = sent.routed
    if routed is None:
        return
    if routed.host is None:
        yield Step("host", f"No virtual host has the domain {journey.request.host}.")
        return
    yield Step("host", f"Virtual host {routed.host.get('name')}, the most specific for {journey.request.host}.")
    for skipped in routed.skipped:
        origin = origin_of(skipped.route)
        yield Step("route", f"Passed over {_rule(skipped.route, origin)}: {skipped.why}.", origin)
    if routed.route is None:
        yield Step("route", "None takes the request.")
        return
    if routed.unknown:
        perhaps = f"Perhaps {_rule(routed.route, sent.origin)}: {routed.unknown} is not known here."
        yield Step("route", perhaps, sent.origin)
        return
    default = "" if sent.origin else ", since no VirtualService is for it"
    yield Step("route", f"Taken by {_rule(routed.route, sent.origin)}{default}.", sent.origin)
    yield from _extras(sent)
    several = len(targets_of(routed.route)) > 1
    for target in sent.targets:
        share = f"{100 * target.share:g} % to " if several else ""
        yield Step("target", f"{share}{_target(target)}", target.origin)


def _listener(sent: Sent) -> str:
    how = "HTTP" if sent.http else "raw TCP, so no HTTP route holds"
    if sent.port is None or sent.service is None:
        return f"{sent.listener}, taken as {how}."
    protocol, why = protocol_of(sent.port)
    named = f"port {sent.port.get('port')} of Service {sent.service[1]}/{sent.service[0]}"
    said = f"by {why}" if protocol else f"{why}, so the proxy looks at the traffic"
    return f"{sent.listener}, taken as {how} ({named}: {said})."


def _rule(route: t.Mapping[str, t.Any], origin: Origin | None) -> str:
    name = f" '{route['name']}'" if route.get("name") and route.get("name") != "default" else ""
    return f"a rule{name} of {origin}" if origin else "the default route"


def _extras(sent: Sent) -> t.Iterator[Step]:
    if sent.delay:
        yield Step("fault", f"Delays {100 * sent.delay_share:g} % of the requests by {sent.delay:g} s.", sent.origin)
    if sent.abort:
        yield Step("fault", f"Answers {100 * sent.abort_share:g} % of the requests with {sent.abort}.", sent.origin)
    if sent.timeout is not None:
        yield Step("timeout", f"The request has {sent.timeout:g} s.", sent.origin)
    if sent.per_try is not None:
        yield Step("timeout", f"Each try has {sent.per_try:g} s.", sent.origin)
    if sent.retries:
        yield Step("retries", f"Up to {sent.retries} more tries after a failure.", sent.origin)
    for target, share in sent.mirrors:
        gone = "" if target.known else ", which the proxy does not know, so none arrives"
        yield Step("mirror", f"Copies of {100 * share:g} % go to {_named(target)}{gone}.", sent.origin)


def _named(target: Target) -> str:
    if target.service is None:
        return target.cluster
    subset = f"subset {target.subset} of " if target.subset else ""
    return f"{subset}Service {target.service[1]}/{target.service[0]}"


def _target(target: Target) -> str:
    if target.cluster == PASSTHROUGH:
        return "The address that was asked, in plain text (PassthroughCluster: the mesh knows no Service there)."
    if target.cluster == BLACKHOLE:
        return "Nowhere (BlackHoleCluster: the mesh knows no such host and port)."
    if not target.known:
        return f"{_named(target)}, which the proxy does not know (no such subset or port)."
    ready = [one for one in target.endpoints if one.healthy]
    pods = f"{len(ready)} of {len(target.endpoints)} pods healthy" if target.endpoints else "no pod behind it"
    how = {"mtls": "mTLS", "tls": "TLS without the mesh's certificate", "": "plain text"}[target.tls]
    by = f", by {target.origin}" if target.origin else ""
    return f"{_named(target)}: {pods}, over {how}{by}."


# -- the receiving proxy -------------------------------------------------


def _received(one: Received) -> t.Iterator[Step]:
    how = "mTLS" if one.mtls else "plain text"
    by = f" by {one.mode_origin} ({one.mode_field})" if one.mode_origin else " by default"
    verdict = "is taken" if one.accepted else "is refused"
    yield Step("connection", f"{how} on port {one.port} {verdict}; the mode is {one.mode}{by}.", one.mode_origin)
    if not one.accepted:
        return
    if not one.http:
        yield Step("connection", "The port is raw TCP here, so policies see no method, path or header.")
    if one.token.refused:
        yield Step("token", f"Refused: {one.token.refused}.")
        return
    if one.token.token is not None:
        yield Step("token", f"Accepted, of {one.token.token.issuer} for {one.token.token.subject or 'nobody'}.")
    if not one.access:
        yield Step("policy", "No AuthorizationPolicy holds here, so everyone is let in.")
    for access in one.access:
        rule = access.holding
        if rule is not None:
            does = "denies" if access.action == "DENY" else "allows"
            yield Step("policy", f"Rule {rule.number} of {rule.policy} {does} the request.", rule.policy)
            continue
        for other in access.rules:
            why = f"{other.unknown} is not known here" if other.unknown else other.fault
            said = f"Rule {other.number} of {other.policy} ({access.action}) does not hold: {why}."
            yield Step("policy", said, other.policy)
        if access.action != "DENY":
            yield Step("policy", "No rule allows the request, so it is denied.")
