# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrong worlds of a lab.yml in the Gateway API: what the mutation of a check is there."""

from __future__ import annotations

import copy
from pathlib import Path

from oracle.stages import BASELINE, states

PLACES = {
    ("faults", "abort_grpc"): ("EnvoyFilter", "health"),
    ("resilience", "retries"): ("HTTPRoute", "workload"),
    ("resilience", "timeout"): ("HTTPRoute", "reviews"),
    ("tls", "mutual_gateway"): ("Secret", "workshop-bookinfo"),
    ("traffic_shifting", "red_black"): ("HTTPRoute", "reviews"),
}
"""Of each stage with a form and a mutation, the object that the mutation is about."""


def definitions():
    """The folder with the definitions of the Gateway API's standard channel that were built last.

    Those of the experimental channel have the same names.
    """
    folders = Path("/var/cache/mesh-workshop/bin").glob("gateway-api-standard-*")
    return max(folders, key=lambda one: one.stat().st_mtime)


def forms_of(labs):
    """The stages that have a form of the Gateway API, as pairs of lab and stage."""
    return [
        (lab, stage["name"])
        for lab, content in labs.items()
        for stage in content["stages"]
        if "lacks" not in stage.get("gateway_api", {"lacks": ""})
    ]


def form_of(stage):
    """A stage of a lab.yml, with what it removes, adds and goes through in the Gateway API."""
    return {"name": stage["name"], **stage["gateway_api"]}


def distinct_forms(labs):
    """The stages whose form of the Gateway API leads to what no stage in Istio's, and no form before it, leads to."""
    home = labs[BASELINE[0]]
    seen = [states(stage, home)[-1] for content in labs.values() for stage in content["stages"]]
    found = []
    for lab, name in forms_of(labs):
        (stage,) = (one for one in labs[lab]["stages"] if one["name"] == name)
        wanted = states(form_of(stage), home)
        if wanted[-1] not in seen or len(wanted) > 1:
            found.append((lab, name))
            seen.append(wanted[-1])
    return found


def mutated(lab, stage):
    """The resources of a stage's form in the world in which the checks with a mutation fail, and these checks."""
    kind, name = PLACES[lab, stage["name"]]
    checks = [check for check in stage["checks"] if isinstance(check.get("fails_in"), dict)]
    resources = []
    for one in copy.deepcopy(stage["gateway_api"]["resources"]):
        if (one["kind"], one["metadata"]["name"]) == (kind, name):
            if kind == "EnvoyFilter":
                continue
            if kind == "Secret":
                (one,) = checks[0]["fails_in"]["mutation"]["resources"]
            for rule in one.get("spec", {}).get("rules", ()):
                if not [rule.pop(key) for key in ("timeouts", "retry") if key in rule]:
                    rule["backendRefs"] = [{"name": "reviews-v4", "port": 9080}]
        resources.append(one)
    return resources, checks
