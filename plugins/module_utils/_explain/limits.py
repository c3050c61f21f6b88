# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits: which descriptor a request makes at a proxy, and which bucket or service counts it.

The meaning is that of Envoy's ``config.route.v3.RateLimit`` (each list of actions makes one descriptor, and none where
one of its actions has nothing to tell; a virtual host's hold where the route has none of its own),
``extensions.filters.http.local_ratelimit.v3`` (the descriptor's bucket, else the filter's own; without
``filter_enabled`` and ``filter_enforced`` no request is limited) and ``extensions.filters.http.ratelimit.v3``.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from .._istio.durations import parse_duration
from .dump import Filter
from .forwarding import UNKNOWN
from .matching import Json, Unknown, header_fault, query_fault
from .request import Request
from .routing import Routed, fraction_of

LOCAL, GLOBAL = "local_ratelimit", "ratelimit"
FILTER = "envoy.filters.http."
Entries = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Limit:
    """What one rate limit filter does with a request."""

    kind: str
    """``local_ratelimit`` (the proxy counts alone) or ``ratelimit`` (it asks a service)."""
    descriptors: tuple[Entries, ...] = ()
    """What the request is counted by."""
    missing: tuple[str, ...] = ()
    """Why a descriptor is not made, or not known."""
    bucket: str = ""
    """How many requests it lets through, such as ``10 per 1 s``; empty where a service decides or nothing limits."""
    share: float = 1.0
    """What part of the requests it limits."""
    unset: tuple[str, ...] = ()
    """The fields by whose absence it limits none."""
    zero: tuple[str, ...] = ()
    """The fields that are there and say 0 %, so it limits none either."""
    service: str = ""
    """The cluster that is asked."""
    domain: str = ""
    refuses_on_failure: bool = False
    """Whether the request is refused where the service does not answer."""
    status: int = 429


@dataclass(frozen=True)
class Caller:
    """What descriptors are made of, besides the request."""

    address: str = ""
    cluster: str = ""
    """The cluster that the route leads to."""


def limits_of(
    filters: t.Sequence[Filter], routes: Json | None, routed: Routed, request: Request, caller: Caller
) -> list[Limit]:
    """What the rate limit filters of a chain do with a request."""
    found = []
    for one in filters:
        if one.type == LOCAL:
            found.append(_local(_most_specific(one, routes, routed), routed, request, caller))
        elif one.type == GLOBAL:
            found.append(_global(one.config, routed, request, caller))
    return [one for one in found if one is not None]


def _most_specific(one: Filter, routes: Json | None, routed: Routed) -> Json:
    """A filter's configuration: the route's, else the virtual host's, else that of all routes, else its own."""
    for place in (routed.route, routed.host, routes):
        for name in (one.name, f"{FILTER}{one.type}"):
            config = ((place or {}).get("typed_per_filter_config") or {}).get(name)
            if config:
                return t.cast(Json, config.get("value") or config)
    return one.config


def _local(config: Json, routed: Routed, request: Request, caller: Caller) -> Limit | None:
    if not config.get("token_bucket") and not config.get("descriptors"):
        return None  # a filter that only routes fill in
    switches = ("filter_enabled", "filter_enforced")
    share = math.prod(_share(config.get(one)) for one in switches)
    unset = tuple(one for one in switches if not config.get(one))
    zero = tuple(one for one in switches if config.get(one) and not _share(config[one]))
    status = _status(config)
    policies = config.get("rate_limits") or _policies(routed, int(config.get("stage") or 0))
    made, missing = _descriptors(policies, request, caller)
    for own in config.get("descriptors") or ():
        wanted = tuple((str(one.get("key", "")), str(one.get("value", ""))) for one in own.get("entries") or ())
        for one in made:
            if _same(wanted, one):
                return Limit(
                    LOCAL,
                    (one,),
                    bucket=_bucket(own.get("token_bucket") or {}),
                    share=share,
                    unset=unset,
                    zero=zero,
                    status=status,
                )
    if not config.get("token_bucket"):
        return Limit(LOCAL, made, tuple(missing), share=0.0, unset=unset, zero=zero, status=status)
    return Limit(LOCAL, (), tuple(missing), _bucket(config["token_bucket"]), share, unset, zero, status=status)


def _same(wanted: Entries, made: Entries) -> bool:
    """Whether a bucket is for a descriptor; an entry without a value is for every value."""
    return len(wanted) == len(made) and all(
        key == other and value in ("", have) for (key, value), (other, have) in zip(wanted, made, strict=True)
    )


def _global(config: Json, routed: Routed, request: Request, caller: Caller) -> Limit | None:
    grpc = (config.get("rate_limit_service") or {}).get("grpc_service") or {}
    made, missing = _descriptors(_policies(routed, int(config.get("stage") or 0)), request, caller)
    service = (grpc.get("envoy_grpc") or {}).get("cluster_name") or (grpc.get("google_grpc") or {}).get("target_uri")
    return Limit(
        GLOBAL,
        made,
        tuple(missing),
        share=1.0 if made else 0.0,
        service=str(service or ""),
        domain=str(config.get("domain") or ""),
        refuses_on_failure=bool(config.get("failure_mode_deny")),
        status=int((config.get("rate_limited_status") or {}).get("code") or 429),
    )


def _share(fraction: Json | None) -> float:
    return fraction_of((fraction or {}).get("default_value"))


def _status(config: Json) -> int:
    code = (config.get("status") or {}).get("code")
    return int(code) if isinstance(code, int) and code >= 400 else 429


def _bucket(bucket: Json) -> str:
    tokens, most = int(bucket.get("tokens_per_fill") or 1), int(bucket.get("max_tokens") or 0)
    every = parse_duration(bucket.get("fill_interval")) or 1.0
    rate = f"{tokens} per {every:g} s"
    return rate if most == tokens else f"{rate}, at most {most} at once"


def _policies(routed: Routed, stage: int) -> list[Json]:
    """The lists of actions that hold for a route."""
    action = (routed.route or {}).get("route") or {}
    own, shared = action.get("rate_limits") or [], (routed.host or {}).get("rate_limits") or []
    found = [*own, *shared] if action.get("include_vh_rate_limits") else own or shared
    return [one for one in found if int(one.get("stage") or 0) == stage]


def _descriptors(policies: t.Sequence[Json], request: Request, caller: Caller) -> tuple[tuple[Entries, ...], list[str]]:
    made, missing = [], []
    for policy in policies:
        entries: list[tuple[str, str]] = []
        try:
            for action in policy.get("actions") or ():
                why = _act(action, request, caller, entries)
                if why:
                    missing.append(why)
                    break
            else:
                if entries:
                    made.append(tuple(entries))
        except Unknown as unknown:
            missing.append(f"{unknown} is not known here")
    return tuple(made), missing


def _act(action: Json, request: Request, caller: Caller, entries: list[tuple[str, str]]) -> str:
    """Add what one action tells; why it tells nothing, where it does not. Raises Unknown."""
    kind = next(iter(sorted(action)), "")
    body = action.get(kind) or {}
    name = str(body.get("descriptor_key") or "")
    if kind == "generic_key":
        entries.append((name or "generic_key", str(body.get("descriptor_value") or "")))
    elif kind in ("request_headers", "query_parameters"):
        part = str(body.get("header_name") or body.get("query_parameter_name") or "")
        called = f"the header {part}" if kind == "request_headers" else f"the query parameter {part}"
        value = request.header(part) if kind == "request_headers" else request.parameters.get(part)
        if value is not None:
            entries.append((name, value))
        elif not body.get("skip_if_absent"):
            return f"{called} is what it counts by, and the request has none"
    elif kind in ("header_value_match", "query_parameter_value_match"):
        fault = _mismatch(body, request)
        if bool(fault) == body.get("expect_match", True):
            return fault or "the request matches what it leaves out"
        default = "header_match" if kind == "header_value_match" else "query_match"
        entries.append((name or default, str(body.get("descriptor_value") or "")))
    elif kind == "remote_address":
        if caller.address in ("", UNKNOWN):
            raise Unknown("the caller's address")
        entries.append(("remote_address", caller.address))
    elif kind == "destination_cluster":
        entries.append(("destination_cluster", caller.cluster))
    elif kind == "extension":
        config = body.get("typed_config") or {}
        raise Unknown(f"what the extension {str(config.get('@type', '')).rpartition('/')[2]} tells")
    else:
        raise Unknown(f"the action {kind}")
    return ""


def _mismatch(body: Json, request: Request) -> str:
    for header in body.get("headers") or ():
        fault = header_fault(header, request)
        if fault:
            return fault
    for parameter in body.get("query_parameters") or ():
        fault = query_fault(parameter, request)
        if fault:
            return fault
    return ""
