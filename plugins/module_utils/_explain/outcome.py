# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of a request, in one sentence."""

from __future__ import annotations

from .journey import BLACKHOLE, PASSTHROUGH, Bare, Journey, Received, Sent, Target
from .steps import named
from .words import joined

ANSWERED = "answered by the application in {}"


def outcome_of(journey: Journey) -> str:
    """What comes of the request, as far as the configuration says."""
    sent = journey.sent
    own = _by_sender(journey, sent) if sent is not None else ""
    if own:
        return f"Outcome: {own}."
    pods: dict[str, list[str]] = {}
    for what, pod in sorted(
        {*(_verdict(one) for one in journey.received), *((_alone(one), one.pod) for one in journey.bare)}
    ):
        pods.setdefault(what, []).append(pod)
    outside = _outside(sent) if sent is not None else []
    if outside and not pods and not journey.through:
        return f"Outcome: passed on to {joined(outside, 'or')}, which is outside of the mesh."
    if not pods and not journey.through:
        return "Outcome: not known, since what answers could not be looked at."
    verdicts = [what.format(joined(names, "or")) for what, names in pods.items()]
    verdicts += [outcome_of(one).removeprefix("Outcome: ").rstrip(".") for one in journey.through]
    return f"Outcome: {'; or '.join(verdicts)}."


def _by_sender(journey: Journey, sent: Sent) -> str:
    """What the gateway or the caller's proxy answers by itself; empty where it passes the request on."""
    request = journey.request
    if not sent.synced:
        return f"refused by {sent.proxy}, whose proxy has never got a configuration"
    if sent.role == "gateway" and not sent.listener:
        return f"refused, since {sent.unreached or f'no Gateway opens port {request.port}'}"
    if sent.server is not None and sent.http and sent.routed is None:
        return _closed(sent, request.host)
    if sent.redirect:
        return "a redirect by the proxy itself"
    if sent.token.refused:
        return f"status {sent.token.status} by the gateway: {sent.token}"
    if sent.denying is not None:
        return "status 403 by the gateway (RBAC: access denied)"
    if sent.http and sent.routed is not None and sent.route is None:
        return "status 404 by the proxy itself, since no route takes the request"
    direct = int(((sent.route or {}).get("direct_response") or {}).get("status") or 0)
    if direct or any(one.cluster == BLACKHOLE for one in sent.met):
        return f"status {direct or 502} by the proxy itself: the mesh does not know this host and port"
    if sent.abort and sent.abort_share >= 1:
        return f"status {sent.abort} by the fault of {sent.origin or 'an EnvoyFilter'}"
    dead = [why for one in sent.met if (why := _dead(one))]
    return f"status 503, since {dead[0]}" if dead and len(dead) == len(sent.met) else ""


def _outside(sent: Sent) -> list[str]:
    """The names outside of the cluster that it is passed on to; an address alone may be anybody's."""
    every = {f"{one.address}:{one.port}" for target in sent.met for one in target.endpoints}
    return sorted(one for one in every if any(letter.isalpha() for letter in one) and "[" not in one)


def _dead(target: Target) -> str:
    """Why no pod of a target can answer."""
    if target.cluster == PASSTHROUGH:
        return ""
    if not target.known or not target.endpoints:
        return f"there is no pod behind {named(target)}"
    if any(one.healthy for one in target.endpoints):
        return ""
    return f"no pod of {named(target)} is healthy"


def _closed(sent: Sent, host: str) -> str:
    server = sent.server
    if server is None or not (server.warming or server.has_secret is False):
        return f"the connection is closed, since no server of port {sent.listener.rpartition('_')[2]} is for {host}"
    return f"the connection is closed, since the gateway has no certificate from Secret {server.secret or '(unknown)'}"


def _verdict(one: Received) -> tuple[str, str]:
    """What comes of the request at a callee, with a place for the names of all where the same comes of it."""
    if not one.synced:
        return "refused by {}, whose proxy has never got a configuration", one.proxy
    if not one.accepted:
        return f"refused by {{}}, which takes no {one.how} on port {one.port}", one.proxy
    if one.token.refused:
        return f"status {one.token.status} by the proxy of {{}}: {_literal(str(one.token))}", one.proxy
    if one.denying is not None:
        return "status 403 by the proxy of {} (RBAC: access denied)", one.proxy
    limited = any(limit.share > 0 for limit in one.limits)
    return f"{ANSWERED}, as long as a rate limit lets it through" if limited else ANSWERED, one.proxy


def _alone(bare: Bare) -> str:
    """What comes of the request at a pod without a proxy that takes it."""
    if not bare.mtls:
        return ANSWERED
    return "refused by {}, which has no proxy to take mTLS" + (f" on port {bare.port}" if bare.aside else "")


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
