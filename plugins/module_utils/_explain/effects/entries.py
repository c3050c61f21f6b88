# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceEntries that lead to nobody.

Source: istio.io, "Service Entry" (``workloadSelector`` selects pods and WorkloadEntries of its own namespace).
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, labels_of, matches, spec_of
from ..mesh import Mesh, origin_for, selector_of
from ..words import labelled
from .finding import Effect


def entries_of_nobody(mesh: Mesh) -> t.Iterator[Effect]:
    """A ServiceEntry whose workloadSelector no pod and no WorkloadEntry of its namespace has."""
    for entry in mesh.of("ServiceEntry"):
        selector, home = selector_of(entry), home_of(entry)
        if not selector or not mesh.known("Pod", home) or not mesh.known("WorkloadEntry", home):
            continue
        inside = [labels_of(pod) for pod in mesh.of("Pod", home)]
        inside += [{**labels_of(one), **(spec_of(one).get("labels") or {})} for one in mesh.of("WorkloadEntry", home)]
        if any(matches(selector, labels) for labels in inside):
            continue
        elsewhere = sorted({home_of(pod) for pod in mesh.of("Pod") if matches(selector, labels_of(pod))})
        tail = f"; pods of namespace {elsewhere[0]} have them" if elsewhere else ""
        origin = origin_for("ServiceEntry", entry)
        yield Effect(
            origin,
            "spec.workloadSelector",
            f"{origin} selects {labelled(selector)}, and no pod in namespace {home} has these labels{tail}.",
            f"Apply it in namespace {elsewhere[0]} instead."
            if len(elsewhere) == 1
            else "Correct its workloadSelector to the labels of the pods.",
            "host",
            host=str(next(iter(spec_of(entry).get("hosts") or ()), "")),
        )
