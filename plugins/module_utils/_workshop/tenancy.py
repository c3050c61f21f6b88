# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a namespace may become the workshop's, and by which names its objects go: pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._istio.control_plane import ISTIO_NAMESPACE
from .._kube.labels import ATTENDEE, MANAGED
from .._kube.objects import first_few
from .reset_plan import is_clusters_own

Json = dict[str, t.Any]

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Owner:
    """Whose a namespace's objects are, as the label ``mesh.workshop/attendee`` says: the namespace's.

    ``former`` is a name that its objects had before. They are taken over: pruned or labelled anew like its own, in its
    own namespace, and with ``everywhere`` also in others.
    """

    namespace: str
    former: str = ""
    everywhere: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All names, its own first."""
        return (self.namespace, self.former) if self.former else (self.namespace,)

    def places(self, *others: str) -> list[str]:
        """Where its objects are looked for: its own namespace, and of these ``others`` what is its own alone."""
        return [self.namespace, *(others if self.everywhere else ())]


def owner_of(
    namespace: str, marker: Json | None, markers: t.Sequence[Json] | None, namespaces: t.Sequence[Json]
) -> Owner:
    """The owner, from the namespace's marker, which has the former name if there is one.

    ``markers`` are those of all ``namespaces``, and None where this user may not see them. A name that another
    workshop namespace has is nobody else's, whatever a marker says. What several markers have is taken over in their
    own namespaces only, since nothing says which of them an object elsewhere belongs to.
    """
    former = _attendee(marker)
    if former in ("", namespace) or former in {one["metadata"]["name"] for one in namespaces}:
        return Owner(namespace)
    shared = markers is None or any(
        _attendee(one) == former for one in markers if one["metadata"].get("namespace") != namespace
    )
    return Owner(namespace, former, everywhere=not shared)


def _attendee(marker: Json | None) -> str:
    return str(((marker or {}).get("metadata") or {}).get("labels", {}).get(ATTENDEE, ""))


def is_reserved(name: str) -> bool:
    """Whether a namespace is the cluster's or Istio's, whatever its labels say."""
    return name in ("default", "openshift", ISTIO_NAMESPACE) or name.startswith(("kube-", "openshift-"))


def is_free(namespace: Json | None) -> bool:
    """Whether the namespace may be used without inspection: it is the workshop's, or not there yet."""
    return namespace is None or (namespace["metadata"].get("labels") or {}).get(MANAGED) == "true"


def claim_refusal(name: str, namespace: Json | None, held: t.Sequence[Json], option: str = "bookinfo_namespace") -> str:
    """Why a namespace, which holds these objects, may not become the workshop's; empty where it may.

    ``option`` is what has named it.
    """
    why = f"Namespace {name} cannot be the workshop's, whose reset removes what is in it: "
    if is_reserved(name):
        return f"{why}it is the cluster's own or Istio's; name another one with {option}."
    theirs = sorted(f"{one['kind']} {one['metadata']['name']}" for one in held if not is_clusters_own(one))
    if is_free(namespace) or not theirs:
        return ""
    return (
        f"{why}it was there before and holds {first_few(theirs, _SHOWN)}; name another one with {option}, or, if all "
        f"of that may go, label it {MANAGED}=true yourself."
    )
