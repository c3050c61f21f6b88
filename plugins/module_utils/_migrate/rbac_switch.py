# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RBAC was on for: ClusterRbacConfig and RbacConfig, and the policies that they become."""

from __future__ import annotations

from .facts import Facts, service_of
from .model import Doc, Json, Missing, Options, Place, Refused, camel_keys, mapping, only, place_of, text_list

_API = "security.istio.io/v1"


def is_mine(doc: Doc) -> bool:
    """Whether a document is of RBAC; until Istio 0.7 its roles were of the group of Mixer's documents."""
    return doc.group == "rbac.istio.io" or (doc.group == "config.istio.io" and doc.kind.startswith("ServiceRole"))


def in_root(namespace: str) -> str:
    """What is said of a policy in the root namespace."""
    return f"{namespace} is the root namespace, where a policy holds for pods with these labels in every namespace."


class Switch:
    """For what RBAC was on."""

    def __init__(self, root: str) -> None:
        # The namespace whose policies hold for all namespaces today.
        self.root = root
        self.doc: Doc | None = None
        self.mode = "ON"
        self.namespaces: list[str] = []
        self.services: list[tuple[str, str, Place]] = []

    def covers(self, namespace: str) -> bool:
        if self.mode == "ON":
            return True
        inside = namespace in self.namespaces
        return inside if self.mode == "ON_WITH_INCLUSION" else not inside and self.mode != "OFF"

    def covers_service(self, namespace: str, name: str) -> bool:
        named = any((namespace, name) == (ns, other) for ns, other, _place in self.services)
        if self.mode == "ON_WITH_INCLUSION":
            return named or self.covers(namespace)
        return self.covers(namespace) and not named


def switch_of(configs: list[Doc], facts: Facts, options: Options) -> Switch:
    switch = Switch(options.root_namespace)
    # Istio 1.1 to 1.4 passed over a RbacConfig where there was a ClusterRbacConfig.
    configs.sort(key=lambda doc: doc.kind != "ClusterRbacConfig")
    for doc in configs:
        if doc.name != "default":
            doc.handled = True
            doc.differ(
                f"Istio only looked at the {doc.kind} named default, so this one was never in force; nothing is "
                "written.",
                "metadata.name",
                place_of(doc.meta, "name"),
            )
            continue
        if switch.doc is not None:
            doc.refuse(
                Refused(
                    f"the input has a {switch.doc.kind} too, and a mesh had only one in force; remove one of them.",
                    "kind",
                    place_of(doc.value, "kind"),
                )
            )
            continue
        try:
            _read_switch(switch, doc)
            switch.doc = doc
            _write_switch(switch, doc, facts)
        except Refused as why:
            doc.refuse(why)
            switch.doc = doc
    return switch


def _read_switch(switch: Switch, doc: Doc) -> None:
    spec = camel_keys(doc.spec())
    only(spec, ("mode", "inclusion", "exclusion", "enforcementMode"), "spec")
    mode = str(spec.get("mode") or "OFF")
    if spec.get("mode") is False:  # OFF without quotes is a boolean
        mode = "OFF"
    if spec.get("mode") is True:
        mode = "ON"
    if mode not in ("OFF", "ON", "ON_WITH_INCLUSION", "ON_WITH_EXCLUSION"):
        raise Refused(f"spec.mode {mode} never existed in Istio.", "spec.mode", place_of(spec, "mode"))
    if str(spec.get("enforcementMode") or "ENFORCED") == "PERMISSIVE":
        doc.differ(
            "enforcementMode PERMISSIVE denied nothing; no policy is written. "
            "To try policies today, annotate them with istio.io/dry-run.",
            "spec.enforcementMode",
            place_of(spec, "enforcementMode"),
        )
        mode = "OFF"
    switch.mode = mode
    side = {"ON_WITH_INCLUSION": "inclusion", "ON_WITH_EXCLUSION": "exclusion"}.get(mode, "")
    if not side:
        return
    target = mapping(spec, side, f"spec.{side}")
    only(target, ("services", "namespaces"), f"spec.{side}")
    for name in text_list(target, "namespaces", f"spec.{side}.namespaces"):
        if "*" in name:
            raise Refused(
                f"spec.{side}.namespaces has {name}, and patterns were not allowed there; name the namespaces.",
                f"spec.{side}.namespaces",
                place_of(target, "namespaces"),
            )
        switch.namespaces.append(name)
    for name in text_list(target, "services", f"spec.{side}.services"):
        found = service_of(name, "") if "*" not in name else None
        if not found or not found[0]:
            raise Refused(
                f"spec.{side}.services has {name}, which is not the full name of a service.",
                f"spec.{side}.services",
                place_of(target, "services"),
            )
        if name != host_of(*found):
            read = side == "inclusion"
            doc.differ(
                f"Istio 1.x compared full names, so {name} named no service; "
                + (
                    "it is read as the service of that name." if read else "RBAC stays on for the service of that name."
                ),
                f"spec.{side}.services",
                place_of(target, "services"),
            )
            if not read:
                continue
        switch.services.append((*found, place_of(target, "services")))


def host_of(namespace: str, name: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def _write_switch(switch: Switch, doc: Doc, facts: Facts) -> None:
    doc.handled = True
    if switch.mode == "OFF":
        doc.differ("RBAC was off and denied nothing, so neither this nor the roles become policies.", "spec.mode")
        return
    if switch.mode in ("ON", "ON_WITH_EXCLUSION"):
        doc.emit(_API, "AuthorizationPolicy", "allow-nothing", switch.root, {})
        doc.differ(
            f"The policy in {switch.root} covers all workloads of the mesh, gateways and ports without a Service among "
            "them; RBAC looked at ports of Services.",
            "spec.mode",
            place_of(doc.value.get("spec"), "mode"),
        )
    services = list(switch.services)
    for namespace in dict.fromkeys(switch.namespaces):
        if namespace == switch.root:
            services += _of_root(switch, doc, facts)
        elif switch.mode == "ON_WITH_INCLUSION":
            doc.emit(_API, "AuthorizationPolicy", "allow-nothing", namespace, {})
            doc.differ(
                f"The policy in {namespace} covers all its workloads, gateways and ports without a Service among them; "
                "RBAC looked at ports of Services.",
                "spec.inclusion.namespaces",
                place_of(doc.value.get("spec"), "inclusion"),
            )
        else:
            doc.emit(_API, "AuthorizationPolicy", "allow-all", namespace, {"rules": [{}]})
    for namespace, name, place in services:
        _write_service(switch, doc, facts, (namespace, name), place)


def _of_root(switch: Switch, doc: Doc, facts: Facts) -> list[tuple[str, str, Place]]:
    """The Services of the root namespace: a policy for all of it would hold for the whole mesh.

    :raises Missing: if it should be closed and none is known
    """
    side = "inclusion" if switch.mode == "ON_WITH_INCLUSION" else "exclusion"
    field, place = f"spec.{side}.namespaces", place_of(doc.value.get("spec"), side)
    names = [name for namespace, name in facts.services if namespace == switch.root]
    found = [name for name in sorted(names) if facts.services[switch.root, name].selector]
    why = f"{switch.root} is the root namespace, whose policies hold for the whole mesh today"
    if side == "exclusion" and not found:
        doc.differ(
            f"{why}: one that allows all would open the mesh, so none is written, and its workloads, gateways among "
            "them, are closed. Put its Services into the input to have their pods open.",
            field,
            place,
        )
    elif not found:
        raise Missing(
            f"{why}, and it has no Service that is known, so a policy would close the mesh; put its Services' "
            "documents into the input, name them in facts.services, or have the cluster asked.",
            field,
            place,
        )
    else:
        now, others = ("closed", "open") if side == "inclusion" else ("open", "closed")
        doc.differ(
            f"{why}: the pods of its Services that are known ({', '.join(found)}) are {now} by their labels, in other "
            f"namespaces too, and its other pods {others}.",
            field,
            place,
        )
    return [(switch.root, name, place) for name in found]


def _write_service(switch: Switch, doc: Doc, facts: Facts, key: tuple[str, str], place: Place) -> None:
    """The policy for a service that RBAC was on for, or not."""
    namespace, name = key
    side = "inclusion" if switch.mode == "ON_WITH_INCLUSION" else "exclusion"
    near = [other for other in facts.services.values() if other.namespace == namespace]
    if near and key not in facts.services:
        doc.differ(
            f"No Service {namespace}/{name} is among those known of its namespace, so no policy is written for it. "
            "If there is one, put its document into the input.",
            f"spec.{side}.services",
            place,
        )
        return
    service = facts.service(namespace, name, f"spec.{side}.services", place)
    spec: Json = {"selector": {"matchLabels": service.labels}}
    if side == "exclusion":
        ports = service.target_ports()
        spec["rules"] = [{"to": [{"operation": {"ports": ports}}]}] if ports else [{}]
    elif namespace in switch.namespaces and namespace != switch.root:
        return
    doc.emit(
        _API, "AuthorizationPolicy", f"allow-{'nothing' if side == 'inclusion' else 'all'}-{name}", namespace, spec
    )
