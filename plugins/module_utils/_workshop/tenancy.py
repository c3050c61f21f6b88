# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a namespace may become the workshop's, whose reset removes all that is not Bookinfo's: pure."""

from __future__ import annotations

import typing as t

from .._istio.control_plane import ISTIO_NAMESPACE
from .._kube.labels import MANAGED
from .reset_plan import is_clusters_own

Json = dict[str, t.Any]

_SHOWN = 3


def is_reserved(name: str) -> bool:
    """Whether a namespace is the cluster's or Istio's, whatever its labels say."""
    return name in ("default", ISTIO_NAMESPACE) or name.startswith("kube-")


def is_free(namespace: Json | None) -> bool:
    """Whether nobody has to look into a namespace: it is the workshop's, or not there yet."""
    return namespace is None or (namespace["metadata"].get("labels") or {}).get(MANAGED) == "true"


def refusal(name: str, namespace: Json | None, held: t.Sequence[Json]) -> str:
    """Why a namespace, which holds these objects, may not become the workshop's; empty where it may."""
    why = f"Namespace {name} cannot be the workshop's, whose reset removes what is in it: "
    if is_reserved(name):
        return f"{why}it is the cluster's own or Istio's; name another one with bookinfo_namespace."
    theirs = sorted(f"{one['kind']} {one['metadata']['name']}" for one in held if not is_clusters_own(one))
    if is_free(namespace) or not theirs:
        return ""
    shown = ", ".join(theirs[:_SHOWN]) + (f" and {len(theirs) - _SHOWN} more" if len(theirs) > _SHOWN else "")
    return (
        f"{why}it was there before and holds {shown}; name another one with bookinfo_namespace, or, if all of that "
        f"may go, label it {MANAGED}=true yourself."
    )
