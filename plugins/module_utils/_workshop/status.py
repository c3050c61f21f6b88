# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a workshop in words: pure functions from live objects to a status and its page."""

from __future__ import annotations

import datetime
import typing as t

from .._apply.ready import refusal_of, remedy_of
from .desired import Applied
from .forms import ISTIO
from .verdict import NONE, Verdict, ago


def ready_of(workload: dict[str, t.Any]) -> tuple[int, int]:
    """Ready and wanted replicas of a Deployment."""
    wanted = workload.get("spec", {}).get("replicas", 1)
    return int(workload.get("status", {}).get("readyReplicas") or 0), int(wanted)


def summary(
    *,
    kubernetes: str,
    nodes: t.Sequence[dict[str, t.Any]] | None,
    control_plane: t.Sequence[dict[str, t.Any]] | None,
    istio_version: str,
    workloads: t.Sequence[dict[str, t.Any]] | None,
    namespace: str,
    gateway: str | None,
    host: str,
    applied: Applied | None,
    drift: t.Sequence[str] = (),
    unseen: t.Sequence[str] = (),
    verdict: Verdict = NONE,
    running: str = "",
) -> dict[str, t.Any]:
    """What is set up and whether it is healthy; ``troubles`` holds one sentence with its remedy per fault.

    ``drift`` are sentences about objects that are missing or not as they were applied: what was proven does not hold
    for what is there then. None stands for what this user may not see, and ``unseen`` names the rights that are missing
    for it. ``running`` says what a run is doing right now.
    """
    troubles = []
    for node in nodes or ():
        conditions = {item["type"]: item["status"] for item in node.get("status", {}).get("conditions", [])}
        if conditions.get("Ready") != "True":
            troubles.append(f"Node {node['metadata']['name']} is not ready: run mesh.workshop.setup again.")
    if control_plane is not None and not control_plane:
        troubles.append("Istio is not installed: run mesh.workshop.setup.")
    for item in [*(control_plane or ()), *(workloads or ())]:
        ready, wanted = ready_of(item)
        if ready < wanted:
            metadata, why = item["metadata"], refusal_of(item)
            said = f"{why}; {remedy_of(why, item)}" if why else "run mesh.workshop.setup to restore it"
            troubles.append(
                f"Deployment {metadata['namespace']}/{metadata['name']} has {ready} of {wanted} replicas ready: {said}."
            )
    if workloads is not None and not workloads:
        troubles.append(f"Bookinfo is not deployed in namespace {namespace}: run mesh.workshop.setup.")
    if gateway == "":
        troubles.append("The gateway has no address: see the Service labelled istio=ingressgateway.")
    troubles += drift
    lab, stage, api = applied or Applied("", "")
    return {
        "kubernetes": kubernetes,
        "istio": istio_version,
        "nodes": len(nodes or ()),
        "namespace": namespace,
        "workloads": {item["metadata"]["name"]: "{}/{}".format(*ready_of(item)) for item in workloads or ()},
        "gateway": gateway or "",
        "host": host,
        "lab": lab,
        "stage": stage,
        "api": api,
        "running": running,
        "verified": "" if drift or running else verdict.verified,
        "failed": verdict.failed,
        "failure": verdict.failure,
        "healthy": not troubles,
        "troubles": troubles,
        "unseen": list(unseen),
    }


def proof(status: dict[str, t.Any], moment: datetime.datetime) -> str:
    """What is known of the applied stage, at this moment, in words."""
    if status["running"]:
        return f"in progress: {status['running']}"
    if status["verified"]:
        return f"{ago(status['verified'], moment)} ({status['verified']})"
    return "; ".join(filter(None, ("no", failure(status, moment))))


def failure(status: t.Mapping[str, t.Any], moment: datetime.datetime) -> str:
    """When and why the last run has failed; empty where it has not."""
    return f"failed {ago(status['failed'], moment)}: {status['failure']}" if status["failure"] else ""


def page(status: dict[str, t.Any], labs: t.Sequence[str], moment: datetime.datetime) -> str:
    """The status for people, a line per fact."""
    applied = f"{status['lab']}, stage {status['stage']}" if status["lab"] else "nothing"
    if status["api"] != ISTIO:
        applied += ", in the Gateway API"
    # Without the right to list them: 0.
    nodes = f", {status['nodes']} node{'' if status['nodes'] == 1 else 's'}" if status["nodes"] else ""
    pods = " ".join(f"{name} {ready}" for name, ready in sorted(status["workloads"].items()))
    lines = [
        f"Kubernetes  {status['kubernetes']}{nodes}",
        f"Istio       {status['istio'] or 'not installed'}",
        f"Bookinfo    {pods or 'not deployed'} (namespace {status['namespace']})",
        f"Gateway     {status['gateway'] or 'no address'}, host {status['host']}",
        f"Applied     {applied}",
        f"Verified    {proof(status, moment)}",
        f"Labs        {', '.join(labs)}",
        f"Health      {'good' if status['healthy'] else 'see below'}",
    ]
    lines += [f"  - {trouble}" for trouble in status["troubles"]]
    if status["unseen"]:
        lines.append(f"Not seen    this user may not {'; '.join(status['unseen'])}")
    return "\n".join(lines)
