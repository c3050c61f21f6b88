# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy and MeshPolicy become PeerAuthentication, RequestAuthentication and, for required tokens, AuthorizationPolicy.

What they meant is documented in Istio 1.4's reference (`istio.authentication.v1alpha1`): a policy without peers takes
plain text only, `mtls` without a mode is STRICT, a port is the Service's, one of the origins must hold where its
trigger rules apply, and of the policies for a workload, its namespace and the mesh only the most specific is in force.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .authentication_tokens import STILL_ASKED, Labels, Selected, write_tokens
from .facts import Facts, Service
from .model import Doc, Json, Map, Options, Refused, camel_keys, mapping, mappings, only, place_of

KINDS = ("Policy", "MeshPolicy")
_API = "security.istio.io/v1"
# `ComposePeerAuthentication` of Istio 1.31 passes over what has a selector and is in the root namespace.
_IN_ROOT = (
    "{} is the root namespace: its policies hold for pods with these labels in every namespace, and a "
    "PeerAuthentication for single workloads is not looked at there, so none is written. A gateway takes what its "
    "Gateway says, and other workloads take what the policy of the mesh says."
)


@dataclasses.dataclass
class _Peer:
    """What the policies of one workload say of mTLS; ports are the workload's."""

    mode: str = ""
    ports: dict[str, str] = dataclasses.field(default_factory=dict)
    doc: Doc | None = None
    name: str = ""


def convert(docs: t.Sequence[Doc], facts: Facts, options: Options) -> None:
    """Converts all authentication policies that belong together; what became of each is noted in it."""
    mine = [doc for doc in docs if doc.group == "authentication.istio.io" and doc.kind in KINDS]
    peers: dict[tuple[str, Labels], _Peer] = {}
    mesh = any(doc.kind == "MeshPolicy" and doc.spec_or_empty().get("origins") for doc in mine)
    tokens = {
        facts.of(doc)
        for doc in mine
        if doc.kind == "Policy" and doc.spec_or_empty().get("origins") and not doc.spec_or_empty().get("targets")
    }
    asked = {key for doc in mine if doc.spec_or_empty().get("origins") for key in _whole_targets(doc, facts)}
    for doc in mine:
        doc.family = "authentication"
        try:
            above = mesh or (facts.of(doc) in tokens and bool(doc.spec_or_empty().get("targets")))
            above = above or bool(asked & _targets_by_port(doc, facts))
            _policy(doc, facts, options, peers, above and doc.kind == "Policy")
        except Refused as why:
            doc.refuse(why)
    for (namespace, selector), peer in peers.items():
        if peer.doc is not None and not peer.doc.refusal:
            _write_peer(peer, namespace, selector)


def _whole_targets(doc: Doc, facts: Facts) -> set[tuple[str, str]]:
    """Namespaces and names of the services that a policy is about with all their ports."""
    return {(facts.of(doc), str(target.get("name"))) for target in _targets(doc) if not target.get("ports")}


def _targets_by_port(doc: Doc, facts: Facts) -> set[tuple[str, str]]:
    """Namespaces and names of the services of which a policy names ports: there it took the place of theirs."""
    return {(facts.of(doc), str(target.get("name"))) for target in _targets(doc) if target.get("ports")}


def _targets(doc: Doc) -> list[Map]:
    targets = doc.spec_or_empty().get("targets")
    return [target for target in targets if isinstance(target, Map)] if isinstance(targets, list) else []


def _policy(
    doc: Doc,
    facts: Facts,
    options: Options,
    peers: dict[tuple[str, Labels], _Peer],
    above: bool,
) -> None:
    spec = camel_keys(doc.spec(), ("labels",))
    only(spec, ("targets", "peers", "peerIsOptional", "origins", "originIsOptional", "principalBinding"), "spec")
    mesh = doc.kind == "MeshPolicy"
    namespace = options.root_namespace if mesh else doc.namespace
    if mesh and doc.namespace and doc.namespace != options.root_namespace:
        doc.differ(
            f"A policy for the mesh is in {options.root_namespace} today.",
            "metadata.namespace",
            place_of(doc.meta, "namespace"),
        )
    targets = mappings(spec, "targets", "spec.targets")
    if mesh and targets:
        raise Refused("a MeshPolicy has no targets.", "spec.targets", place_of(spec, "targets"))
    if not targets and doc.name != "default":
        raise Refused(
            f"a {doc.kind} without targets was only in force under the name default; name it so, or give it targets.",
            "metadata.name",
            place_of(doc.meta, "name"),
        )
    in_root = not mesh and facts.of(doc) == options.root_namespace
    if in_root and (not targets or not spec.get("origins")):
        raise Refused(
            f"{options.root_namespace} is the root namespace: a PeerAuthentication there holds for the whole mesh, and "
            "one for single workloads is not looked at. Put the workloads into another namespace, or say it in the "
            "policy of the mesh.",
            "metadata.namespace",
            place_of(doc.meta, "namespace"),
        )
    mode = _mode(doc, spec)
    selected: dict[Labels, Selected] = {}
    for index, target in enumerate(targets):
        field = f"spec.targets[{index}]"
        only(target, ("name", "labels", "ports"), field)
        place = place_of(target, "name") if "name" in target else target.place
        if not target.get("name"):
            raise Refused(f"{field} has no name.", field, place)
        name = str(target["name"])
        if "." in name:
            raise Refused(f"{field}.name must be a service's short name, not {name}.", f"{field}.name", place)
        service = facts.service(facts.of(doc), name, f"{field}.name", place)
        labels = {**service.labels, **{k: str(v) for k, v in mapping(target, "labels", f"{field}.labels").items()}}
        key = tuple(sorted(labels.items()))
        _select(selected, key, name, _ports(doc, target, field, service))
    doc.handled = True
    if in_root:
        doc.differ(_IN_ROOT.format(namespace), "metadata.namespace", place_of(doc.meta, "namespace"))
    workloads = list(selected.values())
    for selector, name, ports in [] if in_root else workloads or [((), "", [])]:
        _add_peer(doc, peers, (namespace, selector), name, mode, ports)
    if spec.get("origins"):
        write_tokens(doc, spec, namespace, workloads, above)
    elif above:
        doc.differ(STILL_ASKED, "spec", place_of(doc.value, "spec"))
    if not spec.get("origins") and str(spec.get("principalBinding") or "") == "USE_ORIGIN":
        doc.differ("principalBinding USE_ORIGIN without origins has no effect today.", "spec.principalBinding")


def _select(selected: dict[Labels, Selected], key: Labels, name: str, ports: list[str]) -> None:
    """Adds a target; two that are about one workload are about the ports of both, and without ports about all."""
    if key not in selected:
        selected[key] = (key, name, ports)
        return
    _key, first, before = selected[key]
    selected[key] = (key, first, list(dict.fromkeys([*before, *ports])) if before and ports else [])


def _mode(doc: Doc, spec: Map) -> str:
    peers = spec.get("peers")
    methods = mappings(spec, "peers", "spec.peers")
    if not methods:
        doc.note("Without peers mTLS is off: only plain text is taken.", "spec.peers", place_of(doc.value, "spec"))
        return "DISABLE"
    for index, method in enumerate(methods):
        only(
            method, ("mtls",), f"spec.peers[{index}]", "only mtls could be a peer's method in force; leave others out."
        )
    method = methods[0]
    if len(methods) > 1:
        # Pilot of Istio 1.4 looked for the first (`GetMutualTLS`).
        doc.differ("Of several methods the first counted; so it is today.", "spec.peers", place_of(peers, 1))
    mtls = mapping(method, "mtls", "spec.peers[0].mtls")
    only(mtls, ("mode", "allowTls"), "spec.peers[0].mtls")
    mode = str(mtls.get("mode") or "STRICT")
    place = place_of(method, "mtls")
    if mode not in ("STRICT", "PERMISSIVE"):
        raise Refused(f"spec.peers[0].mtls.mode {mode} never existed in Istio.", "spec.peers[0].mtls.mode", place)
    if mtls.get("allowTls") is True:
        doc.differ(
            "allowTls took TLS without a client's certificate; today that is not taken.",
            "spec.peers[0].mtls.allowTls",
            place_of(mtls, "allowTls"),
        )
    if spec.get("peerIsOptional") is True and mode == "STRICT":
        doc.differ(
            "peerIsOptional is PERMISSIVE today: plain text is taken, and then there is no identity.",
            "spec.peerIsOptional",
            place_of(spec, "peerIsOptional"),
        )
        mode = "PERMISSIVE"
    return mode


def _ports(doc: Doc, target: Map, field: str, service: Service) -> list[str]:
    """The workload's ports that a target names by the Service's."""
    found = []
    for index, port in enumerate(mappings(target, "ports", f"{field}.ports")):
        where = f"{field}.ports[{index}]"
        only(port, ("number", "name"), where)
        match = [
            known
            for known in service.ports
            if ("number" in port and known.number == port["number"]) or ("name" in port and known.name == port["name"])
        ]
        if not match:
            wanted = port.get("number", port.get("name"))
            raise Refused(
                f"the Service {service.namespace}/{service.name} has no port {wanted} that is known; its number and "
                "target port are needed.",
                where,
                port.place,
            )
        if isinstance(match[0].target, str):
            raise Refused(
                f"the port {match[0].number} of the Service {service.name} leads to a port with the name "
                f"{match[0].target}; its number is needed, in facts.services.",
                where,
                port.place,
            )
        if match[0].target != match[0].number:
            doc.note(
                f"The Service's port {match[0].number} is the workload's port {match[0].target}.", where, port.place
            )
        found.append(str(match[0].target))
    return found


def _add_peer(
    doc: Doc,
    peers: dict[tuple[str, Labels], _Peer],
    key: tuple[str, Labels],
    name: str,
    mode: str,
    ports: list[str],
) -> None:
    peer = peers.setdefault(key, _Peer())
    clash = (not ports and peer.mode) or any(port in peer.ports for port in ports)
    if clash:
        raise Refused(
            f"{peer.doc.title if peer.doc else 'another policy'} is about the same workload and "
            "ports, and only one was "
            "in force; remove one of them."
        )
    if peer.doc is not None and peer.doc is not doc:
        doc.moved_to.append(f"PeerAuthentication {peer.name}")
    else:
        peer.doc = doc
        shared = [other for other in peers.values() if other.doc is doc and other is not peer]
        peer.name = f"{doc.name}-{name}" if shared and name else doc.name
    for port in ports:
        peer.ports[port] = mode
    if not ports:
        peer.mode = mode


def _write_peer(peer: _Peer, namespace: str, selector: Labels) -> None:
    spec: Json = {"selector": {"matchLabels": dict(selector)}} if selector else {}
    if peer.mode:
        spec["mtls"] = {"mode": peer.mode}
    if peer.ports:
        spec["portLevelMtls"] = {port: {"mode": mode} for port, mode in peer.ports.items()}
    if peer.doc is not None:
        out = peer.doc.emit(_API, "PeerAuthentication", peer.name, namespace, spec)
        peer.doc.outputs.remove(out)
        before = sum(1 for other in peer.doc.outputs if other["kind"] == "PeerAuthentication")
        peer.doc.outputs.insert(before, out)
