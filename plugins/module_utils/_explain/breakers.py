# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Circuit breakers and outlier detection of a cluster, in words.

Sources: Envoy's ``config.cluster.v3.CircuitBreakers`` and ``OutlierDetection``; istio.io, "DestinationRule"
(``connectionPool``, ``outlierDetection``). istiod writes 4294967295 where no limit is set.
"""

from __future__ import annotations

from .._istio.durations import parse_duration
from .matching import Json

NO_LIMIT = 2**32 - 1
THRESHOLDS = (
    ("max_connections", "connections"),
    ("max_pending_requests", "waiting requests"),
    ("max_requests", "requests"),
)
ENVOY_DEFAULT = 1024
REASONS = (
    ("consecutive_5xx", "errors (5xx) in a row"),
    ("consecutive_gateway_failure", "gateway errors (502, 503, 504) in a row"),
    ("consecutive_local_origin_failure", "failed connections in a row"),
)


def breaker_of(cluster: Json) -> str:
    """What the circuit breaker lets through at once; empty where nothing is limited on purpose."""
    found = []
    for one in (cluster.get("circuit_breakers") or {}).get("thresholds") or ():
        if one.get("priority", "DEFAULT") != "DEFAULT":
            continue
        for name, word in THRESHOLDS:
            value = one.get(name)
            if value is not None and int(value) not in (NO_LIMIT, ENVOY_DEFAULT):
                found.append(f"{int(value)} {word if int(value) != 1 else word[:-1]}")
    most = requests_per_connection(cluster)
    tail = f"{'; ' if found else ''}a connection is used for {most} request{'s' if most > 1 else ''}" if most else ""
    return (f"at most {' and '.join(found)} at once" if found else "") + tail


def requests_per_connection(cluster: Json) -> int:
    """After how many requests a connection is closed; 0 where it is kept."""
    found = int(cluster.get("max_requests_per_connection") or 0)
    for options in (cluster.get("typed_extension_protocol_options") or {}).values():
        found = found or int(
            (options.get("common_http_protocol_options") or {}).get("max_requests_per_connection") or 0
        )
    return found


def outliers_of(cluster: Json) -> str:
    """When a pod is ejected; empty where none is."""
    rules = cluster.get("outlier_detection")
    if not rules:
        return ""
    found = [
        f"{int(rules[name])} {word}"
        for name, word in REASONS
        if rules.get(name) and rules.get(f"enforcing_{name}", 100) != 0
    ]
    if not found:
        return ""
    seconds = parse_duration(rules.get("base_ejection_time")) or 30.0
    most = int(rules.get("max_ejection_percent") or 10)
    return f"a pod is ejected for {seconds:g} s after {' or '.join(found)}, at most {most} % of the pods"
