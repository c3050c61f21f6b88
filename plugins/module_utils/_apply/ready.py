# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._kube.constraints import CONSTRAINTS, constraint_refusal, constraint_remedy
from .._openshift.routes import refusal_of as route_refusal_of
from .._openshift.routes import remedy_of as route_remedy_of

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Readiness:
    """What a predicate says of an object: ready, or why not, and whether waiting longer is of no use."""

    ready: bool
    why: str = ""
    final: bool = False


READY = Readiness(True)
Predicate = t.Callable[[Json], Readiness]


def _status(obj: Json) -> Json:
    return obj.get("status") or {}


def _condition(obj: Json, kind: str) -> Json:
    for condition in _status(obj).get("conditions") or ():
        if condition.get("type") == kind:
            return dict(condition)
    return {}


def _observed(obj: Json) -> bool:
    return int(_status(obj).get("observedGeneration") or 0) >= int(obj["metadata"].get("generation") or 0)


def refused(message: str) -> str:
    """Why no pod can be created, in words that name what refuses it."""
    return constraint_refusal(message) or message


def refusal_of(workload: Json) -> str:
    """Why the cluster makes no more pods of a workload, as a clause; empty where it does not refuse any."""
    failure = _condition(workload, "ReplicaFailure")
    said = str(failure.get("message") or "") if failure.get("status") == "True" else ""
    return " ".join(refused(said).split()).rstrip(".")


_NOT_SEEN = Readiness(False, "its controller has not looked at it yet")


def deployment(obj: Json) -> Readiness:
    if not _observed(obj):
        return _NOT_SEEN
    # That its progress deadline was exceeded is not a reason to stop waiting: the condition stays from a rollout that
    # failed earlier until the one which mends that has made its first pod.
    status, wanted = _status(obj), obj["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        failure = refusal_of(obj)
        why = f"{updated} of {wanted} pods are of the new version"
        return Readiness(False, f"{why} ({failure})" if failure else why)
    if status.get("replicas", 0) > updated:
        return Readiness(False, f"{status['replicas'] - updated} pods of the old version are still there")
    if available < wanted:
        return Readiness(False, f"{available} of {wanted} pods are available")
    return READY


def stateful_set(obj: Json) -> Readiness:
    if not _observed(obj):
        return _NOT_SEEN
    status, wanted = _status(obj), obj["spec"].get("replicas", 1)
    strategy = obj["spec"].get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if status.get("readyReplicas", 0) < wanted:
        return Readiness(False, f"{status.get('readyReplicas', 0)} of {wanted} pods are ready")
    if strategy.get("type") == "OnDelete":
        return READY
    if status.get("updatedReplicas", 0) < wanted - partition:
        return Readiness(False, f"{status.get('updatedReplicas', 0)} of {wanted - partition} pods are updated")
    return READY


def daemon_set(obj: Json) -> Readiness:
    if not _observed(obj):
        return _NOT_SEEN
    status = _status(obj)
    wanted = status.get("desiredNumberScheduled", 0)
    if (obj["spec"].get("updateStrategy") or {}).get("type") != "OnDelete":
        updated = status.get("updatedNumberScheduled", 0)
        if updated < wanted:
            return Readiness(False, f"{updated} of {wanted} pods are updated")
    if status.get("numberAvailable", 0) < wanted:
        return Readiness(False, f"{status.get('numberAvailable', 0)} of {wanted} pods are available")
    return READY


def replica_set(obj: Json) -> Readiness:
    if not _observed(obj):
        return _NOT_SEEN
    wanted, ready = obj["spec"].get("replicas", 1), _status(obj).get("availableReplicas", 0)
    return READY if ready >= wanted else Readiness(False, f"{ready} of {wanted} pods are available")


def job(obj: Json) -> Readiness:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return Readiness(False, str(failed.get("message") or failed.get("reason") or "it failed"), final=True)
    if _condition(obj, "Complete").get("status") == "True":
        return READY
    return Readiness(False, f"{_status(obj).get('active', 0)} pods of it are still running")


def pod(obj: Json) -> Readiness:
    phase = _status(obj).get("phase")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        return Readiness(False, str(_status(obj).get("message") or "it failed"), final=True)
    if _condition(obj, "Ready").get("status") == "True":
        return READY
    why, final = pod_trouble(obj)
    return Readiness(False, why or f"it is {phase or 'Pending'}", final)


def crd(obj: Json) -> Readiness:
    refused = _condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Readiness(False, str(refused.get("message") or "its names are taken"), final=True)
    if _condition(obj, "Established").get("status") == "True":
        return READY
    return Readiness(False, "it is not established")


def namespace(obj: Json) -> Readiness:
    phase = _status(obj).get("phase")
    return READY if phase == "Active" else Readiness(False, f"it is {phase or 'not there yet'}")


def api_service(obj: Json) -> Readiness:
    available = _condition(obj, "Available")
    if available.get("status") == "True":
        return READY
    return Readiness(False, str(available.get("message") or "it is not available"))


def gateway_class(obj: Json) -> Readiness:
    """GatewayClass: a controller has accepted it."""
    return _conditions(obj, ("Accepted",), absent="no controller has looked at it: none has the name in controllerName")


def gateway(obj: Json) -> Readiness:
    """Gateway: accepted, and the data plane has it; then each listener by its name."""
    name = (obj.get("spec") or {}).get("gatewayClassName")
    absent = f"no controller has looked at it: none serves its GatewayClass {name}"
    verdict = _conditions(obj, ("Accepted", "Programmed"), absent=absent)
    for listener in _status(obj).get("listeners") or ():
        one = _conditions(obj, ("Accepted", "ResolvedRefs", "Programmed"), listener.get("conditions") or ())
        # What is wrong with a listener says more than that the Gateway is not programmed.
        if not one.ready and one.why:
            return Readiness(False, f"listener {listener.get('name')}: {one.why}")
    return verdict


def route(obj: Json) -> Readiness:
    """A route of any protocol: each of its parents has accepted it, and all that it refers to is there."""
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    answers = {
        _parent(answer.get("parentRef") or {}, meta): answer.get("conditions") or ()
        for answer in _status(obj).get("parents") or ()
    }
    for ref in spec.get("parentRefs") or ():
        parent = f"{ref.get('kind', 'Gateway')} {ref['name']}"
        conditions = answers.get(_parent(ref, meta))
        absent = (
            f"no controller has looked at it for its parent {parent}: the parent is missing, or no controller serves it"
        )
        verdict = _conditions(obj, ("Accepted", "ResolvedRefs"), conditions or (), absent=absent)
        if not verdict.ready:
            return Readiness(False, f"{parent}: {verdict.why}" if conditions else verdict.why)
    return READY


def _parent(ref: Json, meta: Json) -> tuple[str, ...]:
    """What a reference to a parent refers to: group, kind, namespace, name, listener and port, with their defaults."""
    group = ref.get("group", "gateway.networking.k8s.io")
    space = ref.get("namespace") or meta.get("namespace") or ""
    place = (ref.get("sectionName") or "", str(ref.get("port") or ""))
    return (group, ref.get("kind", "Gateway"), space, ref["name"], *place)


def _conditions(
    obj: Json, kinds: t.Sequence[str], conditions: t.Iterable[Json] | None = None, *, absent: str = ""
) -> Readiness:
    """Whether all these conditions of the Gateway API hold for the present generation.

    Their meaning: https://gateway-api.sigs.k8s.io/guides/implementers/#standard-status-fields-and-conditions
    """
    generation = int(obj["metadata"].get("generation") or 0)
    given = _status(obj).get("conditions") if conditions is None else conditions
    # Kubernetes fills in what a controller has still to say: "Waiting for controller", of generation 0 or the first.
    found = {one.get("type"): one for one in given or () if one.get("status") != "Unknown"}
    if not found:
        return Readiness(False, absent)
    for kind in kinds:
        one = found.get(kind)
        if one is None:
            continue
        if int(one.get("observedGeneration") or generation) < generation:
            return _NOT_SEEN
        if one["status"] != "True":
            said = str(one.get("message") or "").rstrip(".")
            return Readiness(False, f"not {kind}, {one.get('reason')}" + (f" ({said})" if said else ""))
    return READY


def openshift_route(obj: Json) -> Readiness:
    # Never final: a router looks again when the host becomes free, and writes that by itself.
    why = route_refusal_of(obj)
    return Readiness(False, why) if why else READY


# What ready means, per kind. A kind that is not here is ready as soon as it is
# applied. (Istio's kinds have no status to wait for: see settled.py.)
PREDICATES: dict[tuple[str, str], Predicate] = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "ReplicaSet"): replica_set,
    ("batch", "Job"): job,
    ("", "Pod"): pod,
    ("", "Namespace"): namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): crd,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("gateway.networking.k8s.io", "GatewayClass"): gateway_class,
    ("gateway.networking.k8s.io", "Gateway"): gateway,
    **{("gateway.networking.k8s.io", f"{name}Route"): route for name in ("HTTP", "GRPC", "TLS", "TCP", "UDP")},
    ("route.openshift.io", "Route"): openshift_route,
}

# Kinds that later waves need at once: nothing can be put into them before.
GATES = frozenset((("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")))

# Kinds that stand or fall with their pods.
WORKLOADS = frozenset((("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("apps", "ReplicaSet")))


def predicate_of(api_version: str, kind: str) -> Predicate | None:
    """What ready means for a kind; None where it is ready as soon as it is applied."""
    return PREDICATES.get((api_version.rpartition("/")[0], kind))


# Reasons of a waiting container that no waiting cures.
_FINAL_REASONS = frozenset(("InvalidImageName", "ErrImageNeverPull"))
# Of this one only that it does not exist: a kubelet that has not seen it yet says so in the same reason.
_CONFIG_REASON, _CONFIG_MISSING = "CreateContainerConfigError", "not found"
# Reasons that a pod passes through while it starts normally.
_PASSING_REASONS = frozenset(("ContainerCreating", "PodInitializing", ""))


def pod_trouble(obj: Json) -> tuple[str, bool]:
    """What keeps a pod from running, in words, and whether that is final. Empty while it just starts."""
    status = _status(obj)
    scheduled = _condition(obj, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"unschedulable: {scheduled.get('message') or scheduled.get('reason')}", False
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        waiting = state.get("waiting") or {}
        reason = str(waiting.get("reason") or "")
        name = container.get("name")
        if reason in _PASSING_REASONS:
            ended = state.get("terminated") or {}
            if ended.get("exitCode"):
                why = f"container {name} ended with exit code {ended['exitCode']} ({ended.get('reason')})"
                return why, False
            continue
        text = f"container {name}: {reason}"
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
            text += f", image {container.get('image')}"
        elif reason == "CrashLoopBackOff":
            ended = (container.get("lastState") or {}).get("terminated") or {}
            if ended:
                text += f", last exit code {ended.get('exitCode')} ({ended.get('reason')})"
        elif waiting.get("message"):
            text += f" ({waiting['message']})"
        missing = reason == _CONFIG_REASON and _CONFIG_MISSING in str(waiting.get("message"))
        return text, reason in _FINAL_REASONS or missing
    not_ready = [item["name"] for item in status.get("containerStatuses") or () if not item.get("ready")]
    if status.get("phase") == "Running" and not_ready:
        return f"container {', '.join(not_ready)} runs but its readiness probe does not pass", False
    return "", False


# Reasons of the Gateway API's conditions, and what to do:
# https://gateway-api.sigs.k8s.io/reference/spec/
_GATEWAY_REMEDIES = {
    "BackendNotFound": "create the Service that backendRefs names, or correct its name",
    "InvalidKind": "name a kind that this gateway sends traffic to, mostly a Service",
    "RefNotPermitted": "allow it with a ReferenceGrant in the namespace of what is referred to",
    "NoMatchingParent": "correct sectionName or port to those of a listener of the parent",
    "NoMatchingListenerHostname": "give the route a host that a listener of the Gateway takes",
    "NotAllowedByListeners": "let the listener take routes of this namespace and kind (allowedRoutes)",
    "InvalidCertificateRef": "create the Secret of type kubernetes.io/tls that certificateRefs names",
    "AddressNotAssigned": "look at the Service of the gateway and at what gives it an address",
    "AddressNotUsable": "correct the addresses of the Gateway",
    "no controller has looked at it": "create it or correct the name (kubectl get gatewayclasses,gateways -A)",
}


def remedy_of(trouble: str, workload: Json | None = None) -> str:
    """What to do about it; ``workload`` is what has the trouble, where that is one."""
    if CONSTRAINTS in trouble:
        template = ((workload or {}).get("spec") or {}).get("template") or {}
        if not template:
            return constraint_remedy()
        account = str((template.get("spec") or {}).get("serviceAccountName") or "default")
        return constraint_remedy(account, str(((workload or {}).get("metadata") or {}).get("namespace") or ""))
    if "router" in trouble and "admit" in trouble:
        return route_remedy_of(trouble)
    for reason, remedy in _GATEWAY_REMEDIES.items():
        if reason in trouble:
            return remedy
    if "ImagePull" in trouble or "InvalidImageName" in trouble or "ErrImageNeverPull" in trouble:
        return "correct the image or make it available to the node"
    if "CrashLoopBackOff" in trouble or "exit code" in trouble:
        return "look at the container's log (kubectl logs --previous)"
    if "unschedulable" in trouble:
        return "free or add resources, or lower the pod's requests"
    if "quota" in trouble:
        return "raise the quota or lower what the pods ask for"
    if "CreateContainerConfigError" in trouble:
        return "create the ConfigMap or Secret that it names"
    if "webhook" in trouble:
        return "check that the pods behind the webhook are ready"
    if "readiness" in trouble:
        return "look at the container's log and its readiness probe"
    return "look at its events (kubectl describe)"
