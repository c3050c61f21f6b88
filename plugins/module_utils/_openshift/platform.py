# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which platform a cluster is, by the API groups that it serves."""

from __future__ import annotations

import typing as t

from .._kube import Client

AUTO, KUBERNETES, OPENSHIFT = "auto", "kubernetes", "openshift"
PLATFORMS = (AUTO, KUBERNETES, OPENSHIFT)

# Any cluster may serve one of them, for somebody's operator; OpenShift serves all.
GROUPS = frozenset(("project.openshift.io", "route.openshift.io", "security.openshift.io"))


def platform_of(groups: t.Iterable[str]) -> str:
    """The platform by the names of the API groups."""
    return OPENSHIFT if set(groups) >= GROUPS else KUBERNETES


def find_platform(client: Client, wanted: str = AUTO) -> str:
    """The platform that is wanted, else the one that the cluster is. Raises ApiError."""
    if wanted != AUTO:
        return wanted
    groups = client.request("GET", "/apis").json().get("groups") or ()
    return platform_of(str(group.get("name")) for group in groups)
