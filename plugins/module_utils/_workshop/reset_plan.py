# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to go and what has to be put back so that a workshop namespace is at baseline again.

Pure functions: from what the cluster holds and what baseline says to a plan. Nothing is remembered between runs, so a
reset that was interrupted is finished by the next one.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from .._apply.fields import differences
from .._apply.kinds import WORKLOAD_KINDS
from .._istio.pods import has_sidecar
from .._kube.labels import ATTENDEE, MANAGED
from .._kube.objects import first_few

Json = dict[str, t.Any]
Identity = tuple[str, str, str, str]

ANNOTATION_HOST = "mesh.workshop/host"

# Every kind of these groups is configuration of the mesh.
MESH_GROUPS = ("istio.io", "gateway.networking.k8s.io", "gateway.networking.x-k8s.io")
ROUTES = "route.openshift.io"
# Roles, role bindings, quotas and limits are not among them: they are how a platform runs the namespace, and the
# attendee's own rights may hang on them.
CLEARED_KINDS: tuple[tuple[str, str], ...] = (
    *WORKLOAD_KINDS,
    ("v1", "ReplicationController"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)

# What a cluster puts into every namespace by itself: Kubernetes, Istio and OpenShift.
_OWN_CONFIG_MAPS = frozenset(
    ("kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl", "openshift-service-ca.crt", "config-service-cabundle")
)
_OWN_ACCOUNTS = frozenset(("default", "builder", "deployer", "pipeline"))
_TOKEN_TYPES = frozenset(("kubernetes.io/service-account-token", "kubernetes.io/dockercfg"))
_ACCOUNT_OF_TOKEN = ("kubernetes.io/service-account.name", "openshift.io/internal-registry-auth-token.service-account")

_PROBE = "mesh-workshop-probe"
_INJECT = "sidecar.istio.io/inject"
# Labels of a namespace that decide about the mesh; all the others are the platform's.
_MESH_LABELS = ("istio-injection", "istio.io/", "topology.istio.io/")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a reset does, before it does it."""

    remove: list[Json]
    """Objects that are not baseline's, and those of baseline's that cannot be changed back in place."""
    take_over: list[tuple[Json, list[str]]]
    """Objects of baseline's that others wrote to, and who had written."""
    apply: list[Json]
    """The documents of baseline."""


def change_refusal(name: str, namespace: Json | None) -> str:
    """Why no lab may be applied in this namespace, nor anything reset; empty where it may."""
    if namespace is None:
        return f"Namespace {name} does not exist: run mesh.workshop.setup first, or name another namespace."
    if (namespace["metadata"].get("labels") or {}).get(MANAGED) != "true":
        return (
            f'Namespace {name} is not the workshop\'s (it lacks the label {MANAGED}: "true"), so nothing in it '
            "was touched: name the workshop's namespace."
        )
    return ""


def identity(obj: Json) -> Identity:
    """The same for two API versions of one object."""
    meta = obj["metadata"]
    return obj["apiVersion"].rpartition("/")[0], obj["kind"], meta.get("namespace") or "", meta["name"]


def is_mesh_group(group: str) -> bool:
    """Whether every kind of an API group configures the mesh."""
    return any(group == one or group.endswith("." + one) for one in MESH_GROUPS)


def plan_reset(
    *, documents: t.Sequence[Json], found: t.Sequence[Json], elsewhere: t.Sequence[Json], manager: str
) -> Plan:
    """The plan from baseline's documents, what lies in the namespace, and what is ours in other places."""
    wanted = {identity(document): document for document in documents}
    accounts = {document["metadata"]["name"] for document in documents if document["kind"] == "ServiceAccount"}
    remove: list[Json] = []
    take_over: list[tuple[Json, list[str]]] = []
    seen: set[Identity] = set()
    for obj in [*found, *elsewhere]:
        key = identity(obj)
        if key in seen:
            continue
        seen.add(key)
        document = wanted.get(key)
        if document is None:
            if goes(obj, accounts):
                remove.append(obj)
        elif must_be_made_anew(obj, document):
            remove.append(obj)
        else:
            _fields, managers = owners_afterwards(obj, manager)
            if managers:
                take_over.append((obj, managers))
    remove = [obj for obj in remove if not obj["metadata"].get("deletionTimestamp")]
    return Plan(remove=remove, take_over=take_over, apply=list(documents))


def removals(objects: t.Sequence[Json]) -> list[tuple[list[Json], bool]]:
    """Objects that go, in the order in which they go, and whether to wait until they are gone.

    An extra pod is not waited for: one on its way out gets no requests any more. Nor is a namespace, which takes long.
    """

    def is_slow(obj: Json) -> bool:
        # Until a pod that its workload replaces is gone, that workload still looks ready.
        return obj["kind"] == "Namespace" or (obj["kind"] == "Pod" and not is_controlled(obj))

    slow = [obj for obj in objects if is_slow(obj)]
    rest = [obj for obj in objects if not is_slow(obj)]
    return [(group, wait) for group, wait in ((slow, False), (rest, True)) if group]


def written_by_others(
    documents: t.Sequence[Json], found: t.Sequence[Json], manager: str
) -> list[tuple[Json, list[str]]]:
    """Those of the objects found that are a document's and that others wrote to, and who had written."""
    wanted = {identity(document) for document in documents}
    ours = [obj for obj in found if identity(obj) in wanted and not obj["metadata"].get("deletionTimestamp")]
    writers = [(obj, owners_afterwards(obj, manager)[1]) for obj in ours]
    return [(obj, managers) for obj, managers in writers if managers]


def with_writers(results: t.Sequence[Json], written: t.Sequence[tuple[Json, list[str]]]) -> list[Json]:
    """The reports of an apply: what others wrote to has changed, and says who they were."""
    writers = {identity(obj): managers for obj, managers in written}
    marked = []
    for one in results:
        key = (one["api_version"].rpartition("/")[0], one["kind"], one["namespace"], one["name"])
        if key in writers and one["action"] in ("unchanged", "changed"):
            one = {**one, "action": "changed", "written_by": writers[key]}
        marked.append(one)
    return marked


def beside(
    found: t.Sequence[Json], documents: t.Sequence[Json], namespace: str, names: t.Collection[str]
) -> list[Json]:
    """Configuration of the mesh in the namespace that no apply of a stage changes or prunes: somebody's own.

    ``names`` are those that the namespace's owner goes by.
    """
    wanted = {identity(document) for document in documents}
    return [
        obj
        for obj in found
        if is_mesh_group(identity(obj)[0])
        and obj["metadata"].get("namespace") == namespace
        and identity(obj) not in wanted
        and (obj["metadata"].get("labels") or {}).get(ATTENDEE) not in names
        and not is_controlled(obj)
        and not is_clusters_own(obj)
    ]


def beside_sentence(objects: t.Sequence[Json], namespace: str) -> str:
    """What lies beside a stage, and what to do about it; empty where nothing does."""
    if not objects:
        return ""
    names = sorted(f"{obj['kind']} {obj['metadata']['name']}" for obj in objects)
    return (
        f"Namespace {namespace} has configuration of the mesh that no lab has applied: {first_few(names)}. It stays "
        f"and may change what the stage shows: mesh.workshop.reset removes it, and the label {MANAGED}=true keeps it."
    )


def outside(objects: t.Sequence[Json], namespace: str, namespaces: t.Sequence[Json]) -> list[Json]:
    """Those objects that lie neither in this workshop namespace nor in that of somebody else."""
    others = {
        one["metadata"]["name"]
        for one in namespaces
        if (one["metadata"].get("labels") or {}).get(MANAGED) == "true"
        and ANNOTATION_HOST in (one["metadata"].get("annotations") or {})
    }
    return [
        obj
        for obj in objects
        if obj["metadata"].get("namespace") != namespace
        and obj["metadata"].get("namespace") not in others
        and not (obj["kind"] == "Namespace" and obj["metadata"]["name"] in {namespace, *others})
    ]


def touched_services(
    services: t.Sequence[Json], found: t.Sequence[Json], namespaces: t.Sequence[Json], manager: str
) -> list[Json]:
    """Those services that are installed, and whose objects are not all there as their role has installed them."""
    installed = {one["metadata"]["name"] for one in namespaces if not one["metadata"].get("deletionTimestamp")}
    touched = []
    for service in services:
        if service["namespace"] in installed:
            objects = {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in objects_of(service, found)}
            if set(service["objects"]) != set(objects) or any(is_written(obj, manager) for obj in objects.values()):
                touched.append(service)
    return touched


def objects_of(service: Json, found: t.Sequence[Json]) -> list[Json]:
    """The objects of a service among those found."""
    return [
        obj
        for obj in found
        if obj["metadata"].get("namespace") == service["namespace"]
        and f"{obj['kind']}/{obj['metadata']['name']}" in service["objects"]
    ]


def is_written(obj: Json, manager: str) -> bool:
    """Whether others have written to an object, or scaled it."""
    return bool(owners_afterwards(obj, manager)[1]) or any(
        entry.get("subresource") == "scale" for entry in obj["metadata"].get("managedFields") or ()
    )


def goes(obj: Json, accounts: t.Collection[str]) -> bool:
    """Whether an object that is not baseline's is removed."""
    if is_controlled(obj):
        return obj["kind"] == "Pod" and is_touched(obj)
    return not is_clusters_own(obj, accounts)


def is_controlled(obj: Json) -> bool:
    """Whether a controller made it for another object, with which it goes."""
    return any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences") or ())


def is_clusters_own(obj: Json, accounts: t.Collection[str] = ()) -> bool:
    """Whether the cluster and not a person or a lab put it there, or a label says that it is the workshop's.

    ``accounts`` are baseline's own: some clusters make Secrets with tokens for every ServiceAccount.
    """
    meta, kind = obj["metadata"], obj["kind"]
    if (meta.get("labels") or {}).get(MANAGED) == "true":
        return True
    if kind == "ConfigMap":
        return meta["name"] in _OWN_CONFIG_MAPS
    if kind == "ServiceAccount":
        return meta["name"] in _OWN_ACCOUNTS
    if kind == "Secret" and obj.get("type") in _TOKEN_TYPES:
        annotations = meta.get("annotations") or {}
        return any(annotations.get(name) in {*_OWN_ACCOUNTS, *accounts} for name in _ACCOUNT_OF_TOKEN)
    return False


def is_touched(pod: Json) -> bool:
    """Whether a pod is no longer as its workload makes it: written to by hand, a container added, no sidecar."""
    meta, spec = pod["metadata"], pod.get("spec") or {}
    if any(not one["name"].startswith(_PROBE) for one in spec.get("ephemeralContainers") or ()):
        return True
    if (meta.get("labels") or {}).get(_INJECT) == "true" and not has_sidecar(pod):
        return True
    return any(
        not entry.get("subresource") and not str(entry.get("manager", "")).startswith("kube-")
        for entry in meta.get("managedFields") or ()
    )


def must_be_made_anew(live: Json, document: Json) -> bool:
    """Whether fields differ that the API server never changes in place."""
    spec, wanted = live.get("spec") or {}, document.get("spec") or {}
    if document["kind"] == "Deployment":
        return bool(spec.get("selector") != wanted.get("selector"))
    if document["kind"] == "Service":
        return bool((spec.get("clusterIP") == "None") != (wanted.get("clusterIP") == "None"))
    if document["kind"] == "Secret":
        return bool(live.get("type") != document.get("type", "Opaque") or live.get("immutable"))
    return document["kind"] == "ConfigMap" and bool(live.get("immutable"))


def owners_afterwards(obj: Json, manager: str) -> tuple[list[Json], list[str]]:
    """The field owners of an object once what others wrote is ours, and who they were (none: nothing to do).

    Server-side apply takes away only fields that are the applier's own and missing from what is applied. So what was
    added by hand (a variable, a label, a container) first becomes ours, then the apply of baseline drops it.
    """
    entries: list[Json] = obj["metadata"].get("managedFields") or []
    if obj["kind"] == "Namespace":
        return [], []
    ours = [one for one in entries if one.get("manager") == manager and one.get("operation") == "Apply"]
    rest = [one for one in entries if one.get("subresource")]
    others = [one for one in entries if one not in ours and one not in rest]
    if not others:
        return [], []
    merged: Json = {}
    for one in [*ours, *others]:
        merged = _merged(merged, one.get("fieldsV1") or {})
    entry = {**(ours or others)[0], "manager": manager, "operation": "Apply", "fieldsV1": merged}
    return [entry, *rest], sorted({str(one.get("manager") or "unknown") for one in others})


def _merged(one: Json, two: Json) -> Json:
    result = copy.deepcopy(one)
    for key, value in two.items():
        result[key] = _merged(result.get(key) or {}, value)
    return result


def labels_to_drop(home: Json, documents: t.Sequence[Json]) -> list[str]:
    """Labels of the namespace that decide about the mesh and are not baseline's.

    Without a document of the namespace nothing says which labels baseline's are, so all stay.
    """
    meta = home["metadata"]
    own = [one["metadata"].get("labels") or {} for one in documents if one["metadata"]["name"] == meta["name"]]
    if not own:
        return []
    return sorted(key for key in meta.get("labels") or {} if key.startswith(_MESH_LABELS) and key not in own[0])


def is_as_wanted(home: Json, documents: t.Sequence[Json]) -> bool:
    """Whether the namespace has all labels and annotations of its document, which is the only one of its kind."""
    meta = home["metadata"]
    return all(
        document["metadata"]["name"] == meta["name"]
        and not differences(document["metadata"].get(field) or {}, meta.get(field) or {})
        for document in documents
        for field in ("labels", "annotations")
    )


def changes_of_home(home: Json, documents: t.Sequence[Json]) -> tuple[list[Json], list[str]]:
    """Which of baseline's documents have to be written to the namespace itself, and the labels that it loses.

    An attendee may not write to the namespace, and mostly nobody has to.
    """
    homes = [document for document in documents if document["kind"] == "Namespace"]
    labels = labels_to_drop(home, homes)
    return homes if labels or not is_as_wanted(home, homes) else [], labels


def with_dropped(results: t.Sequence[Json], labels: t.Sequence[str]) -> list[Json]:
    """The reports of an apply of the namespace: the labels that it loses besides are a change."""
    return [
        {**one, "action": "changed", "labels_dropped": list(labels)}
        if labels and one["kind"] == "Namespace" and one["action"] in ("unchanged", "changed")
        else one
        for one in results
    ]


def with_installers(results: t.Sequence[Json], services: t.Mapping[str, t.Sequence[Json]]) -> list[Json]:
    """The reports of a removal: what roles have installed says which role installs it anew."""
    roles = {identity(obj): role for role, objects in services.items() for obj in objects}
    keys = [(one["api_version"].rpartition("/")[0], one["kind"], one["namespace"], one["name"]) for one in results]
    return [
        {**one, "installed_by": roles[key]} if key in roles else one for one, key in zip(results, keys, strict=True)
    ]


def listing(results: t.Sequence[Json], *, check: bool) -> str:
    """What was done or would be, a line per object."""
    words = {
        "deleted": ("would remove", "removed"),
        "changed": ("would restore", "restored"),
        "created": ("would create", "created"),
        "failed": ("failed", "failed"),
        "not_applied": ("not done", "not done"),
    }
    lines = []
    for one in results:
        if one["action"] in words:
            place = f"{one['namespace']}/{one['name']}" if one["namespace"] else one["name"]
            who = f" (written to by {', '.join(one['written_by'])})" if one.get("written_by") else ""
            who += f" (without {', '.join(one['labels_dropped'])})" if one.get("labels_dropped") else ""
            who += f" (the role {one['installed_by']} installs it anew)" if one.get("installed_by") else ""
            lines.append(f"{words[one['action']][0 if check else 1]:<14}{one['kind']} {place}{who}")
    return "\n".join(lines) or "Nothing to do: there is nothing to take away and nothing to put back."
