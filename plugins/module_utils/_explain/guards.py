# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy decides about a request itself, at a gateway as before a callee: tokens, policies, rate limits.

What a filter does that is not followed here is not known; it is named and walked around.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from .._kube.objects import spec_of
from .access import Access, Call, judge_access
from .dump import Filter
from .journey import Target
from .limits import Caller, limits_of
from .mesh import Mesh, holds_for, origin_for
from .origin import Origin, plugin_of
from .routing import Routed
from .tokens import judge_token

Json = t.Mapping[str, t.Any]
LOST_PLUGIN = "wasm-default-deny"
# What these do is followed here, or they change no answer.
FOLLOWED = frozenset(
    (
        *("router", "fault", "cors", "rbac", "jwt_authn", "local_ratelimit", "ratelimit", "grpc_stats", "grpc_web"),
        *("alpn", "peer_metadata", "stats", "metadata_exchange", "istio_authn", "set_filter_state", "compressor"),
    )
)
# Of the filters of a connection, those that are followed or change no answer, each by the end of its name.
FOLLOWED_BY_CONNECTION = frozenset(
    (
        *("http_connection_manager", "tcp_proxy", "rbac", "metadata_exchange", "stats", "set_filter_state"),
        *("mongo_proxy", "mysql_proxy", "postgres_proxy"),
    )
)


def guarded(
    mesh: Mesh,
    pod: Json,
    filters: t.Sequence[Filter],
    routes: Json,
    routed: Routed,
    call: Call,
    targets: t.Sequence[Target] = (),
) -> dict[str, t.Any]:
    """What tokens, policies and rate limits at a proxy say of a call."""
    token = judge_token([one.config for one in filters if one.type == "jwt_authn"], call.request, time.time())
    rules = [(one.config["rules"], one) for one in filters if one.type == "rbac" and "rules" in one.config]
    request = token.request or call.request
    call = replace(call, request=request, token=token.token)
    # An ALLOW filter without a policy denies all; Envoy's dump leaves out what is empty.
    access = [judge_access(one, call) for one, _filter in rules if one]
    access += [Access("ALLOW", (), _lost_plugin(own)) for one, own in rules if one == {}]
    caller = Caller(call.peer.client or call.peer.address, targets[0].cluster if targets else "")
    limits = limits_of(filters, routes, routed, request, caller)
    return {
        "token": token,
        "access": tuple(access),
        "limits": tuple(limits),
        "limiters": tuple(_limiters(mesh, pod)) if limits else (),
    }


def _lost_plugin(one: Filter) -> Origin | None:
    """The WasmPlugin that a filter denies all for: so Istio's agent does where it cannot load one that has to be there.

    istio.io/istio, pkg/wasm: the filter of its place has a name for its counters by which it can be told.
    """
    return plugin_of(one.name) if one.config.get("rules_stat_prefix") == LOST_PLUGIN else None


def _limiters(mesh: Mesh, pod: Json) -> t.Iterator[Origin]:
    """The EnvoyFilters for a pod that speak of rate limits; a proxy's configuration does not name them."""
    for one in mesh.of("EnvoyFilter"):
        if holds_for(one, pod) and any(word in str(spec_of(one)) for word in ("rate_limit", "ratelimit")):
            yield origin_for("EnvoyFilter", one)


def strange_filters(filters: t.Iterable[Filter]) -> tuple[str, ...]:
    return tuple(f"{one.name} ({one.type})" for one in filters if one.type.lower() not in FOLLOWED)


def strange_to_connections(chain: Json) -> tuple[str, ...]:
    """Filters of the connection itself whose doing is not known here."""
    names = [str(one.get("name", "")) for one in chain.get("filters") or ()]
    return tuple(one for one in names if one.rpartition(".")[2] not in FOLLOWED_BY_CONNECTION)
