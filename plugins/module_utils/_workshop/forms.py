# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two APIs in which a stage can be applied: Istio's own, and the Kubernetes Gateway API where it can say the same.

A stage keeps its name, title and checks in either; only its resources are others.
"""

from __future__ import annotations

import typing as t

ISTIO = "istio"
GATEWAY = "gateway"
APIS = (ISTIO, GATEWAY)
ROLE = "gateway_api"
"""The role that installs the definitions of the Gateway API."""

Json = dict[str, t.Any]


def form_of(stage: Json, api: str) -> Json | None:
    """A stage of a lab.yml as one of ``APIS`` says it; None where it cannot."""
    if api == ISTIO:
        return stage
    form = stage.get("gateway_api")
    if form is None or "lacks" in form:
        return None
    checks = {step["name"]: step.get("checks", []) for step in stage.get("steps", ())}
    steps = [{**step, "checks": checks.get(step["name"], [])} for step in form.get("steps", ())]
    return {"name": stage["name"], "title": stage["title"], "checks": stage.get("checks", []), **form, "steps": steps}


def lacks_of(stage: Json) -> str:
    """Why a stage of a lab.yml has no form of the Gateway API; empty where it has one, or nothing is said."""
    return str(stage.get("gateway_api", {}).get("lacks", ""))


def states_of(stage: Json) -> t.Iterator[Json]:
    """A stage of a lab.yml and the steps to it, in each of its forms."""
    for form in (stage, stage.get("gateway_api", {})):
        yield form
        yield from form.get("steps", ())
