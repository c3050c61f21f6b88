# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long proxies keep to themselves what they write, by the settings that they were started with.

A sidecar gets what differs from Istio's defaults as JSON in the variable PROXY_CONFIG (istio.io/api, mesh/v1alpha1,
ProxyConfig). A gateway of Istio's own chart reads the ConfigMap istio instead.
"""

from __future__ import annotations

import json
import typing as t

from .durations import parse_duration
from .pods import SIDECAR, Pod

Json = t.Mapping[str, t.Any]

LOG_FLUSH = 1.0
"""Seconds after which a proxy writes its access log out, unless it is told otherwise (pkg/envoy, proxy.go)."""
SPAN_FLUSH = 5.0
"""Seconds after which Envoy sends its spans to Zipkin, unless this value of its runtime says otherwise:"""
SPAN_FLUSH_KEY = "tracing.zipkin.flush_interval_ms"


def proxy_config(pod: Pod) -> Json:
    """What a pod's proxy is told that differs from the defaults; empty where the pod does not say."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if container.get("name") != SIDECAR:
            continue
        for variable in container.get("env") or ():
            if variable.get("name") == "PROXY_CONFIG":
                try:
                    found = json.loads(variable.get("value") or "{}")
                except ValueError:
                    return {}
                return found if isinstance(found, dict) else {}
    return {}


def default_config(data: t.Any) -> Json:
    """What the ConfigMap istio with this ``data`` tells proxies in general; empty where it says nothing."""
    import yaml  # few checks need it

    try:
        mesh = yaml.safe_load(str((data or {}).get("mesh") or ""))
    except yaml.YAMLError:
        return {}
    found = mesh.get("defaultConfig") if isinstance(mesh, dict) else None
    return found if isinstance(found, dict) else {}


def log_flush(config: Json) -> float:
    """Seconds until a proxy with this configuration has written its access log out."""
    told = parse_duration(config.get("fileFlushInterval"))
    return LOG_FLUSH if told is None else told


def span_flush(config: Json) -> float:
    """Seconds until a proxy with this configuration has sent its spans to Zipkin."""
    values = config.get("runtimeValues")
    told = str(values.get(SPAN_FLUSH_KEY) or "") if isinstance(values, dict) else ""
    return int(told) / 1000 if told.isascii() and told.isdigit() else SPAN_FLUSH
