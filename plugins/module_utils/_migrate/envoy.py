# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters that were written for earlier releases of Envoy: names of filters, and configurations of its API v2.

Source: `source/extensions/filters/*/well_known_names.h` of Envoy 1.13, the last release that had the old names there.
A name may stand for a filter of HTTP and for one of connections (`envoy.ext_authz`), so its place decides.
"""

from __future__ import annotations

import re
import typing as t

from .model import Doc, Map, Place, Refused, Seq, camel, place_of

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
_NETWORK = ("ext_authz", "http_connection_manager", "mongo_proxy", "ratelimit", "redis_proxy", "tcp_proxy")
_LISTENER = ("http_inspector", "original_dst", "original_src", "proxy_protocol", "tls_inspector")
_NAMES: dict[str, dict[str, str]] = {
    "HTTP_FILTER": {
        **{f"envoy.{name}": f"envoy.filters.http.{name}" for name in _HTTP},
        "envoy.rate_limit": "envoy.filters.http.ratelimit",
    },
    "NETWORK_FILTER": {f"envoy.{name}": f"envoy.filters.network.{name}" for name in _NETWORK},
    "LISTENER_FILTER": {f"envoy.listener.{name}": f"envoy.filters.listener.{name}" for name in _LISTENER},
}
"""Today's names of filters, by what a patch applies to."""
_OLD_TYPE = re.compile(r"(?:^|/)envoy\.[a-z0-9_.]+\.v2(?:alpha[0-9]*)?\.")
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
    inside = ("listener", "filterChain", "filter")
    patches = _get(spec, "configPatches")
    for index, patch in enumerate(patches if isinstance(patches, Seq) else []):
        field = f"spec.configPatches[{index}]"
        if not isinstance(patch, Map):
            continue
        for kind, path in (("NETWORK_FILTER", inside), ("HTTP_FILTER", (*inside, "subFilter"))):
            found = _at(patch.get("match"), path)
            if found is not None:
                _name(doc, found, ".".join((field, "match", *path)), kind)
        value = _at(patch.get("patch"), ("value",))
        kind = str(_get(patch, "applyTo"))
        if value is not None and kind in _NAMES:
            _name(doc, value, f"{field}.patch.value", kind)
            if "config" in value:
                raise _outdated(f"{field}.patch.value.config", place_of(value, "config"))
        if value is not None:
            _configuration(value, f"{field}.patch.value")


def _at(value: t.Any, path: tuple[str, ...]) -> Map | None:
    for key in path:
        value = _get(value, key) if isinstance(value, Map) else None
    return value if isinstance(value, Map) else None


def _get(holder: Map, key: str) -> t.Any:
    """A field in either of its spellings."""
    return next((holder[name] for name in holder if name == key or camel(name) == key), None)


def _name(doc: Doc, holder: Map, field: str, kind: str) -> None:
    """Gives a filter today's name.

    :param kind: what a patch of such a filter applies to
    """
    name = holder.get("name")
    place = place_of(holder, "name")
    if name in _GONE:
        raise Refused(f"{field}.name {name}: {_GONE[name]}, so the patch would do nothing.", f"{field}.name", place)
    today = _NAMES[kind].get(str(name))
    if today:
        doc.note(f"The filter {name} is {today} today.", f"{field}.name", place)
        holder["name"] = today


def _configuration(value: t.Any, field: str) -> None:
    """Looks for types of API v2, however deep.

    :raises Refused: if there is one
    """
    if isinstance(value, Seq):
        for index, item in enumerate(value):
            _configuration(item, f"{field}[{index}]")
    for key, item in value.items() if isinstance(value, Map) else ():
        if key in ("@type", "type_url", "typeUrl") and _OLD_TYPE.search(str(item)):
            raise _outdated(f"{field}.{key}", place_of(value, key))
        _configuration(item, f"{field}.{key}")


def _outdated(field: str, place: Place) -> Refused:
    return Refused(
        f"{field} was written for Envoy's API v2, which is gone; write a typed_config of API v3.", field, place
    )
