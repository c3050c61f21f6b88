# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VirtualServices that the gateways that they are bound to do not see, and objects that are exported to nobody."""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..exports import ALL, NONE, OWN, exported_in_words, exports_of, is_exported
from ..mesh import Mesh, origin_for
from .finding import Effect, first_host, gateways_of, is_for_mesh, services_for
from .mend import Patch, append, setting

TOPICS = {"VirtualService": "route", "DestinationRule": "subset", "ServiceEntry": "host"}


def hidden_from_gateways(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService that is not exported to the namespace of the gateway that it is bound to."""
    gateways = {(home_of(one), name_of(one)): one for one in mesh.of("Gateway")}
    for rule in mesh.of("VirtualService"):
        if ALL in exports_of("VirtualService", rule):
            continue
        for _index, home, name in gateways_of(rule):
            selector = spec_of(gateways.get((home, name)) or {}).get("selector") or {}
            places = {home_of(pod) for pod in mesh.of("Pod") if selector and matches(selector, labels_of(pod))}
            if not places or any(is_exported("VirtualService", rule, place) for place in places):
                continue
            origin, place = origin_for("VirtualService", rule), min(places)
            yield Effect(
                origin,
                "spec.exportTo",
                f"{origin} {exported_in_words('VirtualService', rule)}, and the pods of Gateway {home}/{name} are in "
                f"{place}, so they do not see it.",
                f"Add {place} to its exportTo, or leave exportTo out.",
                "gateway",
                host=first_host(rule),
                idle=not is_for_mesh(rule),
                mend=Patch(origin, (append(("spec", "exportTo"), place),))
                if NONE not in exports_of("VirtualService", rule)
                else setting(origin, ("spec", "exportTo"), [place]),
            )


def exported_to_nobody(mesh: Mesh) -> t.Iterator[Effect]:
    """What is exported only to namespaces that do not exist."""
    there = {name_of(one) for one in mesh.of("Namespace")}
    for kind, topic in TOPICS.items():
        for one in mesh.of(kind) if there else ():
            places = set(exports_of(kind, one))
            if places & {ALL, OWN, *there}:
                continue
            origin = origin_for(kind, one)
            why = "" if places == {NONE} else ", which does not exist" if len(places) == 1 else ", which do not exist"
            yield Effect(
                origin,
                "spec.exportTo",
                f"{origin} {exported_in_words(kind, one)}{why}, so no proxy sees it.",
                "Correct its exportTo, or leave it out.",
                topic,
                services_for(mesh, one),
                first_host(one),
            )
