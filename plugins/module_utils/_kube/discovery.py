# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass

from .errors import ApiError, InvalidName
from .names import api_version_fault, name_fault, namespace_fault, quoted


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of all objects of the kind, of those in a namespace, of one object, or of a part of it.

        Raises InvalidName for what no object and no namespace can be called, so that nothing but the object that is
        named is ever asked for; and every segment is percent-encoded.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            _refuse(namespace_fault(namespace))
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            _refuse(name_fault(self.group, self.kind, name))
            parts.append(name)
        if subresource:
            parts += subresource.split("/")
        return "".join(f"/{quoted(part)}" for part in parts)


PODS = Resource("", "v1", "Pod", "pods", namespaced=True)
SERVICES = Resource("", "v1", "Service", "services", namespaced=True)


def service_proxy_path(namespace: str, service: str, port: int) -> str:
    """Where the API server passes requests on to a Service's port that speaks HTTP. Raises InvalidName."""
    _refuse(name_fault("", "Service", service))
    return f"{SERVICES.path(namespace)}/{quoted(f'http:{service}:{port}')}/proxy"


def _refuse(fault: str) -> None:
    if fault:
        raise InvalidName(fault)


def group_path(api_version: str) -> str:
    """Where the API server lists the kinds of one group and version. Raises InvalidName."""
    _refuse(api_version_fault(api_version))
    parts = ["apis", *api_version.split("/")] if "/" in api_version else ["api", api_version]
    return "".join(f"/{quoted(part)}" for part in parts)


class Discovery:
    """What the API server serves, asked once per group and version that is needed, never all of them."""

    def __init__(self, fetch: t.Callable[[str], dict[str, t.Any]]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Resource]] = {}

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource of a kind. A kind that was not there is asked for again: its CRD may have come since."""
        known = self._known.get(api_version, {})
        if kind not in known:
            with self._lock:
                known = self._known.get(api_version, {})
                if kind not in known:
                    known = self._load(api_version)
                    self._known[api_version] = known
        if kind not in known:
            raise unknown_kind(api_version, kind)
        return known[kind]

    def kinds(self, api_version: str) -> list[Resource]:
        with self._lock:
            if api_version not in self._known:
                self._known[api_version] = self._load(api_version)
            return list(self._known[api_version].values())

    def forget(self) -> None:
        with self._lock:
            self._known.clear()

    def _load(self, api_version: str) -> dict[str, Resource]:
        group, _slash, version = api_version.rpartition("/")
        try:
            listed = self._fetch(group_path(api_version))
        except ApiError as exc:
            if exc.status == 404:
                return {}
            exc.about(f"discovery of {api_version}")
            raise
        found = (_resource(group, version, item) for item in listed.get("resources") or ())
        return {resource.kind: resource for resource in found if resource is not None}


def _resource(group: str, version: str, item: t.Any) -> Resource | None:
    """One entry of an APIResourceList; None for subresources, and for anything that is not an entry."""
    if not isinstance(item, dict):
        return None
    kind, plural = item.get("kind"), item.get("name")
    if not isinstance(kind, str) or not isinstance(plural, str) or not plural or "/" in plural:
        return None
    return Resource(group, version, kind, plural, bool(item.get("namespaced")))


def unknown_kind(api_version: str, kind: str) -> ApiError:
    text = f"this cluster does not serve the kind {kind} of {api_version}; "
    if api_version.split("/")[0].endswith(".istio.io"):
        text += "install Istio first, or correct apiVersion and kind."
    else:
        text += "install its CustomResourceDefinition first, or correct apiVersion and kind."
    return ApiError(404, "UnknownKind", text)
