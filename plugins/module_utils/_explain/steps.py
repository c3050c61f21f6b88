# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of one proxy in words, each with the resource that made it and what would change it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .access import Access
from .gateway import Server
from .journey import BLACKHOLE, PASSTHROUGH, Bare, Journey, Received, Sent, Target
from .limits import LOCAL, Limit
from .mesh import protocol_of
from .origin import Origin, origin_of, rule_of_httproute
from .routing import targets_of
from .sampling import in_words
from .tokens import TokenResult
from .words import joined

NEVER_SYNCED = "It has never got a configuration from istiod"
TO_SYNC = "see what istioctl proxy-status and the log of istiod say."


@dataclass(frozen=True)
class Step:
    """One decision on the way."""

    what: str
    """``proxy``, ``listener``, ``server``, ``tls``, ``bound``, ``host``, ``token``, ``policy``, ``limit``, ``filter``,
    ``route``, ``fault``, ``timeout``, ``retries``, ``rewrite``, ``mirror``, ``trace``, ``target``, ``breaker``,
    ``outliers``, ``connection`` or ``answered``."""
    sentence: str
    origin: Origin | None = None
    """The resource that decided; None where it is the mesh's own default."""
    change: str = ""
    """What would change it; empty where the step only leads to the next."""


def sending(journey: Journey, sent: Sent) -> t.Iterator[Step]:
    """What a caller's proxy or a gateway decides."""
    if not sent.synced:
        yield Step("proxy", f"{NEVER_SYNCED}, so it passes nothing on.", change=TO_SYNC)
        return
    if not sent.listener:
        port = journey.request.port
        if sent.unreached:
            yield Step("listener", f"None for port {port}: {sent.unreached}.", change=f"port {port} in such a Service.")
            return
        said = f"None for port {port}: no Gateway opens it."
        yield Step("listener", said, change=f"a Gateway with a server for port {port}.")
        return
    yield Step("listener", _listener(sent), change=_change_of_port(sent))
    if sent.server is not None:
        yield from _server(sent.server, journey.request.host, journey.request.scheme)
    if not sent.http:
        yield from _strange(sent.strange)
        for target in sent.targets:
            yield from _to(target, sent, "")
        return
    if sent.normalized:
        yield Step("rewrite", f"The path is normalised to {sent.normalized} before anything is compared with it.")
    routed = sent.routed
    if routed is None:
        return
    if routed.host is None:
        said = f"No virtual host has the domain {journey.request.host}."
        yield Step("host", said, change=f"a VirtualService with {journey.request.host} among its hosts.")
        return
    yield Step("host", f"Virtual host {routed.host.get('name')}, the most specific for {journey.request.host}.")
    if sent.redirect and routed.route is None:
        yield Step("route", "Plain HTTP is redirected to HTTPS.", sent.server.origin if sent.server else None)
        return
    yield from _guarded(sent.token, sent.access, sent.limits, sent.limiters, sent.strange, quiet=True)
    for skipped in routed.skipped:
        origin = origin_of(skipped.route)
        yield Step("route", f"Passed over {_rule(skipped.route, origin)}: {skipped.why}.", origin)
    if routed.route is None:
        yield Step("route", "None takes the request.", change="a rule whose match the request meets, or one without.")
        return
    if routed.unknown:
        perhaps = f"Perhaps {_rule(routed.route, sent.origin)}: {routed.unknown} is not known here."
        yield Step("route", perhaps, sent.origin)
        return
    default = "" if sent.origin else ", since no VirtualService is for it"
    yield Step("route", f"Taken by {_rule(routed.route, sent.origin)}{default}.", sent.origin, _change_of_route(sent))
    yield from _extras(sent)
    yield from _traced(sent)
    several = len(targets_of(routed.route)) > 1
    for target in sent.targets:
        yield from _to(target, sent, f"{100 * target.share:g} % to " if several else "")


def _change_of_port(sent: Sent) -> str:
    """Raw TCP is what people want to change; HTTP is not."""
    if sent.http or sent.port is None or sent.service is None:
        return ""
    return f"name port {sent.port.get('port')} of Service {sent.service[1]}/{sent.service[0]} http, or set appProtocol."


def _change_of_route(sent: Sent) -> str:
    if sent.origin is None:
        host = (sent.routed.host if sent.routed else None) or {}
        short = sent.service[0] if sent.service else str(host.get("name", "")).partition(":")[0]
        return f"a VirtualService for {short}." if short not in ("allow_any", "block_all") else "a ServiceEntry for it."
    return f"{_field(sent)} of {sent.origin}."


def _field(sent: Sent, below: str = "") -> str:
    """Where in its VirtualService a route is written."""
    field = "spec.rules" if sent.origin is not None and sent.origin.kind.endswith("Route") else "spec.http"
    rule = field if sent.rule is None else f"{field}[{sent.rule}]"
    return f"{rule}{below}"


def _server(server: Server, host: str, scheme: str) -> t.Iterator[Step]:
    by = f"{server.field} of {server.origin}" if server.origin else "A Gateway that could not be read"
    mode = f", TLS mode {server.mode}" if server.mode else ""
    if server.origin is None:
        said = f"No server of a Gateway for this port has the host {host}."
        yield Step("server", said, change=f"a Gateway with {host} among the hosts of a server for the port.")
    else:
        how = f"{server.protocol}{mode}".removeprefix(", ")
        yield Step("server", f"{by} ({how})." if how else f"{by}.", server.origin)
    if scheme in ("https", "tls"):
        yield from _tls(server, host)
    if server.origin is not None and server.field.startswith("spec.") and not server.redirects:
        if server.bound:
            yield Step("bound", f"For this host: {joined([str(one) for one in server.bound])}.", server.bound[0])
        else:
            change = f"gateways: [{server.origin.namespace}/{server.origin.name}] in a VirtualService for {host}."
            yield Step("bound", f"No VirtualService for {host} names this Gateway.", change=change)


def _tls(server: Server, host: str) -> t.Iterator[Step]:
    if server.warming or server.has_secret is False:
        said = f"The proxy has not got the certificate of Secret {server.secret}, so it takes no connection."
        yield Step(
            "tls",
            said,
            server.origin,
            f"create Secret {server.secret} (kubectl create secret tls), or correct {server.field}.tls.credentialName.",
        )
        return
    if not server.mode and not server.names and not server.secret:
        offered = f"; it has {joined(server.offered)}" if server.offered else ""
        yield Step("tls", f"No filter chain is for the server name (SNI) {host}{offered}.", server.origin)
        return
    names = f" by the chain for {joined(server.names)}" if server.names else " by the chain for any name"
    if server.mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        yield Step("tls", f"The server name (SNI) {host} is taken{names} and passed on as it is.", server.origin)
        return
    secret = f", with the certificate of Secret {server.secret}" if server.secret else ""
    yield Step("tls", f"The server name (SNI) {host} is taken{names}{secret}.", server.origin)


def _listener(sent: Sent) -> str:
    how = "HTTP" if sent.http else "raw TCP, so no HTTP route holds"
    if sent.port is None or sent.service is None:
        return f"{sent.listener}, taken as {how}."
    protocol, why = protocol_of(sent.port)
    named = f"port {sent.port.get('port')} of Service {sent.service[1]}/{sent.service[0]}"
    said = f"by {why}" if protocol else f"{why}, so the proxy looks at the traffic"
    return f"{sent.listener}, taken as {how} ({named}: {said})."


def _rule(route: t.Mapping[str, t.Any], origin: Origin | None) -> str:
    own = rule_of_httproute(route) is None and route.get("name") not in (None, "", "default")
    name = f" '{route['name']}'" if own else ""
    return f"a rule{name} of {origin}" if origin else "the default route"


def _extras(sent: Sent) -> t.Iterator[Step]:
    origin = sent.origin
    of = f" of {origin}." if origin else ""

    def change(field: str) -> str:
        return f"{_field(sent, field)}{of}" if origin else ""

    if sent.delay:
        said = f"Delays {100 * sent.delay_share:g} % of the requests by {sent.delay:g} s."
        yield Step("fault", said, origin, change(".fault.delay"))
    if sent.abort:
        said = f"Answers {100 * sent.abort_share:g} % of the requests with {sent.abort}."
        yield Step("fault", said, origin, change(".fault.abort"))
    if sent.rewrite:
        yield Step("rewrite", f"It is sent on as {sent.rewrite}.", origin, change(".rewrite"))
    if sent.timeout is not None:
        yield Step("timeout", f"The request has {sent.timeout:g} s.", origin, change(".timeout"))
    if sent.per_try is not None:
        yield Step("timeout", f"Each try has {sent.per_try:g} s.", origin, change(".retries.perTryTimeout"))
    if sent.retries:
        after = f" ({sent.retry_on.replace(',', ', ')})" if sent.retry_on else ""
        yield Step("retries", f"Up to {sent.retries} more tries after a failure{after}.", origin, change(".retries"))
    for target, share in sent.mirrors:
        gone = "" if target.known else ", which the proxy does not know, so none arrives"
        said = f"Copies of {100 * share:g} % go to {named(target)}{gone}."
        yield Step("mirror", said, origin, change(".mirror"))


def _traced(sent: Sent) -> t.Iterator[Step]:
    """Only where it is the first to decide, which a proxy cannot know before."""
    if sent.sampling is not None:
        said = (
            f"Where no proxy before it has decided whether the request is traced, it does, {in_words(sent.sampling)}."
        )
        change = f"spec.tracing[].randomSamplingPercentage of {sent.sampling.origin}."
        yield Step("trace", said, sent.sampling.origin, change)


def _to(target: Target, sent: Sent, share: str) -> t.Iterator[Step]:
    """A target, and what limits its use."""
    yield Step("target", f"{share}{_target(target, sent)}", target.origin, _change_of_target(target, sent))
    rule = f"spec.trafficPolicy of {target.origin}." if target.origin else ""
    if target.breaker:
        said = f"The circuit breaker: {target.breaker}. More is answered 503 with the flag UO."
        yield Step("breaker", said, target.origin, rule)
    if target.outliers:
        yield Step("outliers", f"{target.outliers[0].upper()}{target.outliers[1:]}.", target.origin, rule)


def _change_of_target(target: Target, sent: Sent) -> str:
    if target.cluster in (PASSTHROUGH, BLACKHOLE):
        return f"a ServiceEntry for it, or outboundTrafficPolicy.mode of {sent.policy_origin or 'the mesh'}."
    if not target.known and target.service is not None:
        return f"a DestinationRule for {target.service[0]} with subset {target.subset}." if target.subset else ""
    return ""


def named(target: Target) -> str:
    """A target as sentences call it."""
    if target.service is None:
        return target.cluster
    subset = f"subset {target.subset} of " if target.subset else ""
    return f"{subset}Service {target.service[1]}/{target.service[0]}"


def _target(target: Target, sent: Sent) -> str:
    by = f" by {sent.policy_origin}" if sent.policy_origin else " of the mesh"
    if target.cluster == PASSTHROUGH:
        return (
            "The address that was asked, in plain text: PassthroughCluster, since the mesh knows no Service there and "
            f"outboundTrafficPolicy{by} is {sent.policy or 'ALLOW_ANY'}."
        )
    if target.cluster == BLACKHOLE:
        return (
            "Nowhere: BlackHoleCluster, since the mesh knows no such host and port and "
            f"outboundTrafficPolicy{by} is {sent.policy or 'REGISTRY_ONLY'}."
        )
    if not target.known:
        return f"{named(target)}, which the proxy does not know (no such subset or port)."
    ready = [one for one in target.endpoints if one.healthy]
    pods = f"{len(ready)} of {len(target.endpoints)} pods healthy" if target.endpoints else "no pod behind it"
    sick = [f"{one.name} is {one.state or 'unhealthy'}" for one in target.endpoints if not one.healthy]
    how = {"mtls": "mTLS", "tls": "TLS without the mesh's certificate", "": "plain text"}[target.tls]
    by = f", by {target.origin}" if target.origin else ""
    return f"{named(target)}: {pods}{f' ({joined(sick)})' if sick else ''}, over {how}{by}."


def _guarded(
    token: TokenResult,
    every: t.Sequence[Access],
    limits: t.Sequence[Limit],
    limiters: t.Sequence[Origin],
    strange: t.Sequence[str],
    quiet: bool = False,
) -> t.Iterator[Step]:
    """What is decided about the request itself; `quiet` where it is not news that nothing is."""
    yield from _strange(strange)
    if token.refused:
        yield Step("token", f"Refused: {token}.", change="send another token, or jwtRules of the policy.")
        return
    if token.token is not None:
        unless = f", unless {token.unknown}, which is not known here, tells against it" if token.unknown else ""
        yield Step("token", f"Accepted, of {token.token.issuer} for {token.token.subject or 'nobody'}{unless}.")
    elif token.unknown:
        yield Step("token", f"Whether it is refused depends on {token.unknown}, which is not known here.")
    if not every and not quiet:
        change = "an AuthorizationPolicy: ALLOW for those who may, or DENY for those who may not."
        yield Step("policy", "No AuthorizationPolicy holds here, so everyone is let in.", change=change)
    for access in every:
        rule = access.holding
        if rule is not None:
            does = "denies" if access.action == "DENY" else "allows"
            change = f"spec.rules[{rule.number - 1}] of {rule.policy}."
            yield Step("policy", f"Rule {rule.number} of {rule.policy} {does} the request.", rule.policy, change)
            continue
        for other in access.rules:
            why = f"{other.unknown} is not known here" if other.unknown else other.fault
            said = f"Rule {other.number} of {other.policy} ({access.action}) does not hold: {why}."
            yield Step("policy", said, other.policy)
        if access.instead_of is not None:
            said = f"{access.instead_of} could not be loaded, so every request is denied."
            yield Step("policy", said, access.instead_of, "spec.failStrategy or spec.url of it.")
        elif access.action != "DENY":
            change = "a rule that the request meets." if access.rules else "an AuthorizationPolicy with such a rule."
            yield Step("policy", "No rule allows the request, so it is denied.", change=change)
    if any(access.denies and not access.uncertain for access in every):
        return
    for limit in limits:
        origin = limiters[0] if limiters else None
        change = f"{joined([str(one) for one in limiters])}." if limiters else ""
        yield Step("limit", _limit(limit), origin, change)


def _strange(names: t.Iterable[str]) -> t.Iterator[Step]:
    for name in names:
        yield Step("filter", f"{name}: what it does is not known here; it may answer or change the request.")


def _limit(limit: Limit) -> str:
    counted = "; ".join(", ".join(f"{key}={value}" for key, value in one) for one in limit.descriptors)
    missing = f" No descriptor of it: {'; '.join(limit.missing)}." if limit.missing else ""
    if limit.kind == LOCAL:
        by = f" with {counted}" if counted else ""
        if not limit.share:
            return f"The proxy counts requests{by} and limits none of them.{missing}"
        part = "" if limit.share >= 1 else f", for {100 * limit.share:g} % of the requests"
        return f"The proxy alone lets {limit.bucket} through{by}{part}; more are answered {limit.status}.{missing}"
    if not counted:
        return f"The rate limit service is not asked.{missing or ' No route or virtual host has rate_limits.'}"
    failing = "refused" if limit.refuses_on_failure else "let through"
    return (
        f"Asks {limit.service} (domain {limit.domain}) with {counted}; excess requests get "
        f"{limit.status}; if it does not answer, the request is {failing}.{missing}"
    )


def receiving(one: Received) -> t.Iterator[Step]:
    """What the proxy before a callee decides."""
    if not one.synced:
        yield Step("proxy", f"{NEVER_SYNCED}, so it takes nothing.", change=TO_SYNC)
        return
    by = f" by {one.mode_origin} ({one.mode_field})" if one.mode_origin else " by default"
    verdict = "is taken" if one.accepted else "is refused"
    change = (
        f"spec.{one.mode_field} of {one.mode_origin}." if one.mode_origin else "a PeerAuthentication with another mode."
    )
    said = f"{one.how} on port {one.port} {verdict}; the mode is {one.mode}{by}."
    yield Step("connection", said, one.mode_origin, change)
    if not one.accepted:
        return
    if not one.http:
        yield Step("connection", "The port is raw TCP here, so policies see no method, path or header.")
    yield from _guarded(one.token, one.access, one.limits, one.limiters, one.strange)


def change_of_bare(bare: Bare) -> str:
    """What would give a pod a proxy that decides."""
    if bare.aside:
        return f"the annotation {bare.aside} of the pod template."
    if bare.ambient:
        return ""
    return f"label namespace {bare.namespace} istio-injection=enabled, and restart the pod."
