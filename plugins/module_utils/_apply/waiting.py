# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._kube import ApiError, Client, Ref
from .ready import WORKLOADS, Predicate, Readiness, pod_trouble, predicate_of, refused, remedy_of
from .ready import pod as pod_ready

Json = dict[str, t.Any]

# How often the pods of a workload that is not ready are looked at for a reason that is final.
_LOOK = 3.0
_MOST_WATCHES = 32
# The Deployment controller counts the versions of a Deployment in it (k8s.io/kubectl, deployment/util).
_REVISION = "deployment.kubernetes.io/revision"


@dataclass
class Pending:
    """An object that is waited for, what it is waited for, and what it looked like last."""

    ref: Ref
    predicate: Predicate
    last: Json | None = None


def pending_of(ref: Ref, obj: Json | None) -> Pending | None:
    """What has to be waited for; None if the kind has no such state or the object is in it already."""
    predicate = predicate_of(ref.api_version, ref.kind)
    if predicate is None or (obj is not None and predicate(obj).ready):
        return None
    return Pending(ref, predicate, obj)


def wait_ready(client: Client, pending: t.Sequence[Pending], deadline: float) -> dict[Ref, str]:
    """Wait for all of them side by side, one watch per kind and namespace. Returns why, for those that fail."""
    groups: dict[tuple[str, str, str], list[Pending]] = {}
    for item in pending:
        groups.setdefault((item.ref.api_version, item.ref.kind, item.ref.namespace), []).append(item)
    if not groups:
        return {}
    stop = threading.Event()
    with ThreadPoolExecutor(min(len(groups), _MOST_WATCHES)) as pool:
        work = [pool.submit(_wait_group, client, items, deadline, stop) for items in groups.values()]
        failed: dict[Ref, str] = {}
        for future in work:
            failed.update(future.result())
    return failed


def _wait_group(client: Client, items: list[Pending], deadline: float, stop: threading.Event) -> dict[Ref, str]:
    first = items[0].ref
    workload = (first.group, first.kind) in WORKLOADS
    waiting = {(item.ref.namespace, item.ref.name): item for item in items}
    failed: dict[Ref, str] = {}
    looked_at = time.monotonic()
    try:
        states = client.track(
            first.api_version,
            first.kind,
            namespace=first.namespace or None,
            field_selector=f"metadata.name={first.name}" if len(items) == 1 else None,
            timeout=max(0.0, deadline - time.monotonic()),
            tick=_LOOK,
        )
        for known in states:
            look = workload and time.monotonic() - looked_at >= _LOOK
            for key, item in list(waiting.items()):
                obj = known.get(key)
                if obj is None:
                    item.last = None
                    continue
                item.last = obj
                verdict = item.predicate(obj)
                if not verdict.ready and not verdict.final and look:
                    verdict = _look_at_pods(client, obj, verdict)
                if verdict.ready:
                    del waiting[key]
                elif verdict.final:
                    failed[item.ref] = _explain(client, item, verdict, "cannot become ready")
                    del waiting[key]
            if look:
                looked_at = time.monotonic()
            if failed:
                stop.set()  # the batch has failed: the others need not be waited for to their end
            if not waiting or stop.is_set():
                break
    except ApiError as exc:
        return {**failed, **{item.ref: exc.sentence() for item in waiting.values()}}
    if stop.is_set():
        return failed
    for item in waiting.values():
        verdict = item.predicate(item.last) if item.last else Readiness(False, "it is not there any more")
        failed[item.ref] = _explain(client, item, verdict, "is not ready within the time given")
    return failed


def _look_at_pods(client: Client, obj: Json, verdict: Readiness) -> Readiness:
    for pod in wanted_pods(client, obj):
        _trouble, final = pod_trouble(pod)
        if final:
            return Readiness(False, verdict.why, final=True)
    return verdict


def pods_of(client: Client, obj: Json) -> list[Json]:
    """The pods of a workload, the newest first; those that are going away are left out."""
    selector = (obj.get("spec") or {}).get("selector") or {}
    labels = ",".join(f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items())
    try:
        pods = client.list("v1", "Pod", obj["metadata"].get("namespace"), label_selector=labels) if labels else []
    except ApiError:  # no right to read pods: then the workload's own status has to do
        return []
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return sorted(alive, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)


def wanted_pods(client: Client, obj: Json) -> list[Json]:
    """The pods of a workload's wanted version: those of the version before are not the cause."""
    pods = pods_of(client, obj)
    label, value = _mark_of(client, obj)
    if not value:
        return pods
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(label) == value]


def _mark_of(client: Client, obj: Json) -> tuple[str, str]:
    """The label by which a controller marks the pods of the wanted version; no value where that is not known."""
    meta, kind = obj["metadata"], obj.get("kind")
    if kind == "Deployment":
        return "pod-template-hash", _hash_of(client, obj)
    if kind == "StatefulSet":
        return "controller-revision-hash", str((obj.get("status") or {}).get("updateRevision") or "")
    if kind == "DaemonSet":
        generation = (meta.get("annotations") or {}).get("deprecated.daemonset.template.generation")
        return "pod-template-generation", str(generation or "")
    return "", ""


def _hash_of(client: Client, obj: Json) -> str:
    """The hash of a Deployment's newest ReplicaSet: the one with the Deployment's own revision."""
    meta = obj["metadata"]
    revision = (meta.get("annotations") or {}).get(_REVISION)
    try:
        sets = client.list("apps/v1", "ReplicaSet", meta.get("namespace")) if revision else []
    except ApiError:  # no right to read them
        return ""
    for one in sets:
        theirs = one["metadata"]
        owners = [owner.get("uid") for owner in theirs.get("ownerReferences") or ()]
        if meta.get("uid") in owners and (theirs.get("annotations") or {}).get(_REVISION) == revision:
            return str((theirs.get("labels") or {}).get("pod-template-hash") or "")
    return ""


def _creation_failure(client: Client, obj: Json) -> str:
    """Why no pod could even be created: the newest FailedCreate event of the workload or its ReplicaSets."""
    meta = obj["metadata"]
    try:
        events = client.list("v1", "Event", meta.get("namespace"), field_selector="reason=FailedCreate")
    except ApiError:
        return ""
    names = (meta["name"], meta["name"] + "-")
    ours = [
        event
        for event in events
        if event["involvedObject"].get("name") == names[0]
        or str(event["involvedObject"].get("name")).startswith(names[1])
    ]
    ours.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return refused(str(ours[-1].get("message") or "")) if ours else ""


def _explain(client: Client, item: Pending, verdict: Readiness, what: str) -> str:
    """One sentence: object, cause, remedy; for a workload the cause is the pod's."""
    why = verdict.why
    if item.last is not None and (item.ref.group, item.ref.kind) in WORKLOADS:
        pods = wanted_pods(client, item.last)
        troubles = [(pod["metadata"]["name"], pod_trouble(pod)[0]) for pod in pods]
        named = next(((name, trouble) for name, trouble in troubles if trouble), None)
        if named is not None:
            why = f"pod {named[0]} is {named[1]}" if named[1].startswith("unsch") else f"pod {named[0]}, {named[1]}"
        elif "(" not in why:
            failure = _creation_failure(client, item.last)
            starting = next((pod["metadata"]["name"] for pod in pods if not pod_ready(pod).ready), None)
            if failure:
                why = f"{why} ({failure})"
            elif starting:
                why = f"pod {starting} is still starting, {why}"
    why = " ".join(why.split()).rstrip(".")
    return f"{item.ref} {what}: {why}; {remedy_of(why, item.last)}."


def wait_gone(client: Client, refs: t.Sequence[tuple[Ref, str]], deadline: float) -> dict[Ref, str]:
    """Wait until the objects (each with the uid it had) are gone. Returns why, for those that stay."""
    groups: dict[tuple[str, str, str], list[tuple[Ref, str]]] = {}
    for ref, uid in refs:
        groups.setdefault((ref.api_version, ref.kind, ref.namespace), []).append((ref, uid))
    if not groups:
        return {}
    with ThreadPoolExecutor(min(len(groups), _MOST_WATCHES)) as pool:
        left: dict[Ref, str] = {}
        for result in pool.map(lambda items: _wait_group_gone(client, items, deadline), groups.values()):
            left.update(result)
    return left


def _wait_group_gone(client: Client, items: list[tuple[Ref, str]], deadline: float) -> dict[Ref, str]:
    first = items[0][0]
    there: dict[Ref, Json] = {}
    try:
        for known in client.track(
            first.api_version,
            first.kind,
            namespace=first.namespace or None,
            field_selector=f"metadata.name={first.name}" if len(items) == 1 else None,
            timeout=max(0.0, deadline - time.monotonic()),
        ):
            there = {}
            for ref, uid in items:
                obj = known.get((ref.namespace, ref.name))
                if obj is not None and obj["metadata"].get("uid") == uid:
                    there[ref] = obj
            if not there:
                return {}
    except ApiError as exc:
        if exc.status == 404:  # the kind itself is gone, and its objects with it
            return {}
        return {ref: exc.sentence() for ref, _uid in items}
    result = {}
    for ref, obj in there.items():
        finalizers = ", ".join(obj["metadata"].get("finalizers") or (obj.get("spec") or {}).get("finalizers") or ())
        why = f"it waits for {finalizers}" if finalizers else "the API server still lists it"
        result[ref] = f"{ref} is not gone within the time given: {why}; see what holds it (kubectl describe)."
    return result
