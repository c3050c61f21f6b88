# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Istio's and Kubernetes' objects say, one at a time, and how they are put into a sentence."""

from __future__ import annotations

import typing as t

from .._explain.mesh import host_holds
from .._istio.patterns import PatternError, is_match
from .._kube.objects import first_few, labels_of
from .findings import Json


def qualified(one: Json) -> str:
    """``namespace/name`` of an object."""
    meta = one["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def host_matches(pattern: str, host: str) -> bool:
    """Whether a host of a Gateway or VirtualService (``*``, ``*.example.com``, ``ns/host``) covers a name."""
    return host_holds(pattern.rpartition("/")[2].lower(), host.lower())


def short(host: str) -> str:
    """``reviews`` of ``reviews.bookinfo.svc.cluster.local``."""
    return host.split(".")[0]


def namespace_of(host: str, default: str) -> str:
    parts = host.split(".")
    return parts[1] if len(parts) > 1 else default


def listed(names: list[str]) -> str:
    """Names in a sentence, the first few."""
    return first_few(sorted(set(names)))


def uri_matches(match: t.Mapping[str, t.Any], path: str) -> bool:
    """Whether a StringMatch of a route covers a path."""
    if not match:
        return True
    if "exact" in match:
        return bool(path == match["exact"])
    if "prefix" in match:
        return path.startswith(str(match["prefix"]))
    if "regex" in match:
        try:
            return is_match(str(match["regex"]), path)
        except PatternError:
            return True
    return True


def is_of(pod: Json, workload: str) -> bool:
    """Whether a pod is of a workload, by its ``app`` label or the name of its Deployment or StatefulSet."""
    name, labels = str(pod["metadata"]["name"]), labels_of(pod)
    template = str(labels.get("pod-template-hash") or "")
    owner = name.rpartition(f"-{template}-")[0] if template else name.rpartition("-")[0]
    return workload in (labels.get("app"), owner)


def is_strict(policy: Json) -> bool:
    """Whether a PeerAuthentication demands mTLS."""
    return (policy.get("spec", {}).get("mtls") or {}).get("mode") == "STRICT"
