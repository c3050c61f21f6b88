# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reset and a stage read in the cluster, and how they take over what others wrote.

The pure functions of ``reset_plan`` decide what is to do; the runner applies and removes.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._apply.prune import Selector, label_selector, owned_kinds
from .._kube import FIELD_MANAGER, ApiError, Client
from .._kube.labels import MANAGED
from . import reset_plan
from .desired import MARKER_NAME
from .tenancy import Owner, owner_of

Json = dict[str, t.Any]
THREADS = 8
# Each is one read and one write, some milliseconds; a rollout writes a status every 100 ms or so.
ATTEMPTS = 20


class LiveNamespace:
    """A workshop namespace as it is."""

    def __init__(self, client: Client, pool: ThreadPoolExecutor) -> None:
        self.client = client
        self.pool = pool

    def kinds(self) -> list[tuple[str, str]]:
        """Every kind that a reset clears and the cluster serves."""
        groups = self.client.request("GET", "/apis").json()["groups"]
        versions = [
            version["groupVersion"]
            for group in groups
            if reset_plan.is_mesh_group(group["name"]) or group["name"] == reset_plan.ROUTES
            # A kind is listed in the preferred version where that has it.
            for version in sorted(group["versions"], key=lambda one: one != group["preferredVersion"])
        ]
        core = {api_version for api_version, _kind in reset_plan.CLEARED_KINDS}
        served = dict(zip([*versions, *core], self.pool.map(self.client.resources, [*versions, *core]), strict=True))
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for version in versions:
            for one in served[version]:
                if one.namespaced:
                    found.setdefault((one.group, one.kind), (version, one.kind))
        present = {(version, one.kind) for version in core for one in served[version]}
        return [*found.values(), *(kind for kind in reset_plan.CLEARED_KINDS if kind in present)]

    def everything(self, kinds: t.Sequence[tuple[str, str]], namespace: str | None, selector: str | None) -> list[Json]:
        """All objects of these kinds, in one namespace or with these labels."""
        return self._listed([(version, kind, namespace, selector) for version, kind in kinds])

    def owned(self, kinds: t.Sequence[tuple[str, str]], selector: str, owner: Owner) -> list[Json]:
        """All objects of these kinds with these labels, as far as this user may look, at least at home."""
        home = owner.namespace

        def listed(one: tuple[str, str]) -> list[Json]:
            if owner.everywhere:
                try:
                    return self.client.list(*one, None, selector)
                except ApiError as error:
                    if error.status != 403:
                        raise
            return [] if one[1] == "Namespace" else self.client.list(*one, home, selector)

        return [obj for objects in self.pool.map(listed, kinds) for obj in objects]

    def namespaces(self) -> list[Json]:
        """The workshop namespaces; none for a user who may not list, and so may not read, them."""
        try:
            return self.client.list("v1", "Namespace", label_selector=f"{MANAGED}=true")
        except ApiError as error:
            if error.status != 403:
                raise
            return []

    def owner(self, namespace: str, marker: Json | None) -> Owner:
        """Whose the objects of this namespace are; others are asked only where its marker has another name."""
        if owner_of(namespace, marker, None, ()).former:
            others = self.namespaces()
            homes = [one["metadata"]["name"] for one in others]
            found = self.pool.map(lambda home: self.client.get("v1", "ConfigMap", MARKER_NAME, home), homes)
            return owner_of(namespace, marker, [one for one in found if one] if others else None, others)
        return Owner(namespace)

    def around(self, documents: t.Sequence[Json], namespace: str, selector: Selector) -> list[Json]:
        """What a stage meets: all configuration of the mesh in its namespace, and what is there of its other documents.

        One request per kind and namespace, and only for kinds that pruning lists as well.
        """
        kinds = {(version.rpartition("/")[0], kind): version for version, kind in owned_kinds(self.client)}
        mesh = [
            (group, kind)
            for (group, kind), version in kinds.items()
            if reset_plan.is_mesh_group(group) and self.client.resource(version, kind).namespaced
        ]
        wanted: list[tuple[str, str, str | None, str | None]] = [(kinds[key], key[1], namespace, None) for key in mesh]
        places = {reset_plan.identity(document)[:3] for document in documents}
        wanted += [
            (kinds[group, kind], kind, place, label_selector(selector))
            for group, kind, place in sorted(places)
            if (group, kind) in kinds and not (place == namespace and (group, kind) in mesh)
        ]
        return self._listed(wanted)

    def _listed(self, wanted: t.Sequence[tuple[str, str, str | None, str | None]]) -> list[Json]:
        lists = self.pool.map(lambda one: self.client.list(one[0], one[1], one[2], one[3]), wanted)
        return [obj for objects in lists for obj in objects]

    def take_over(self, obj: Json) -> None:
        """Make what others wrote to an object ours, so that the next apply drops it.

        The resource version is sent along, so nobody's write is lost. Between our reading and our writing a controller
        may write the object's status, as a rollout does several times a second: then its owners are read again.
        Raises ApiError where that never comes to an end.
        """
        for attempt in range(1, ATTEMPTS + 1):
            fields, managers = reset_plan.owners_afterwards(obj, FIELD_MANAGER)
            if not managers:
                return
            meta = obj["metadata"]
            where = (obj["apiVersion"], obj["kind"], meta["name"], meta.get("namespace"))
            body = [
                {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
                {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            ]
            try:
                self.client.patch(*where, body, content_type="application/json-patch+json")
                return
            except ApiError as error:
                if error.status == 404:
                    return  # deleted meanwhile: the apply makes it anew
                if error.status != 409 or attempt == ATTEMPTS:
                    raise
            fresh = self.client.get(*where)
            if fresh is None:
                return
            obj = fresh

    def drop_labels(self, namespace: str, labels: t.Sequence[str]) -> None:
        """Take these labels of the namespace away."""
        if labels:
            self.client.patch("v1", "Namespace", namespace, None, {"metadata": {"labels": dict.fromkeys(labels)}})
