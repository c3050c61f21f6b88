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

from .._kube.labels import ATTENDEE, LAB, STAGE
from .catalogue import BASELINE, Lab, Stage

MARKER_NAME = "mesh-workshop"


@dataclasses.dataclass(frozen=True)
class Desired:
    """The documents of one namespace, and the selector of everything that is pruned when it is not among them."""

    documents: list[dict[str, t.Any]]
    prune_selector: dict[str, str]


def desired_state(*, baseline: Stage, lab: str, stage: Stage | None, namespace: str, attendee: str) -> Desired:
    """The documents that make ``namespace`` show this stage; ``stage=None`` is baseline."""
    documents = {
        _key(item, namespace): _labelled(item, namespace, attendee, BASELINE, BASELINE) for item in baseline.resources
    }
    lab_name, stage_name = BASELINE, BASELINE
    if stage is not None:
        lab_name, stage_name = lab, stage.name
        for item in stage.removes:
            documents.pop(_key(item, namespace), None)
        for item in stage.resources:
            documents[_key(item, namespace)] = _labelled(item, namespace, attendee, lab, stage.name)
    marker = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": MARKER_NAME},
        "data": {"lab": lab_name, "stage": stage_name},
    }
    documents[_key(marker, namespace)] = _labelled(marker, namespace, attendee, lab_name, stage_name)
    return Desired(documents=list(documents.values()), prune_selector={ATTENDEE: attendee})


def lab_identities(lab: Lab, namespace: str) -> frozenset[tuple[str, str, str, str]]:
    """What the stages and steps of a lab apply: API group, kind, namespace and name of each object."""
    states = (state for stage in lab.stages for state in (stage, *stage.steps))
    return frozenset(_key(item, namespace) for state in states for item in state.resources)


def applied_stage(marker: dict[str, t.Any] | None) -> tuple[str, str] | None:
    """Lab and stage by the marker that is applied with every stage; None where nothing was applied."""
    data = (marker or {}).get("data") or {}
    if not data.get("lab"):
        return None
    return str(data["lab"]), str(data.get("stage", ""))


def _key(document: dict[str, t.Any], namespace: str) -> tuple[str, str, str, str]:
    metadata = document["metadata"]
    group = document["apiVersion"].rpartition("/")[0]
    return group, document["kind"], metadata.get("namespace", namespace), metadata["name"]


def _labelled(document: dict[str, t.Any], namespace: str, attendee: str, lab: str, stage: str) -> dict[str, t.Any]:
    result = copy.deepcopy(document)
    metadata = result["metadata"]
    metadata.setdefault("namespace", namespace)
    labels = {LAB: lab, STAGE: stage, ATTENDEE: attendee}
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return result
