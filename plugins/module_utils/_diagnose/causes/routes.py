# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in the routes: which rule takes the request, where it leads, and what it adds."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from os.path import commonprefix

from ..._explain.effects import Effect
from ..._explain.effects.finding import gateways_of, placed_routes, routes_of
from ..._explain.effects.mend import Mend, Patch
from ..._explain.journey import BLACKHOLE, PASSTHROUGH, Sent
from ..._explain.matching import template_holds
from ..._explain.mesh import ServiceName, delegate_of, host_holds, origin_for, rule_of_route, service_named
from ..._explain.origin import Origin, origin_of
from ..._explain.routing import Skipped, targets_of
from ..._explain.walk import FAULT
from ..._kube.objects import home_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Findings, Json
from ..refused import refused_behind, scaled_away
from .case import Case, is_wanted, told

BROKEN = ("spec.http[", "spec.tls[", "spec.tcp[", "spec.subsets[")
"""Where a route or a subset leads nowhere."""


def gateway_has_no_route(case: Case) -> Diagnosis | None:
    """404 by the gateway: no route there takes the request."""
    known = case.first.parts if case.first is not None else ()
    gateways = [one.sent for one in known if one.sent is not None and one.sent.role == "gateway"]
    sent = next((one for one in gateways if one.route is None), None)
    if 404 not in case.statuses or sent is None:
        return None
    path = case.findings.path
    for one in (*case.about("gateway"), *_meant_for_path(case, path)):
        return told(one)
    for one in case.about("route"):
        text = _literal(one)
        if text and template_holds(text.replace("*", "**") if text.endswith("*") else text, path):
            return Diagnosis(
                f"{one.origin} matches the {one.field.rpartition('.')[2]} {text} literally; no path contains the star, "
                f"so {path} has no route.",
                one.remedy,
                commands(one.mend),
            )
        if one.field.startswith("spec.http") and "which no path is" in one.sentence:
            return told(one)
    for skipped in sent.routed.skipped if sent.routed is not None else ():
        origin = origin_of(skipped.route)
        # A path that no rule has is better told with those that rules have.
        if origin is not None and not skipped.why.startswith("the path"):
            return _passed_over(case, sent, origin, skipped)
    return None


def _meant_for_path(case: Case, path: str) -> t.Iterator[Effect]:
    """A VirtualService with a rule for the path, for another host than the Gateway takes that it is bound to."""
    for one in case.effects:
        if one.topic != "gateway" or one.field != "spec.hosts":
            continue
        rule = case.mesh.find(one.origin) or {}
        paths = [match.get("uri") or {} for route in routes_of(rule) for match in route.get("match") or ()]
        starts = [str(uri.get("prefix") or "").rstrip("/") for uri in paths]
        takes = any(start and (path == start or path.startswith(f"{start}/")) for start in starts)
        if takes or any(uri.get("exact") == path for uri in paths):
            yield one


def gateway_closes(case: Case) -> Diagnosis | None:
    """The gateway takes no connection: nobody leads to its port, or no route is of the kind that its server takes."""
    sent = case.first.sent if case.first is not None else None
    if case.findings.expects_refusal or not case.findings.errors():
        return None
    if sent is None or sent.role != "gateway" or sent.route is not None or sent.targets:
        return None
    without = _without_certificate(sent)
    if without is not None:
        return without
    kinds = ("spec.http", "spec.tls", "spec.tcp")
    for one in case.about("gateway"):
        if one.field in kinds or (one.field.endswith(".port.number") and f"port {case.findings.port}," in one.sentence):
            return told(one)
    return _for_other_names(case, sent) if case.findings.request and case.findings.request.scheme == "https" else None


def _without_certificate(sent: Sent) -> Diagnosis | None:
    """A server whose Secret the gateway has not got."""
    server = sent.server
    if server is None or server.origin is None or not server.secret:
        return None
    if not (server.warming or server.has_secret is False):
        return None
    home, _slash, name = server.secret.rpartition("/")
    return Diagnosis(
        f"{server.origin} takes its certificate from Secret {server.secret} ({server.field}.tls.credentialName), which "
        "the gateway has not got, so it closes connections.",
        f"Create Secret {name} in namespace {home}, with tls.crt and tls.key: a gateway reads Secrets of its own "
        "namespace only.",
    )


def _for_other_names(case: Case, sent: Sent) -> Diagnosis | None:
    """A gateway that has the port and no filter chain for the server name."""
    server, host = sent.server, case.findings.host
    if server is None or server.origin is None:
        return None
    for rule in case.mesh.of("VirtualService"):
        if (server.origin.namespace, server.origin.name) not in {(home, name) for _i, home, name in gateways_of(rule)}:
            continue
        names = [
            str(name)
            for route in spec_of(rule).get("tls") or ()
            for match in route.get("match") or ()
            for name in match.get("sniHosts") or ()
        ]
        if names and not any(host_holds(name, host) for name in names):
            return Diagnosis(
                f"{origin_for('VirtualService', rule)} has tls routes for the server name {' and '.join(names)} only "
                f"(sniHosts), so {server.origin} closes connections to {host}.",
                f"Add {host} to the sniHosts of the route that is meant for it.",
            )
    return None


def taken_by_older(case: Case) -> Diagnosis | None:
    """At a gateway a rule of an older VirtualService takes what one of another for the same host is for."""
    if not case.findings.seen and not case.findings.shares_are_wrong:
        return None
    for journey in case.first.parts if case.first is not None else ():
        sent, path = journey.sent, journey.request.path
        if sent is None or sent.role != "gateway" or sent.origin is None:
            continue
        for effect in case.about("gateway"):
            if not effect.field.endswith(".match.uri") or str(sent.origin) not in effect.sentence:
                continue
            rule = case.mesh.find(effect.origin) or {}
            number = int(effect.field.partition("[")[2].partition("]")[0])
            uris = [(one or {}).get("uri") or {} for one in routes_of(rule)[number].get("match") or ()]
            if any(uri.get("exact") == path or path.startswith(str(uri.get("prefix") or "\0")) for uri in uris):
                return told(effect)
    return None


def _literal(one: Effect) -> str:
    found = re.search(r"matches the (?:prefix|exact) (\S+) literally", one.sentence)
    return found[1] if found else ""


def too_slow(case: Case) -> Diagnosis | None:
    """504: the time that a route gives the request, or each try of it, has run out."""
    late = [one for one in case.findings.records if "UT" in one.flags.split(",")]
    if 504 not in case.statuses and not late:
        return None
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or sent.origin is None:
            continue
        mine = [one for one in late if one.pod == sent.proxy]
        if late and not mine:
            continue
        name = _callee(sent)
        needs = _needs(case, sent)
        if sent.per_try is not None and (sent.timeout is None or sent.per_try < sent.timeout):
            tail = "; its route has no timeout" if sent.timeout is None else ""
            return Diagnosis(
                f"{sent.origin} gives each try {_seconds(sent.per_try)} (retries.perTryTimeout), and {name} needs "
                f"{needs}{tail}.",
                f"Raise retries.perTryTimeout above the time that {name} takes to answer.",
            )
        if sent.timeout is not None:
            return Diagnosis(
                f"{sent.origin} gives the request {_seconds(sent.timeout)} (timeout), and {name} needs {needs}.",
                f"Raise the timeout of {sent.origin}, or see why the answer takes so long.",
            )
    return None


def _needs(case: Case, sent: Sent) -> str:
    """How long the callee took, as far as its own proxy wrote it."""
    took = [one.milliseconds / 1000 for one in case.findings.records if one.inbound and one.milliseconds > 0]
    limit = sent.per_try or sent.timeout or 0.0
    slow = [one for one in took if one > limit]
    delay = max((one.sent.delay for one in case.journeys if one.sent and one.sent.delay_share > 0), default=0.0)
    if delay > limit:
        return f"about {_seconds(delay)}"
    return f"about {_seconds(round(max(slow), 1))}" if slow else "longer"


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _callee(sent: Sent) -> str:
    return next((one.service[0] for one in sent.targets if one.service), "the callee")


def hidden_routes(case: Case) -> Diagnosis | None:
    """Routes that a port's protocol hides: those of HTTP at a raw port, those of TCP at one of HTTP."""
    wanted = case.findings.expected_versions or case.findings.shares_are_wrong or case.findings.expects_copies
    if not (wanted or _wants_fault(case)):
        return None
    asked = [one.sent for one in case.journeys if one.sent and one.sent.service]
    raw = {one.service for one in asked if not one.http}
    http = {one.service for one in asked if one.http}
    for effect in case.effects:
        if effect.topic == "protocol" and effect.services & (raw if effect.without is not None else http):
            return told(effect)
    return None


def no_route(case: Case) -> Diagnosis | None:
    """404 by the caller's own proxy: its rules for the host were all tried, and none takes the request."""
    lost = {one.pod for one in case.findings.records if "NR" in one.flags.split(",")}
    for journey in (one for one in case.journeys if one not in case.guessed):
        sent = journey.sent
        if sent is None or sent.role == "gateway" or sent.routed is None or sent.routed.route is not None:
            continue
        tried = [(origin, one) for one in sent.routed.skipped if (origin := origin_of(one.route)) is not None]
        if not tried or sent.redirect or not (sent.proxy in lost or (journey is case.first and 404 in case.statuses)):
            continue
        origin, nearest = min(tried, key=lambda one: _distance(one[1], journey.request.path))
        named = _rule_at(case, sent, origin, nearest.route)
        which = f"rule {named[1] + 1} of {named[0]}" if named is not None else f"one of {origin}"
        count = "1 tried" if len(tried) == 1 else f"{len(tried)} tried"
        return Diagnosis(
            f"No rule takes the request ({count}), so the proxy of {sent.proxy} answers 404 itself; the nearest, "
            f"{which}, does not: {nearest.why}.",
            "Correct that match, or add a rule without a match at the end, which takes the rest.",
        )
    return None


def _distance(skipped: Skipped, path: str) -> tuple[bool, int]:
    """How far a rule was from taking a request: first those whose path holds, then by how much of the path is alike."""
    match = skipped.route.get("match") or {}
    wanted = str(match.get("path") or match.get("prefix") or match.get("path_separated_prefix") or "")
    return skipped.why.startswith("the path"), -len(commonprefix([wanted, path]))


def passed_over(case: Case) -> Diagnosis | None:
    """A rule that leads where the check expects did not take the request: its first condition that does not hold."""
    findings = case.findings
    if not findings.expected_versions and not _wants_fault(case):
        return None
    # What a login has set, only the application knows; so its own requests cannot be compared with a match.
    known = case.journeys if not findings.session else ((case.first,) if case.first else ())
    for journey in known:
        sent = journey.sent
        if sent is None or sent.routed is None or sent.routed.unknown:
            continue
        for skipped in sent.routed.skipped:
            origin = origin_of(skipped.route)
            if origin is None or not _is_meant(case, sent, skipped.route):
                continue
            return _passed_over(case, sent, origin, skipped)
    return None


def _passed_over(case: Case, sent: Sent, origin: Origin, skipped: Skipped) -> Diagnosis:
    named = _rule_at(case, sent, origin, skipped.route)
    which = f"Rule {named[1] + 1} of {named[0]}" if named is not None else f"A rule of {origin}"
    remedy = "Correct that match, or send a request that it holds for (headers are compared exactly)."
    if "that matches" in skipped.why:
        remedy = "Let the regex fit the whole value, such as by .* at its beginning and end."
    return Diagnosis(f"{which} does not take the request: {skipped.why}.", remedy)


def idle_rule(case: Case) -> Diagnosis | None:
    """A rule that would do what the check expects can take no request: another holds, or it is for no port there is."""
    findings = case.findings
    if not (findings.expected_versions or findings.shares_are_wrong or findings.expects_copies or _wants_fault(case)):
        return None
    for one in case.effects:
        if one.topic != "route" or not one.idle or one.origin.kind != "VirtualService":
            continue
        rule = case.mesh.find(one.origin) or {}
        routes = [route for _kind, _index, route in placed_routes(rule)]
        for named in [delegate_of(rule, route) for route in routes]:
            routes += routes_of((case.mesh.find(named) if named is not None else None) or {})
        if one.services & case.services and is_wanted(case, routes):
            return told(one)
    return None


def _rule_at(case: Case, sent: Sent, origin: Origin, route: Json) -> tuple[Origin, int] | None:
    """The VirtualService and the number, from 0, of the rule that a proxy's route comes from; None where unknown."""
    rule = case.mesh.find(origin)
    places = [one for one in ((sent.routed and sent.routed.host) or {}).get("routes") or () if origin_of(one) == origin]
    found = next((place for place, one in enumerate(places) if one is route), None)
    named = rule_of_route(case.mesh, rule, found) if rule is not None and found is not None else None
    if named is None and (number := _number_of(case, origin, route)):
        return origin, number - 1
    return named


def _is_meant(case: Case, sent: Sent, route: Json) -> bool:
    """Whether a route does what the check expects, and the one that was taken does not."""
    wanted = {f"|{version}|" for version in case.findings.expected_versions}
    leads = any(part in name for name, _share in targets_of(route) for part in wanted)
    taken = any(part in target.cluster for target in sent.targets for part in wanted)
    if wanted:
        return leads and not taken
    fault = (route.get("typed_per_filter_config") or {}).get(FAULT)
    return bool(fault) and not (sent.delay or sent.abort)


def _number_of(case: Case, origin: Origin, route: Json) -> int:
    """The number of a route's rule by its name; 0 where it has none."""
    name = route.get("name")
    rules = spec_of(case.mesh.find(origin) or {}).get("http") or ()
    return next((number for number, one in enumerate(rules, 1) if name and one.get("name") == name), 0)


def no_fault(case: Case) -> Diagnosis | None:
    """A fault is expected, and the one that is there strikes no request, or fewer than expected."""
    if not _wants_fault(case):
        return None
    wanted = [100 * share for status, share in case.findings.status_shares if status >= 500]
    for one in case.about("fault"):
        if not _is_expected(case, one):
            continue
        if not wanted:
            return told(one)
        found = re.search(r"for ([0-9.]+) % of the requests", one.sentence)
        sentence = one.sentence
        if found is not None:
            verb = "aborts" if ".abort" in one.field else "delays"
            sentence = (
                f"{one.origin} {verb} {found[1]} % of the requests (percentage.value is in percent); the check expects "
                f"{wanted[0]:g} %."
            )
        return Diagnosis(sentence, f"Write percentage: {{value: {wanted[0]:g}}}.", commands(_of_share(one, wanted[0])))
    return None


def _of_share(effect: Effect, percent: float) -> Mend | None:
    """What mends a fault's percentage, for the share that the check expects."""
    if not isinstance(effect.mend, Patch):
        return None
    value = {"value": int(percent) if percent == int(percent) else percent}
    return replace(effect.mend, operations=tuple({**one, "value": value} for one in effect.mend.operations))


def _wants_fault(case: Case) -> bool:
    """Whether a delay is expected, or a status that a fault may answer."""
    findings = case.findings
    return findings.latency_min is not None or any(one >= 400 for one in _statuses(findings))


def _statuses(findings: Findings) -> list[int]:
    return [status for status, _share in findings.status_shares] + list(findings.expected_status)


def _is_expected(case: Case, effect: Effect) -> bool:
    """Whether what a fault would do is what the check expects."""
    if effect.field.split(".")[-2] == "delay":
        return case.findings.latency_min is not None
    rule = case.mesh.find(effect.origin)
    aborts = [(one.get("fault") or {}).get("abort") or {} for one in spec_of(rule or {}).get("http") or ()]
    return any(int(one.get("httpStatus") or 0) in _statuses(case.findings) for one in aborts)


def no_target(case: Case) -> Diagnosis | None:
    """A route to a cluster that the proxy does not have, or that has no endpoint."""
    lost = [one for one in case.findings.records if set(one.flags.split(",")) & {"NC", "UH"}]
    troubled = bool(case.statuses & {500, 502, 503, 504} or lost or _is_page_trouble(case))
    if not troubled and not case.findings.errors():
        return None
    wanted = [
        (target.service, target.subset)
        for journey in case.journeys
        for target in (journey.sent.met if journey.sent else ())
        if not (target.known and (target.endpoints or target.cluster in (PASSTHROUGH, BLACKHOLE)))
    ]
    wanted += [(service_named(one.service, case.home), one.subset) for one in lost if one.service]
    hosts = {target.cluster.rpartition("|")[2] for one in case.journeys if one.sent for target in one.sent.met}
    for one in case.effects:
        if one.origin.kind == "ServiceEntry" and one.idle and one.host in hosts | {record.service for record in lost}:
            return told(one)
    for service, subset in wanted:
        refused = refused_behind(case.findings, {service} if service else ())
        if refused is not None:
            return refused
        away = scaled_away(case.findings, service, _labels_of(case, service, subset)) if service is not None else None
        if away is not None:
            return away
        for one in case.effects:
            if one.topic in ("subset", "host") and _is_of(one, service, subset):
                return told(one)
    # Where nothing is known of the way, what is broken near it is all there is.
    if troubled and not any(one.sent for one in case.journeys) and not any(one.service for one in lost):
        return next((told(one) for one in case.about("subset", "host") if one.field.startswith(BROKEN)), None)
    return None


def _labels_of(case: Case, service: ServiceName, subset: str) -> t.Mapping[str, str]:
    """What tells a subset's pods apart, by a DestinationRule for the Service; empty where none is known."""
    for rule in case.mesh.of("DestinationRule"):
        if case.mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule)) == service:
            for one in spec_of(rule).get("subsets") or ():
                if one.get("name") == subset:
                    return t.cast("t.Mapping[str, str]", one.get("labels") or {})
    return {}


def _is_of(effect: Effect, service: ServiceName | None, subset: str) -> bool:
    """Whether it is about a route to this Service, or to a host that was to be one."""
    about = service in effect.services or service_named(effect.host, effect.origin.namespace) == service
    return about and (not subset or f"ubset {subset} " in effect.sentence)


def without_effect(case: Case) -> Diagnosis | None:
    """A VirtualService for a host that is not a Service: in the wrong namespace, or misspelt."""
    if not (case.findings.seen or case.findings.shares_are_wrong):
        return None
    for one in (*case.about("host"), *case.effects):
        here = one.origin.namespace == case.home or one.services & case.services
        if one.origin.kind == "VirtualService" and one.field == "spec.hosts" and one.topic == "host" and here:
            return told(one)
    return None


def _is_page_trouble(case: Case) -> bool:
    text = ("unavailable", "Error fetching")
    return any(word in str(one.get("body", "")) for one in case.findings.seen for word in text)
