# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stage makes of a workshop namespace: baseline, less what the stage removes, plus what it adds.

A stage is therefore reached from any state by one apply with pruning, and baseline is the stage with nothing added.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from .._kube.labels import ATTENDEE, BASELINE, LAB, STAGE
from .catalogue import Lab, Stage
from .forms import ISTIO
from .tenancy import Owner

MARKER_NAME = "mesh-workshop"


class Applied(t.NamedTuple):
    """What a marker says is applied."""

    lab: str
    stage: str
    api: str = ISTIO


@dataclasses.dataclass(frozen=True)
class Desired:
    """The documents of one namespace, and the selector of everything that is pruned when it is not among them."""

    documents: list[dict[str, t.Any]]
    prune_selector: dict[str, tuple[str, ...]]


def desired_state(
    *, baseline: Stage, lab: str, stage: Stage | None, namespace: str, owner: Owner | None = None, api: str = ISTIO
) -> Desired:
    """The documents that make ``namespace`` show this stage; ``stage=None`` is baseline.

    ``owner`` says by which names its objects go, by default by the namespace's alone. ``api``, one of ``APIS``, is
    the one whose resources the stage has.
    """
    documents = {_key(item, namespace): _labelled(item, namespace, BASELINE, BASELINE) for item in baseline.resources}
    lab_name, stage_name = BASELINE, BASELINE
    if stage is not None:
        lab_name, stage_name = lab, stage.name
        for item in stage.removes:
            documents.pop(_key(item, namespace), None)
        for item in stage.resources:
            documents[_key(item, namespace)] = _labelled(item, namespace, lab, stage.name)
    marker = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": MARKER_NAME},
        "data": {"lab": lab_name, "stage": stage_name, **({} if stage is None or api == ISTIO else {"api": api})},
    }
    documents[_key(marker, namespace)] = _labelled(marker, namespace, lab_name, stage_name)
    return Desired(documents=list(documents.values()), prune_selector={ATTENDEE: (owner or Owner(namespace)).names})


def lab_identities(lab: Lab, namespace: str) -> frozenset[tuple[str, str, str, str]]:
    """What the stages and steps of a lab apply, in either API: group, kind, namespace and name of each object."""
    return frozenset(_key(item, namespace) for item in lab.documents)


def applied_stage(marker: dict[str, t.Any] | None) -> Applied | None:
    """Lab, stage and API by the marker that is applied with every stage; None where nothing was applied."""
    data = (marker or {}).get("data") or {}
    if not data.get("lab"):
        return None
    return Applied(str(data["lab"]), str(data.get("stage", "")), str(data.get("api", ISTIO)))


def _key(document: dict[str, t.Any], namespace: str) -> tuple[str, str, str, str]:
    metadata = document["metadata"]
    group = document["apiVersion"].rpartition("/")[0]
    return group, document["kind"], metadata.get("namespace", namespace), metadata["name"]


def _labelled(document: dict[str, t.Any], namespace: str, lab: str, stage: str) -> dict[str, t.Any]:
    result = copy.deepcopy(document)
    metadata = result["metadata"]
    metadata.setdefault("namespace", namespace)
    labels = {LAB: lab, STAGE: stage, ATTENDEE: namespace}
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return result
