# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs for unit tests."""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]


def kubeconfig(user: Json | None = None, cluster: Json | None = None, **context: t.Any) -> Json:
    """A kubeconfig with one context, `c`, of cluster `k` and user `u`."""
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", **context}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://192.0.2.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }


def authorization(settings: t.Any) -> str | None:
    """The header that requests get."""
    found = settings.credentials.authorization()
    assert found is None or isinstance(found, str)
    return found
