# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters that were written for earlier releases of Envoy: names of filters, and configurations without types."""

from __future__ import annotations

import typing as t

from .model import Doc, Map, Refused, Seq, camel, place_of

_HTTP = (
    "buffer",
    "cors",
    "csrf",
    "ext_authz",
    "fault",
    "grpc_http1_bridge",
    "grpc_json_transcoder",
    "grpc_web",
    "health_check",
    "ip_tagging",
    "lua",
    "router",
)
_NETWORK = ("http_connection_manager", "mongo_proxy", "ratelimit", "redis_proxy", "tcp_proxy")
NAMES = {
    **{f"envoy.{name}": f"envoy.filters.http.{name}" for name in _HTTP},
    **{f"envoy.{name}": f"envoy.filters.network.{name}" for name in _NETWORK},
    "envoy.rate_limit": "envoy.filters.http.ratelimit",
    **{
        f"envoy.listener.{name}": f"envoy.filters.listener.{name}"
        for name in ("http_inspector", "original_dst", "original_src", "proxy_protocol", "tls_inspector")
    },
}
_GONE = {
    "mixer": "Mixer is gone, and its filter with it",
    "istio_authn": "Istio's filter for authentication is gone",
    "jwt-auth": "Istio's filter for tokens is envoy.filters.http.jwt_authn today, with another configuration",
    "envoy.gzip": "envoy.filters.http.compressor took its place, with another configuration",
}


def convert_patches(doc: Doc, spec: Map) -> None:
    """Brings names of filters to today's.

    :raises Refused: if a patch looks for a filter that is gone, or has a configuration of Envoy's API v2
    """
    patches = _get(spec, "configPatches")
    for index, patch in enumerate(patches if isinstance(patches, Seq) else []):
        field = f"spec.configPatches[{index}]"
        if not isinstance(patch, Map):
            continue
        for path in (("listener", "filterChain", "filter"), ("listener", "filterChain", "filter", "subFilter")):
            found = _at(patch.get("match"), path)
            if found is not None:
                _name(doc, found, ".".join((field, "match", *path)))
        value = _at(patch.get("patch"), ("value",))
        if value is not None and _get(patch, "applyTo") in ("HTTP_FILTER", "NETWORK_FILTER", "LISTENER_FILTER"):
            _name(doc, value, f"{field}.patch.value")
            _configuration(value, f"{field}.patch.value")


def _at(value: t.Any, path: tuple[str, ...]) -> Map | None:
    for key in path:
        value = _get(value, key) if isinstance(value, Map) else None
    return value if isinstance(value, Map) else None


def _get(holder: Map, key: str) -> t.Any:
    """A field in either of its spellings."""
    return next((holder[name] for name in holder if name == key or camel(name) == key), None)


def _name(doc: Doc, holder: Map, field: str) -> None:
    name = holder.get("name")
    place = place_of(holder, "name")
    if name in _GONE:
        raise Refused(f"{field}.name {name}: {_GONE[name]}, so the patch would do nothing.", f"{field}.name", place)
    if name in NAMES:
        doc.note(f"The filter {name} is {NAMES[name]} today.", f"{field}.name", place)
        holder["name"] = NAMES[name]


def _configuration(value: Map, field: str) -> None:
    typed = value.get("typed_config", value.get("typedConfig"))
    kind = str(typed.get("@type") or "") if isinstance(typed, Map) else ""
    old = kind.rpartition("/")[2].startswith(("envoy.config.filter.", "envoy.api.v2."))
    if "config" in value or old:
        key = "typed_config" if old else "config"
        raise Refused(
            f"{field}.{key} was written for Envoy's API v2, which is gone; write a typed_config of API v3.",
            f"{field}.{key}",
            place_of(value, key),
        )
