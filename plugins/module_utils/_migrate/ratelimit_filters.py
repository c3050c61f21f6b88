# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters that have a workload's requests counted, by the rate limit service or by each proxy."""

from __future__ import annotations

import itertools
import re

from .expressions import Test
from .facts import Service
from .fields import in_seconds
from .limits import UNLIMITED, Limit, Quota, first_limit
from .model import Doc, Json, Options, Refused
from .ratelimit_entries import OTHERS, Entry, action_of, conditions_of

_API = "networking.istio.io/v1alpha3"
# After filters that set nothing; istioctl analyze wants one to be set.
_PRIORITY = 10


def emit_filter(doc: Doc, service: Service, limits: list[Json], options: Options) -> None:
    ask = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {
                "name": "envoy.filters.http.ratelimit",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
                    "domain": options.ratelimit_domain,
                    "failure_mode_deny": True,
                    "timeout": "5s",
                    "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                    "rate_limit_service": {
                        "transport_api_version": "V3",
                        "grpc_service": {
                            "envoy_grpc": {
                                "cluster_name": f"outbound|{options.ratelimit_port}||{options.ratelimit_host}",
                                "authority": options.ratelimit_host,
                            }
                        },
                    },
                },
            },
        },
    }
    send = {
        "applyTo": "VIRTUAL_HOST",
        "match": {"context": "SIDECAR_INBOUND"},
        "patch": {"operation": "MERGE", "value": {"rate_limits": limits}},
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [ask, send]}
    doc.emit(_API, "EnvoyFilter", f"quota-{service.name}", service.namespace, spec)


def _before_router() -> Json:
    return {
        "context": "SIDECAR_INBOUND",
        "listener": {
            "filterChain": {
                "filter": {
                    "name": "envoy.filters.network.http_connection_manager",
                    "subFilter": {"name": "envoy.filters.http.router"},
                }
            }
        },
    }


def _bucket(limit: Limit, charge: int) -> Json:
    if limit.seconds < 0.05:
        raise Refused("a local limit is filled every 50 ms at most.", "validDuration", limit.place)
    tokens = limit.amount // charge
    if not tokens:
        raise Refused(
            "Envoy does not take a local limit of 0; deny with an AuthorizationPolicy.", "maxAmount", limit.place
        )
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": in_seconds(limit.seconds)}


def emit_local(quota: Quota, service: Service, entries: list[Entry], tests: list[Test]) -> None:
    dynamic = [entry for entry in entries if entry.expression and entry.named]
    constants = {entry.key: entry.constant for entry in entries if not entry.expression}
    descriptors = []
    seen: list[Json] = []
    conditions = conditions_of(quota, tests)
    for chosen in itertools.product(*([*entry.named, None] for entry in dynamic)):
        values: dict[str, str | None] = dict(constants)
        values |= {entry.key: value for entry, value in zip(dynamic, chosen, strict=True)}
        limit, _field = first_limit(quota, values)
        listed: list[Json] = [{"key": f"match-{number}", "value": "true"} for number in range(len(conditions))]
        listed += [{"key": e.key, "value": v or OTHERS} for e, v in zip(dynamic, chosen, strict=True)]
        if listed:
            descriptors.append({"entries": listed, "token_bucket": _bucket(limit, quota.charge)})
        seen.append(_bucket(limit, quota.charge))
    base = {"max_tokens": UNLIMITED, "tokens_per_fill": UNLIMITED, "fill_interval": "1s"}
    config: Json = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "quota_" + re.sub(r"[^a-z0-9_]", "_", quota.short.lower()),
        "token_bucket": base if descriptors else seen[0],
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }
    if descriptors:
        config["descriptors"] = descriptors
        config["rate_limits"] = [{"actions": [*conditions, *(action_of(entry, coarse=True) for entry in dynamic)]}]
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": "envoy.filters.http.local_ratelimit", "typed_config": config},
        },
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [patch]}
    quota.part.doc.emit(_API, "EnvoyFilter", f"quota-{quota.short.lower()}-{service.name}", service.namespace, spec)
