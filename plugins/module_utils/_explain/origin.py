# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Istio resource a piece of a proxy's configuration comes from."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

Json = t.Mapping[str, t.Any]

# istiod writes these names into metadata in the form of a path with the kind in kebab case
# (istio.io/istio, pilot/pkg/networking/util: BuildConfigInfoMetadata).
_CONFIG = re.compile(r"/apis/(?P<group>[^/]+)/[^/]+/namespaces/(?P<namespace>[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)$")
# istio.io/istio, pilot/pkg/security/authz/builder: policyName.
_POLICY = re.compile(r"^ns\[(?P<namespace>[^\]]*)\]-policy\[(?P<name>[^\]]*)\]-rule\[(?P<rule>\d+)\]$")


@dataclass(frozen=True, order=True)
class Origin:
    """A resource by its names."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def origin_of(part: Json | None) -> Origin | None:
    """The resource that a route, a cluster or a listener names in its metadata."""
    names = ((part or {}).get("metadata") or {}).get("filter_metadata") or {}
    found = _CONFIG.search(str((names.get("istio") or {}).get("config") or ""))
    if not found:
        return None
    kind = "".join(word.capitalize() for word in found["kind"].split("-"))
    return Origin(kind, found["namespace"], found["name"])


def policy_of(name: str) -> tuple[Origin, int] | None:
    """The AuthorizationPolicy of an RBAC policy's name, and the number of its rule, from 1."""
    found = _POLICY.match(name)
    if not found:
        return None
    return Origin("AuthorizationPolicy", found["namespace"], found["name"]), int(found["rule"]) + 1


def service_of(cluster: Json) -> tuple[str, str] | None:
    """Name and namespace of the Service that a cluster leads to."""
    names = ((cluster.get("metadata") or {}).get("filter_metadata") or {}).get("istio") or {}
    for one in names.get("services") or ():
        return str(one.get("name", "")), str(one.get("namespace", ""))
    return None
