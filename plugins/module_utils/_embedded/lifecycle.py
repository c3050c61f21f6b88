# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring an embedded cluster up or take it down, or say what that would do; in the form of the module's result."""

from __future__ import annotations

import typing as t
from pathlib import Path

from .build.parts import CACHE_FOLDERS, cache_entries
from .host import files
from .node.cluster import Cluster
from .node.plan import Action

Json = dict[str, t.Any]
# Waiting for something that happens by itself is not a change.
WAITS = frozenset((Action.CONTROL_PLANE.value, Action.READY.value))


def present(cluster: Cluster, check: bool) -> Json:
    """Bring the cluster up; the module's result."""
    cluster.desired.refuse_impossible()
    if check:
        actions = [action.value for action in cluster.todo()]
        return {"changed": bool(actions), "actions": actions, **cluster.facts()}
    outcome = cluster.bring_up()
    changed = bool(set(outcome.actions) - WAITS)
    return {"changed": changed, "actions": outcome.actions, "seconds": outcome.seconds, **cluster.facts()}


def absent(cluster: Cluster, check: bool, purge_cache: bool) -> tuple[Json, list[str]]:
    """Remove the cluster; the module's result and warnings."""
    removed = cluster.teardown.traces() if check else cluster.teardown.remove()
    warnings: list[str] = []
    cache = cluster.layout.cache
    if purge_cache and cache.is_dir():
        others = cluster.teardown.others()
        if others:
            warnings.append(
                f"The cache {cache} stays, because the cluster {others[0]} is on this machine and may run from it."
            )
        else:
            if files.matching(cache, cache_entries()) or not any(cache.iterdir()):
                removed.append(f"cache {cache}")
            if not check:
                purge(cache)
            if not check and cache.exists() and any(cache.iterdir()):
                warnings.append(f"The folder {cache} stays, because it holds files that are not this collection's.")
    return {"changed": bool(removed), "actions": removed}, warnings


def purge(cache: Path) -> None:
    """Remove what was built, but no files that others keep in the same folder."""
    files.remove_entries(cache, cache_entries())
    for folder in CACHE_FOLDERS:
        files.remove_if_empty(cache / folder)
    files.remove_if_empty(cache)
