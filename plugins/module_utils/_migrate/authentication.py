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
import itertools
import typing as t

from .facts import Facts, Service
from .model import Doc, Json, Map, Options, Place, Refused, camel_keys, mapping, mappings, only, place_of, text_list

KINDS = ("Policy", "MeshPolicy")
_API = "security.istio.io/v1"
_MAX_ORIGINS = 6
_MISSING = "A request without a token was answered with 401; today it is 403 (an invalid token is still 401)."
_JWT = ("issuer", "audiences", "jwksUri", "jwks", "jwtHeaders", "jwtParams", "triggerRules")
_Op: t.TypeAlias = "tuple[tuple[str, ...] | None, tuple[str, ...]]"
"""Paths (None: all) and paths that are left out."""


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
    peers: dict[tuple[str, tuple[tuple[str, str], ...]], _Peer] = {}
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
    peers: dict[tuple[str, tuple[tuple[str, str], ...]], _Peer],
    above: bool,
) -> None:
    spec = camel_keys(doc.spec(), ("labels",))
    only(spec, ("targets", "peers", "peerIsOptional", "origins", "originIsOptional", "principalBinding"), "spec")
    mesh = doc.kind == "MeshPolicy"
    namespace = options.root_namespace if mesh else doc.namespace
    if mesh and doc.namespace and doc.namespace != options.root_namespace:
        doc.differ(
            f"MeshPolicy has no namespace; today's policies for the mesh are in {options.root_namespace}.",
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
    mode = _mode(doc, spec)
    selected: list[tuple[tuple[tuple[str, str], ...], str, list[str]]] = []
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
        selected.append((tuple(sorted(labels.items())), name, _ports(doc, target, field, service)))
    doc.handled = True
    for selector, name, ports in selected or [((), "", [])]:
        _add_peer(doc, peers, (namespace, selector), name, mode, ports)
    if spec.get("origins"):
        _tokens(doc, spec, namespace, selected, above)
    elif above:
        doc.differ(
            "This policy took the place of one that asks for tokens. Today's policies add up, "
            "so tokens are still asked "
            "for here; leave the workload out of the other policy if that is not meant.",
            "spec",
            place_of(doc.value, "spec"),
        )
    if not spec.get("origins") and str(spec.get("principalBinding") or "") == "USE_ORIGIN":
        doc.differ("principalBinding USE_ORIGIN without origins has no effect today.", "spec.principalBinding")


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
    peers: dict[tuple[str, tuple[tuple[str, str], ...]], _Peer],
    key: tuple[str, tuple[tuple[str, str], ...]],
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


def _write_peer(peer: _Peer, namespace: str, selector: tuple[tuple[str, str], ...]) -> None:
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


def _tokens(
    doc: Doc,
    spec: Map,
    namespace: str,
    selected: list[tuple[tuple[tuple[str, str], ...], str, list[str]]],
    above: bool,
) -> None:
    origins = mappings(spec, "origins", "spec.origins")
    rules: list[Json] = []
    issuers: list[str] = []
    triggers: list[list[_Op]] = []
    for index, origin in enumerate(origins):
        field = f"spec.origins[{index}].jwt"
        only(origin, ("jwt",), f"spec.origins[{index}]")
        jwt = mapping(origin, "jwt", field)
        only(jwt, _JWT, field)
        rules.append(_jwt_rule(jwt, field))
        issuers.append(str(jwt["issuer"]))
        triggers.append(_triggers(jwt, field))
    optional = spec.get("originIsOptional") is True
    place = place_of(spec, "origins")
    denials: list[Json] = []
    if optional:
        doc.differ(
            "originIsOptional let an invalid token pass as none; today it is answered with 401.",
            "spec.originIsOptional",
            place_of(spec, "originIsOptional"),
        )
    else:
        doc.differ(_MISSING, "spec.origins", place)
        denials = _denials(issuers, triggers, above, place)
    if any(rule != (None, ()) for found in triggers for rule in found):
        doc.differ(
            "Where the trigger rules did not apply, tokens were not looked at; today an invalid one is answered with "
            "401 on every path.",
            "spec.origins",
            place,
        )
    for selector, name, ports in selected or [((), "", [])]:
        full = f"{doc.name}-{name}" if len(selected) > 1 else doc.name
        if any(out["metadata"]["name"] == full for out in doc.outputs):
            continue
        base: Json = {"selector": {"matchLabels": dict(selector)}} if selector else {}
        doc.emit(_API, "RequestAuthentication", full, namespace, {**base, "jwtRules": rules})
        if ports:
            doc.differ(
                "The policy was about some ports; tokens are read on all ports of the workload, "
                "and asked for on these.",
                "spec.targets",
                place_of(spec, "targets"),
            )
        if denials:
            written = [_on_ports(rule, ports) for rule in denials]
            doc.emit(
                _API,
                "AuthorizationPolicy",
                f"{full}-require-jwt",
                namespace,
                {**base, "action": "DENY", "rules": written},
            )


def _on_ports(rule: Json, ports: list[str]) -> Json:
    if not ports:
        return rule
    operations = [item["operation"] for item in rule.get("to", [])] or [{}]
    return {**rule, "to": [{"operation": {**operation, "ports": ports}} for operation in operations]}


def _jwt_rule(jwt: Map, field: str) -> Json:
    if not jwt.get("issuer"):
        raise Refused(f"{field} has no issuer.", f"{field}.issuer", jwt.place)
    if "*" in str(jwt["issuer"]):
        raise Refused(f"{field}.issuer must be a whole name.", f"{field}.issuer", place_of(jwt, "issuer"))
    rule: Json = {"issuer": str(jwt["issuer"])}
    for key in ("jwksUri", "jwks"):
        if jwt.get(key):
            rule[key] = str(jwt[key])
    if len(rule) == 3:
        raise Refused(f"{field} has jwksUri and jwks; only one may be given.", field, jwt.place)
    if "jwksUri" in rule and "://" not in rule["jwksUri"]:
        raise Refused(f"{field}.jwksUri is not a URL.", f"{field}.jwksUri", place_of(jwt, "jwksUri"))
    audiences = text_list(jwt, "audiences", f"{field}.audiences")
    if audiences:
        rule["audiences"] = audiences
    headers = text_list(jwt, "jwtHeaders", f"{field}.jwtHeaders")
    if headers:
        rule["fromHeaders"] = [{"name": name} for name in headers]
    params = text_list(jwt, "jwtParams", f"{field}.jwtParams")
    if params:
        rule["fromParams"] = params
    # Istio 1.x passed the token on to the workload; today that must be asked for.
    rule["forwardOriginalToken"] = True
    return rule


def _triggers(jwt: Map, field: str) -> list[_Op]:
    """On which paths a token is looked at: on those of one of these."""
    found: list[_Op] = []
    for index, rule in enumerate(mappings(jwt, "triggerRules", f"{field}.triggerRules")):
        where = f"{field}.triggerRules[{index}]"
        only(rule, ("includedPaths", "excludedPaths"), where)
        included = _paths(rule, "includedPaths", where)
        found.append((tuple(included) if included else None, tuple(_paths(rule, "excludedPaths", where))))
    return found or [(None, ())]


def _paths(rule: Map, key: str, field: str) -> list[str]:
    found = []
    for index, match in enumerate(mappings(rule, key, f"{field}.{key}")):
        where = f"{field}.{key}[{index}]"
        only(
            match,
            ("exact", "prefix", "suffix"),
            where,
            "an AuthorizationPolicy compares paths exactly, by prefix or by suffix, not by regex.",
        )
        if len(match) != 1:
            raise Refused(f"{where} must have one of exact, prefix and suffix.", where, match.place)
        kind, value = next(iter(match.items()))
        text = str(value)
        if "*" in text or "{" in text:
            raise Refused(f"{where} has {text}, which would be a pattern today.", where, place_of(match, kind))
        found.append({"exact": text, "prefix": f"{text}*", "suffix": f"*{text}"}[kind])
    return found


def _denials(issuers: list[str], triggers: list[list[_Op]], above: bool, place: Place) -> list[Json]:
    """Rules that deny what had no valid token of an issuer whose trigger applied.

    Where all origins have the same triggers that is one rule; else one for each set of origins: on paths where some of
    the set are asked for and none outside it is.
    """
    if all(trigger == triggers[0] for trigger in triggers):
        principals = [f"{issuer}/*" for issuer in dict.fromkeys(issuers)] if above else ["*"]
        return [_denial(principals, triggers[0])]
    if len(issuers) > _MAX_ORIGINS:
        raise Refused(f"spec.origins has more than {_MAX_ORIGINS} issuers with trigger rules.", "spec.origins", place)
    rules: list[Json] = []
    everyone = range(len(issuers))
    for size in range(1, len(issuers) + 1):
        for chosen in itertools.combinations(everyone, size):
            operations: list[_Op] = list(dict.fromkeys(op for index in chosen for op in triggers[index]))
            for index in everyone:
                if index not in chosen:
                    none = _negate(triggers[index], place)
                    operations = list(
                        dict.fromkeys(
                            both
                            for one, other in itertools.product(operations, none)
                            if (both := _both(one, other, place))
                        )
                    )
            operations = [op for op in operations if not (op[0] and all(_covered(p, op[1]) for p in op[0]))]
            if operations:
                principals = [f"{issuers[index]}/*" for index in chosen]
                rules.append(_denial(list(dict.fromkeys(principals)), operations))
    return rules


def _denial(principals: list[str], operations: list[_Op]) -> Json:
    rule: Json = {"from": [{"source": {"notRequestPrincipals": principals}}]}
    if (None, ()) not in operations:
        to = []
        for paths, without in operations:
            operation: Json = {}
            if paths:
                operation["paths"] = list(paths)
            if without:
                operation["notPaths"] = list(without)
            to.append({"operation": operation})
        rule["to"] = to
    return rule


def _negate(trigger: list[_Op], place: Place) -> list[_Op]:
    """Where none of these applies."""
    out: list[_Op] = [(None, ())]
    for paths, without in trigger:
        ways: list[_Op] = []
        if without:
            ways.append((without, ()))
        if paths:
            ways.append((None, paths))
        out = [both for one, other in itertools.product(out, ways) if (both := _both(one, other, place))]
    return out


def _both(one: _Op, other: _Op, place: Place) -> _Op | None:
    """Where both apply; None if that is nowhere."""
    without = tuple(dict.fromkeys((*one[1], *other[1])))
    if one[0] is None or other[0] is None:
        return (one[0] if other[0] is None else other[0], without)
    paths = [both for a, b in itertools.product(one[0], other[0]) if (both := _overlap(a, b, place))]
    return (tuple(dict.fromkeys(paths)), without) if paths else None


def _overlap(one: str, other: str, place: Place) -> str:
    """The pattern for what matches both; empty if nothing does."""
    if _covered(one, (other,)):
        return one
    if _covered(other, (one,)):
        return other
    if one.endswith("*") and other.startswith("*") or one.startswith("*") and other.endswith("*"):
        raise Refused(
            f"the trigger rules of several origins overlap in {one} and {other}, which no path pattern says.",
            "spec.origins",
            place,
        )
    return ""


def _covered(path: str, patterns: t.Iterable[str]) -> bool:
    """Whether all that a pattern matches is matched by one of these too."""
    for pattern in patterns:
        if path == pattern or pattern == "*":
            return True
        if pattern.endswith("*") and not path.startswith("*") and path.rstrip("*").startswith(pattern[:-1]):
            return True
        if pattern.startswith("*") and not path.endswith("*") and path.lstrip("*").endswith(pattern[1:]):
            return True
    return False
