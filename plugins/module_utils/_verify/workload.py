# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests leave from: a pod of a workload, or our own small pod outside of the mesh.

Into a workload's pod comes one ephemeral container, made once and used by every later check. Its requests pass the
pod's sidecar and carry the workload's identity. It cannot be removed while the pod lives, so it is reported.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from dataclasses import dataclass

from .._apply.ready import refusal_of, remedy_of
from .._istio.pods import has_sidecar, is_serving
from .._kube.errors import ApiError
from .._kube.labels import MANAGED
from .._kube.objects import selector_text
from .._observe.errors import CheckError, NotYet
from .probe.bundle import script

if t.TYPE_CHECKING:
    from .._kube import Client

Json = dict[str, t.Any]

NAME = "mesh-workshop-probe"
"""Name of the container, and of the namespace and pod outside of the mesh."""
USER = 65532
"""Any user but 0 and 1337: the rules of istio-init let everything of user or group 1337 pass the sidecar by."""
IMAGE_VARIABLE = "MESH_WORKSHOP_PROBE_IMAGE"
PUBLIC_IMAGE = "docker.io/library/python:3.13-slim"
OWN_IMAGE = re.compile(r"^mesh-workshop\.local/probe:")
"""The embedded cluster's own image for this; it is on the node already."""
START_SECONDS = 60.0
KILLED = 128
"""Exit codes from here on: a signal ended the program (128 and its number)."""

WAIT = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nwhile True: signal.pause()"
"""The container's own program. As process 1 it must handle SIGTERM, or a pod that is deleted waits for its end."""
BOOT = "import sys;r=sys.stdin.buffer;n=int(r.readline());exec(compile(r.read(n),'probe','exec'))"
"""Reads the script by its length and runs it; the script reads the plan from what follows."""

SECURITY: Json = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class WorkloadError(CheckError):
    """There is no pod from which to ask; the text says why and what to do."""


class WorkloadAway(WorkloadError, NotYet):
    """The workload is there, but no pod of it can be asked from just now: one may be starting or being replaced."""


@dataclass(frozen=True)
class Source:
    """A container in which the probe runs."""

    namespace: str
    pod: str
    container: str
    meshed: bool


def is_ended(pod: t.Mapping[str, t.Any] | None) -> bool:
    """Whether nothing more is to be expected of a pod: it is gone, going, or has ended."""
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return True
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")


def find_pod(client: Client, name: str, namespace: str | None) -> Json:
    """A ready pod of the workload: of the Deployment of that name, else with that ``app`` label."""
    if namespace is None:
        raise WorkloadError(f"A check from {name} needs a namespace: give it to the check or to the module.")
    deployment = client.get("apps/v1", "Deployment", name, namespace)
    if deployment is not None:
        selector = selector_text(deployment["spec"]["selector"].get("matchLabels") or {})
        title = f"Deployment {namespace}/{name}"
    else:
        selector = f"app={name}"
        title = f"The workload {name} in namespace {namespace}"
    pods = client.list("v1", "Pod", namespace, label_selector=selector)
    others = client.list("apps/v1", "Deployment", namespace) if not pods and deployment is None else []
    if not pods and deployment is None and not any(_labelled(one, name) for one in others):
        known = [one["metadata"]["name"] for one in others]
        listed = f"there are {', '.join(sorted(known))}" if known else "there are no Deployments"
        raise WorkloadError(
            f"Namespace {namespace} has neither a Deployment {name} nor pods labelled app={name}: {listed}."
        )
    ready = [pod for pod in pods if is_serving(pod)]
    if not ready:
        makers = [deployment] if deployment is not None else [one for one in others if _labelled(one, name)]
        refused = [f"{why}; {remedy_of(why, one)}" for one in makers if not pods and (why := refusal_of(one))]
        raise WorkloadAway(f"{title} has no ready pod: {(*refused, f'see kubectl -n {namespace} get pods')[0]}.")
    return min(ready, key=lambda pod: (not has_sidecar(pod), str(pod["metadata"]["name"])))


def _labelled(deployment: t.Mapping[str, t.Any], app: str) -> bool:
    """Whether the pods that a Deployment makes have this ``app`` label."""
    labels = deployment["spec"].get("template", {}).get("metadata", {}).get("labels") or {}
    return bool(labels.get("app") == app)


def image_for(client: Client, given: str | None, pod: t.Mapping[str, t.Any] | None = None) -> str:
    """The probe's image: as given, else one of ours that the nodes have already, else a public one.

    Whoever may not see the nodes knows of one image that they have: that of a container of the pod that runs Python.
    """
    chosen = given or os.environ.get(IMAGE_VARIABLE)
    if chosen:
        return chosen
    try:
        nodes: t.Sequence[Json] = client.list("v1", "Node")
    except ApiError:
        nodes = []
        running = [one for one in (pod or {}).get("spec", {}).get("containers") or () if _runs_python(one)]
        if running:
            return str(running[0]["image"])
    present = sorted(
        name
        for node in nodes
        for image in node.get("status", {}).get("images") or []
        for name in image.get("names") or []
        if OWN_IMAGE.match(name) and "@" not in name
    )
    return present[0] if present else PUBLIC_IMAGE


def _runs_python(container: Json) -> bool:
    return bool((container.get("command") or [""])[0] == "python3")


def container_of(name: str, image: str) -> Json:
    """The probe's container, as the restricted pod security profile wants it."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-B", "-c", WAIT],
        "securityContext": SECURITY,
    }


def state_of(pod: t.Mapping[str, t.Any] | None, container: str) -> tuple[str, str]:
    """(running | waiting | terminated | unknown, reason) of the probe's container in a pod."""
    status = (pod or {}).get("status", {})
    for one in [*(status.get("ephemeralContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if one.get("name") == container:
            for word in ("running", "terminated", "waiting"):
                if one.get("state", {}).get(word) is not None:
                    return word, str(one["state"][word].get("reason") or "")
    return "unknown", ""


def existing(pod: t.Mapping[str, t.Any]) -> str | None:
    """Name of a probe container that is there and has not ended."""
    for one in pod["spec"].get("ephemeralContainers") or []:
        if one["name"].startswith(NAME) and state_of(pod, one["name"])[0] != "terminated":
            return str(one["name"])
    return None


def free_name(pod: t.Mapping[str, t.Any]) -> str:
    """A name for one more: ephemeral containers are never restarted nor removed."""
    taken = {one["name"] for one in pod["spec"].get("ephemeralContainers") or []}
    number = 1
    name = NAME
    while name in taken:
        number += 1
        name = f"{NAME}-{number}"
    return name


def enter_workload(client: Client, name: str, namespace: str | None, image: str | None) -> tuple[Source, str]:
    """The probe's container in a pod of the workload, and a sentence if it had to be made."""
    pod = find_pod(client, name, namespace)
    home, title = str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"])
    made = ""
    container = existing(pod)
    if container is None:
        container = free_name(pod)
        entry = container_of(container, image_for(client, image, pod))
        try:
            client.patch(
                "v1",
                "Pod",
                title,
                home,
                {"spec": {"ephemeralContainers": [entry]}},
                content_type="application/strategic-merge-patch+json",
                subresource="ephemeralcontainers",
            )
        except ApiError as error:
            if error.status != 409:
                raise
            pod = find_pod(client, name, namespace)  # another run was faster
            container = existing(pod) or container
        made = f"Ephemeral container {container} created in pod {home}/{title} (it stays as long as the pod)."
    if state_of(pod, container)[0] != "running":
        _await(client, home, title, container)
    return Source(home, title, container, has_sidecar(pod)), made


def enter_outside(client: Client, image: str | None) -> tuple[Source, str]:
    """Our own pod in a namespace without injection, and a sentence if it had to be made."""
    pod = client.get("v1", "Pod", NAME, NAME)
    made = ""
    if pod is None or state_of(pod, NAME)[0] == "terminated":
        if pod is not None:
            client.delete("v1", "Pod", NAME, NAME)
            client.wait("v1", "Pod", NAME, NAME, lambda one: one is None, timeout=START_SECONDS)
        for document in outside(image_for(client, image)):
            client.apply(document)
        made = f"Pod {NAME}/{NAME} created, a client outside of the mesh (mesh.workshop.teardown removes it)."
    if state_of(pod, NAME)[0] != "running":
        _await(client, NAME, NAME, NAME)
    return Source(NAME, NAME, NAME, False), made


def outside(image: str) -> list[Json]:
    """Namespace and pod of the client outside of the mesh."""
    labels = {MANAGED: "true"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAME,
                "labels": {
                    **labels,
                    "istio-injection": "disabled",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": NAME,
                "namespace": NAME,
                "labels": {**labels, "app": NAME, "sidecar.istio.io/inject": "false"},
            },
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "containers": [container_of(NAME, image)],
            },
        },
    ]


def _await(client: Client, namespace: str, pod: str, container: str) -> None:
    """Until the container runs; a reason why it cannot becomes a sentence."""
    seen: dict[str, t.Any] = {}

    def over(one: Json | None) -> bool:
        word, reason = state_of(one, container)
        seen.update(pod=one, reason=reason)
        failed = word == "waiting" and reason not in ("", "ContainerCreating", "PodInitializing")
        return is_ended(one) or failed or word in ("running", "terminated")

    try:
        found = client.wait("v1", "Pod", pod, namespace, over, timeout=START_SECONDS)
    except ApiError as error:
        if error.reason != "Timeout":
            raise
        found = None
    word, reason = state_of(found, container)
    if word != "running" and is_ended(seen["pod"]):
        raise WorkloadAway(f"Pod {namespace}/{pod} went away before its container {container} ran: see its events.")
    if word != "running":
        why = reason or seen.get("reason") or "it did not start in time"
        raise WorkloadError(
            f"The probe's container {container} in pod {namespace}/{pod} does not run ({why}): choose an image that "
            f"the nodes can get and that has python3, with the option probe_image or the variable {IMAGE_VARIABLE}."
        )


def send_plan(client: Client, source: Source, plan: t.Mapping[str, t.Any], timeout: float) -> Json:
    """One exec for a whole plan."""
    code = script()
    stdin = b"%d\n" % len(code) + code + json.dumps(plan).encode() + b"\n"
    command = ["python3", "-B", "-c", BOOT]
    done = client.exec(source.namespace, source.pod, source.container, command, stdin, timeout)
    if done.exit_code >= KILLED:
        raise WorkloadAway(
            f"The probe in pod {source.namespace}/{source.pod} was killed (exit code {done.exit_code}): the pod was "
            "stopped meanwhile, or is short of memory."
        )
    if done.exit_code != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        raise WorkloadError(
            f"The probe in pod {source.namespace}/{source.pod} ended with exit code {done.exit_code} ({last}): "
            f"its image needs python3 3.9 or later."
        )
    return dict(json.loads(done.stdout))
