# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes to the cluster as commands that can be pasted into a shell. They are shown, never run."""

from __future__ import annotations

import json
import shlex
import typing as t

from .._explain.effects.mend import CLEAN, Mend, Patch
from .findings import Json

GROUPS = {"Gateway": "gateways.networking.istio.io"}
"""Kinds of several API groups, of which kubectl may take the other."""


def kubectl(verb: str, kind: str, namespace: str, name: str, *more: str) -> str:
    """A command about one object."""
    place = ["-n", namespace] if namespace else []
    return shlex.join(["kubectl", *place, verb, GROUPS.get(kind, kind.lower()), name, *more])


def deletion(kind: str, namespace: str, name: str) -> str:
    """The command that removes an object."""
    return kubectl("delete", kind, namespace, name)


def application(documents: t.Sequence[Json]) -> str:
    """The command that applies documents."""
    import yaml  # it is there wherever the client is, and only failures need it

    shown = [{**one, "metadata": {k: v for k, v in one["metadata"].items() if k not in CLEAN}} for one in documents]
    text = yaml.safe_dump_all(json.loads(json.dumps(shown)), sort_keys=False, width=120)
    return f"kubectl apply --server-side --force-conflicts -f - <<'END'\n{text}END"


def commands(mend: Mend | None) -> str:
    """The commands that do it; empty where there is nothing to do."""
    if mend is None:
        return ""
    if isinstance(mend, Patch):
        where, operations = mend.origin, json.dumps(list(mend.operations))
        return kubectl("patch", where.kind, where.namespace, where.name, "--type=json", "-p", operations)
    parts = [application(mend.documents)] if mend.documents else []
    return "\n".join([*parts, *(deletion(one.kind, one.namespace, one.name) for one in mend.removes)])
