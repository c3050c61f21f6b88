# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which API groups a cluster has."""

from __future__ import annotations

from .._kube import ApiError, Client
from .._kube.names import quoted


def has_group(client: Client, group: str) -> bool:
    """Whether the cluster serves anything of an API group, in whatever version; "" is that of Kubernetes' core.

    Raises ApiError where the API server cannot be asked.
    """
    if not group:
        return True
    try:
        client.request("GET", f"/apis/{quoted(group)}")
    except ApiError as exc:
        if exc.status == 404:
            return False
        raise exc.about(f"discovery of {group}") from None
    return True
