# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where documents belong: whether their kinds have namespaces, and what counts as absent with its kind."""

from __future__ import annotations

import typing as t

from .._kube import ApiError, Client, Json, Ref, Resource, ref_of
from .documents import with_namespace
from .groups import has_group

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


def _kinds_of(docs: t.Iterable[Json]) -> dict[tuple[str, str], bool]:
    """The kinds that CustomResourceDefinitions among the documents define: whether each has namespaces."""
    found: dict[tuple[str, str], bool] = {}
    for doc in docs:
        if (ref_of(doc).group, doc["kind"]) == CRD:
            spec: Json = doc.get("spec") or {}
            kind = (spec.get("names") or {}).get("kind")
            found[(str(spec.get("group")), str(kind))] = spec.get("scope") == "Namespaced"
    return found


class Places:
    """The kinds and namespaces of a set of documents, as the cluster serves them and as the set defines them."""

    def __init__(self, client: Client, docs: t.Sequence[Json], *, namespace: str | None, absent: bool) -> None:
        self._client = client
        self._absent = absent
        self._new_kinds = _kinds_of(docs)
        self._groups: dict[str, bool] = {}
        self.home = namespace or client.settings.namespace or "default"
        """The namespace of documents that name none."""
        self.warnings: list[str] = []

    def place(self, doc: Json) -> Json | None:
        """The document with the namespace that it belongs to; None if its kind cannot be there (removal only).

        That is so where its CRD is among the documents, or where the cluster has nothing of its API group. Any other
        unknown kind is an error, on removal as well: most likely it is misspelt, and what was meant would stay.
        """
        ref = ref_of(doc)
        try:
            namespaced = self._client.resource(ref.api_version, ref.kind).namespaced
        except ApiError as exc:
            if exc.reason != "UnknownKind":
                raise
            known = self._new_kinds.get((ref.group, ref.kind))
            if self._absent and (known is not None or not self._has_group(ref.group)):
                return None
            if known is None:
                raise exc.about(str(ref)) from None
            namespaced = known
        if not namespaced:
            return with_namespace(doc, None)
        if ref.namespace:
            return doc
        return with_namespace(doc, self.home)

    def _has_group(self, group: str) -> bool:
        """Whether the cluster serves anything of an API group, in whatever version."""
        if group not in self._groups:
            self._groups[group] = has_group(self._client, group)
        return self._groups[group]

    def warn_of(self, ref: Ref) -> None:
        """Say which API group is missing, once for each: it may be misspelt."""
        if (ref.group, ref.kind) in self._new_kinds:
            return
        said = f"The cluster has no API group {ref.group}, so its objects, such as {ref}, count as absent."
        if not any(f"API group {ref.group}," in one for one in self.warnings):
            self.warnings.append(said)

    def known(self, ref: Ref) -> Resource | None:
        """The resource of an object's kind; None where the cluster does not serve it."""
        try:
            return self._client.resource(ref.api_version, ref.kind)
        except ApiError as exc:
            if exc.reason == "UnknownKind":
                return None
            raise
