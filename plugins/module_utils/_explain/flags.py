# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy's access log says of one request: its response flags in words, joined with the hop that it is about.

Source: Envoy, "Access logging", ``%RESPONSE_FLAGS%`` and ``%RESPONSE_CODE_DETAILS%``.
"""

from __future__ import annotations

import typing as t

from .._observe.access_log import Record
from .journey import Journey, Sent, Target

FLAGS: dict[str, str] = {
    "DC": "the client has closed the connection",
    "DF": "the name of the callee could not be resolved",
    "DI": "a fault delays the request",
    "DPE": "the client has broken the rules of HTTP",
    "DT": "the request or its connection has lasted too long",
    "FI": "a fault answers instead of the callee",
    "IH": "a header that is checked strictly has a wrong value",
    "LH": "the proxy's own health check has failed",
    "LR": "the proxy has reset the stream",
    "NC": "the proxy does not know the cluster that the route names",
    "NFCF": "the proxy looks for a filter's configuration and has none",
    "NR": "no route takes the request, or no filter chain its connection",
    "OM": "the proxy has too little memory",
    "RFCF": "the proxy has no configuration for a filter",
    "RL": "a rate limit has refused the request",
    "RLSE": "the rate limit service has not answered",
    "SI": "the stream was idle for too long",
    "UAEX": "an external authorizer has refused the request",
    "UC": "the callee has closed the connection before its answer",
    "UF": "no connection to the callee could be made",
    "UH": "no pod of the callee is healthy",
    "UMSDR": "the request or its connection has lasted too long",
    "UO": "a circuit breaker is full",
    "UPE": "the callee has broken the rules of HTTP",
    "UR": "the callee has reset the stream",
    "URX": "all tries are used up",
    "UT": "the callee has not answered in time",
}


def flags_in_words(flags: str) -> str:
    """``UO``: ``UO, a circuit breaker is full``; a flag that is not known here is only named."""
    return "; ".join(
        f"{flag}, {FLAGS[flag]}" if flag in FLAGS else f"{flag}, which is not known here"
        for flag in flags.split(",")
        if flag and flag != "-"
    )


def of_sender(records: t.Iterable[Record], journey: Journey) -> list[Record]:
    """What the proxy at the beginning of a journey wrote about its request, and not about others of the same pod."""
    sent = journey.sent
    if sent is None:
        return []
    services = {f"{one.service[0]}.{one.service[1]}." for one in sent.targets if one.service}
    return [
        one
        for one in records
        if one.pod == sent.proxy
        and not one.inbound
        and (
            any(one.service.startswith(name) for name in services)
            if one.service
            else one.authority.partition(":")[0] == (journey.request.header(":authority") or "").partition(":")[0]
        )
    ]


def answered(record: Record, sent: Sent | None = None) -> str:
    """What a proxy wrote about a request, and by which setting of its own hop."""
    words = flags_in_words(record.flags)
    said = f"Status {record.status} after {record.milliseconds} ms" + (f" ({words})" if words else "")
    why = _by(record, sent) if sent is not None else ""
    if record.failure:
        why = f"{why}; the connection failed with: {record.failure}" if why else f"the connection: {record.failure}"
    return f"{said}: {why}." if why else f"{said}."


def _by(record: Record, sent: Sent) -> str:
    """The setting of a hop that a flag is about."""
    flags = set(record.flags.split(","))
    target = next((one for one in sent.targets if one.cluster == record.cluster), None) or next(
        iter(sent.targets), None
    )
    if "FI" in flags or "DI" in flags:
        return f"the fault of {sent.origin}" if sent.origin else "a fault of no VirtualService"
    if target is None:
        return ""
    if "UO" in flags and target.breaker:
        return f"{target.breaker}, by {target.origin}" if target.origin else target.breaker
    if "UH" in flags:
        return _unhealthy(target)
    if "NC" in flags:
        return f"{record.cluster or target.cluster}, to which {sent.origin or 'the route'} leads"
    if "UT" in flags:
        return _time(sent)
    if "URX" in flags and sent.retries:
        return f"{1 + sent.retries} tries, by {sent.origin}" if sent.origin else f"{1 + sent.retries} tries by default"
    return ""


def _time(sent: Sent) -> str:
    limits = []
    if sent.per_try is not None:
        limits.append(f"each try has {sent.per_try:g} s")
    if sent.timeout is not None:
        limits.append(f"the request has {sent.timeout:g} s")
    by = f", by {sent.origin}" if sent.origin and limits else ""
    return f"{' and '.join(limits)}{by}"


def _unhealthy(target: Target) -> str:
    why: dict[str, list[str]] = {}
    for one in target.endpoints:
        if not one.healthy:
            why.setdefault(one.state or "unhealthy", []).append(one.name)
    if not why:
        return "there is no pod behind it" if not target.endpoints else ""
    said: t.Iterable[str] = (f"{' and '.join(names)} {state}" for state, names in why.items())
    return "; ".join(said) + (f" ({target.outliers}, by {target.origin})" if "ejected" in why and target.origin else "")
