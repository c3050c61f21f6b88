# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects: how users without the right to create a namespace get one."""

from __future__ import annotations

import typing as t

from .._kube import ApiError, Client
from .dynamic import created

API_VERSION, KIND = "project.openshift.io/v1", "ProjectRequest"


def may_request(client: Client) -> bool:
    """Whether the cluster makes namespaces on request."""
    return any(resource.kind == KIND for resource in client.resources(API_VERSION))


def request_project(client: Client, name: str, timeout: float) -> None:
    """Ask for a Project, and wait for the namespace of its name. Raises ApiError."""
    created(client, {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}})
    try:
        client.wait("v1", "Namespace", name, None, lambda found: found is not None, timeout=timeout)
    except ApiError as error:
        # Whoever may not watch namespaces has it all the same: OpenShift makes it before it answers.
        if error.status != 403:
            raise


def unmet(namespace: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> list[str]:
    """Labels and annotations that a namespace is to have and has not, each as key=value."""
    found = []
    for field in ("labels", "annotations"):
        live = namespace["metadata"].get(field) or {}
        for key, value in (wanted["metadata"].get(field) or {}).items():
            if live.get(key) != value:
                found.append(f"{key}={value}")
    return found
