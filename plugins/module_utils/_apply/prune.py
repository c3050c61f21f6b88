# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from .._kube import ApiError, Client, InvalidName, Json, Ref, label_value_fault, ref_of
from .._kube.labels import ATTENDEE, LAB, STAGE
from .kinds import WORKLOAD_KINDS

# A label that is there (None), has a value, or has one of several.
Selector: t.TypeAlias = "t.Mapping[str, str | tuple[str, ...] | None]"

# What a lab may leave behind. Namespaces are never pruned: with them goes everything that others have put there.
ISTIO_VERSIONS = (
    "networking.istio.io/v1",
    "networking.istio.io/v1alpha3",
    "security.istio.io/v1",
    "telemetry.istio.io/v1",
    "extensions.istio.io/v1alpha1",
)
# The Gateway API, where its definitions are, and OpenShift's way into the cluster, where that is one.
DISCOVERED_VERSIONS = (*ISTIO_VERSIONS, "gateway.networking.k8s.io/v1", "route.openshift.io/v1")
PRUNED_KINDS: tuple[tuple[str, str], ...] = (
    *WORKLOAD_KINDS,
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)
OWNERSHIP = (LAB, STAGE, ATTENDEE)


def label_selector(selector: Selector) -> str:
    """The selector as the API takes it. Raises InvalidName for a value that would make it another one."""
    terms = []
    for key, value in sorted(selector.items()):
        values = _values(value)
        for one in values:
            fault = label_value_fault(one)
            if fault:
                raise InvalidName(f"{key}: {fault}")
        terms.append(f"{key} in ({','.join(values)})" if len(values) > 1 else f"{key}={values[0]}" if values else key)
    return ",".join(terms)


def _values(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


def carries(obj: Json, selector: Selector) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(key in labels and (value is None or labels[key] in _values(value)) for key, value in selector.items())


def owned_kinds(client: Client) -> list[tuple[str, str]]:
    """Every kind that this collection applies and that the cluster serves, each once."""
    kinds: dict[tuple[str, str], tuple[str, str]] = {}
    for api_version in DISCOVERED_VERSIONS:
        for resource in client.resources(api_version):
            kinds.setdefault((resource.group, resource.kind), (api_version, resource.kind))
    return [*kinds.values(), *PRUNED_KINDS]


def find_owned(
    client: Client,
    selector: Selector,
    *,
    namespaces: t.Sequence[str] = (),
    run: t.Callable[..., t.Iterable[t.Any]] = map,
) -> list[Json]:
    """The objects that carry the labels, over all kinds; those that a controller made for another are left out."""
    if not selector or not all(key in OWNERSHIP for key in selector):
        raise ValueError("objects are selected by the collection's own labels only")
    text = label_selector(selector)

    def listed(item: tuple[str, str]) -> list[Json]:
        api_version, kind = item
        try:
            return client.list(api_version, kind, None, label_selector=text)
        except ApiError as exc:
            if exc.reason == "UnknownKind" or exc.status == 404:
                return []
            if exc.status != 403 or not namespaces:
                raise
            if not client.resource(api_version, kind).namespaced:
                return []  # whoever may not list them has put none there
        found: list[Json] = []
        for number, namespace in enumerate(namespaces):
            try:
                found.extend(client.list(api_version, kind, namespace, label_selector=text))
            except ApiError as exc:
                # The first is the user's own. In another that the user may not list, the user has put nothing either.
                if exc.status != 403 or not number:
                    raise
        return found

    owned: list[Json] = []
    for objects in run(listed, owned_kinds(client)):
        for obj in objects:
            meta = obj["metadata"]
            inside = not namespaces or not meta.get("namespace") or meta["namespace"] in namespaces
            controlled = any(owner.get("controller") for owner in meta.get("ownerReferences") or ())
            if inside and not controlled and carries(obj, selector):
                owned.append(obj)
    return owned


def find_prunable(
    client: Client,
    selector: Selector,
    *,
    keep: t.Sequence[Ref],
    namespaces: t.Sequence[str] = (),
    run: t.Callable[..., t.Iterable[t.Any]] = map,
) -> list[Json]:
    """What carries the labels and is not among what is kept nor on its way out already."""
    kept = {ref.identity for ref in keep}
    return [
        obj
        for obj in find_owned(client, selector, namespaces=namespaces, run=run)
        if ref_of(obj).identity not in kept and not obj["metadata"].get("deletionTimestamp")
    ]
