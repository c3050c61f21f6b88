# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies for pods, ports, paths and callers that are not there, and probes that a policy refuses."""

from __future__ import annotations

import re
import typing as t

from ..._istio.pods import has_sidecar, is_ready
from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..mesh import GATEWAY_NAME, ROOT, Json, Mesh, mtls_of, origin_for, ports_of, selector_of, targets_of_policy
from ..origin import Origin
from ..words import labelled
from .finding import Effect, age
from .mend import Mend, Patch, Path, moved, put, remove, setting

POLICIES = ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Telemetry", "Sidecar", "EnvoyFilter")
ACCESS = ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication")
"""Of these the kinds that only refuse."""
TOPICS = {
    "AuthorizationPolicy": "policy",
    "PeerAuthentication": "mtls",
    "RequestAuthentication": "token",
    "Telemetry": "trace",
    "Sidecar": "egress",
    "EnvoyFilter": "filter",
}
PROXY = "istio-proxy"
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
MATCH = "matchLabels"
AGENT = 15020
"""The agent's port, at which it asks the application in the kubelet's place."""


def selects_nothing(mesh: Mesh) -> t.Iterator[Effect]:
    """A policy whose selector no workload of its namespace has."""
    for kind in POLICIES:
        for policy in mesh.of(kind):
            selector, home = selector_of(policy), home_of(policy)
            places = None if home == ROOT else home
            if kind in ACCESS and not selector and _is_alone(mesh, policy):
                yield Effect(
                    origin_for(kind, policy),
                    "metadata.namespace",
                    f"{origin_for(kind, policy)} holds only for its own namespace {home}, which has no pod with a "
                    "sidecar.",
                    "Apply it in the namespace of the pods that it is for.",
                    TOPICS[kind],
                    idle=False,  # pods may come
                )
            if not selector or not mesh.known("Pod", *filter(None, [places])):
                continue
            if any(matches(selector, labels) for labels in _workloads(mesh, places)):
                continue
            elsewhere = sorted({home_of(pod) for pod in mesh.of("Pod") if matches(selector, labels_of(pod))})
            tail = f"; pods of namespace {elsewhere[0]} have them" if elsewhere else ""
            where = "no pod" if places is None else f"no pod in namespace {home}"
            remedy, mend = _reaching(mesh, kind, policy, elsewhere)
            yield Effect(
                origin_for(kind, policy),
                "spec.workloadSelector" if kind in ("Sidecar", "EnvoyFilter") else "spec.selector",
                f"{origin_for(kind, policy)} selects {labelled(selector)}, and {where} has these labels{tail}.",
                remedy,
                TOPICS[kind],
                frozenset(
                    (name_of(one), home_of(one))
                    for one in mesh.of("Service")
                    if home_of(one) in elsewhere
                    and any(matches(selector, labels_of(pod)) for pod in mesh.pods_of((name_of(one), home_of(one))))
                ),
                mend=mend,
            )


def targets_nothing(mesh: Mesh) -> t.Iterator[Effect]:
    """A policy for a Gateway that no pod of its namespace is of."""
    for kind in POLICIES:
        for policy in mesh.of(kind):
            home = home_of(policy)
            names = [str(one.get("name")) for one in targets_of_policy(policy) if one.get("kind") == "Gateway"]
            have = {labels_of(pod).get(GATEWAY_NAME) for pod in mesh.of("Pod", home)}
            if not names or not mesh.known("Pod", home) or have & set(names):
                continue
            origin, ours = origin_for(kind, policy), mesh.of("Gateway", home)
            other = ""
            if names[0] in map(name_of, ours):
                other = f"; Gateway {home}/{names[0]} is Istio's, which policies select by the labels of its pods"
            yield Effect(
                origin,
                "spec.targetRefs",
                f"{origin} targets Gateway {names[0]}, and no pod in namespace {home} has the label "
                f"{GATEWAY_NAME}={names[0]}{other}.",
                "Give it a selector with the labels of the gateway's pods, in their namespace, instead of targetRefs."
                if other
                else "Correct the name, or apply it in the namespace of that Gateway.",
                TOPICS[kind],
            )


def _reaching(mesh: Mesh, kind: str, policy: Json, elsewhere: list[str]) -> tuple[str, Mend | None]:
    """How a policy gets to its pods: into their namespace, or by a label that is probably meant."""
    if elsewhere:
        mend = moved(kind, policy, elsewhere[0]) if len(elsewhere) == 1 else None
        return f"Apply it in namespace {' or '.join(elsewhere)} instead.", mend
    import difflib  # takes a while to load, and is needed only for what is wrong

    selector, home = selector_of(policy), home_of(policy)
    labels = [labels_of(pod) for pod in mesh.of("Pod", None if home == ROOT else home)]
    field: Path = ("workloadSelector", "labels") if spec_of(policy).get("workloadSelector") else ("selector", MATCH)
    for key, value in selector.items():
        rest = {other: text for other, text in selector.items() if other != key}
        there = sorted({one[key] for one in labels if key in one and matches(rest, one)})
        close = difflib.get_close_matches(value, there)
        if len(close) == 1:
            return f"Write {key}: {close[0]}.", setting(origin_for(kind, policy), ("spec", *field, key), close[0])
    return "Correct its selector.", None


def _is_alone(mesh: Mesh, policy: Json) -> bool:
    """Whether a policy for a whole namespace is where nothing is that it could hold for."""
    home, targets = home_of(policy), targets_of_policy(policy)
    if home == ROOT or targets or not mesh.known("Pod", home):
        return False
    return not any(has_sidecar(pod) for pod in mesh.of("Pod", home)) and not mesh.of("WorkloadEntry", home)


def _workloads(mesh: Mesh, namespace: str | None) -> t.Iterator[t.Mapping[str, str]]:
    """The labels of pods, and of what is in the mesh without being one."""
    for pod in mesh.of("Pod", namespace):
        yield labels_of(pod)
    for entry in mesh.of("WorkloadEntry", namespace):
        yield {**labels_of(entry), **(spec_of(entry).get("labels") or {})}


def policies_twice(mesh: Mesh) -> t.Iterator[Effect]:
    """Two policies for the same workloads: only the oldest holds.

    istio.io, "PeerAuthentication", "Sidecar" and "Telemetry" (of which only one may be for a whole namespace, or for a
    workload).
    """
    for kind in ("PeerAuthentication", "Sidecar", "Telemetry"):
        owners: dict[tuple[str, str], list[Json]] = {}
        for policy in mesh.of(kind):
            if targets_of_policy(policy):
                continue
            owners.setdefault((home_of(policy), labelled(dict(sorted(selector_of(policy).items())))), []).append(policy)
        for (home, selected), policies in sorted(owners.items()):
            first, *others = sorted(policies, key=age)
            for other in others:
                whom = f"the pods with {selected}" if selected else f"all pods of namespace {home}"
                yield Effect(
                    origin_for(kind, other),
                    "spec.workloadSelector" if kind == "Sidecar" else "spec.selector",
                    f"{origin_for(kind, other)} is for {whom}, for which the older {origin_for(kind, first)} holds "
                    "already.",
                    "Merge the two, or remove one of them.",
                    TOPICS[kind],
                )


def impossible_callers(mesh: Mesh) -> t.Iterator[Effect]:
    """A principal that no certificate has: its form is ``domain/ns/NAMESPACE/sa/ACCOUNT``, without ``spiffe://``.

    istio.io, "AuthorizationPolicy", Source: a star counts at the beginning or end.
    """
    for policy in mesh.of("AuthorizationPolicy"):
        for number, rule in enumerate(spec_of(policy).get("rules") or ()):
            for place, one in enumerate((rule or {}).get("from") or ()):
                for index, text in enumerate(map(str, (one.get("source") or {}).get("principals") or ())):
                    mended = _mended_principal(text, home_of(policy))
                    if mended:
                        yield Effect(
                            origin_for("AuthorizationPolicy", policy),
                            f"spec.rules[{number}].from.source.principals",
                            f"{origin_for('AuthorizationPolicy', policy)} names the principal {text}, which no caller "
                            "has: a principal is written as domain/ns/NAMESPACE/sa/ACCOUNT.",
                            f"Write {mended}.",
                            "policy",
                            mend=setting(
                                origin_for("AuthorizationPolicy", policy),
                                ("spec", "rules", number, "from", place, "source", "principals", index),
                                mended,
                            ),
                        )


def _mended_principal(text: str, namespace: str) -> str:
    """A principal as it was probably meant; empty where a caller may have it."""
    if text.startswith("spiffe://"):
        return text.removeprefix("spiffe://")
    if "*" in text or re.fullmatch(r"[^/]+/ns/[^/]+/sa/[^/]+", text):
        return ""
    return f"cluster.local/ns/{namespace}/sa/{text.rpartition('/')[2]}"


def methods_in_lower_case(mesh: Mesh) -> t.Iterator[Effect]:
    """A method that no request has, since methods are compared exactly and written in capitals (RFC 9110)."""
    for policy in mesh.of("AuthorizationPolicy"):
        for number, rule in enumerate(spec_of(policy).get("rules") or ()):
            for place, to in enumerate((rule or {}).get("to") or ()):
                for index, text in enumerate(map(str, (to.get("operation") or {}).get("methods") or ())):
                    if text.islower():
                        yield Effect(
                            origin_for("AuthorizationPolicy", policy),
                            f"spec.rules[{number}].to.operation.methods",
                            f"{origin_for('AuthorizationPolicy', policy)} names the method {text}, which no request "
                            "has: methods are compared exactly.",
                            f"Write {text.upper()}.",
                            "policy",
                            mend=setting(
                                origin_for("AuthorizationPolicy", policy),
                                ("spec", "rules", number, "to", place, "operation", "methods", index),
                                text.upper(),
                            ),
                        )


def stars_in_paths(mesh: Mesh) -> t.Iterator[Effect]:
    """A star in the middle of an AuthorizationPolicy's path."""
    for policy in mesh.of("AuthorizationPolicy"):
        for number, rule in enumerate(spec_of(policy).get("rules") or (), 1):
            for place, to in enumerate((rule or {}).get("to") or ()):
                operation = to.get("operation") or {}
                for key in ("paths", "notPaths"):
                    for index, path in enumerate(operation.get(key) or ()):
                        text = str(path)
                        if "*" not in text.strip("*") or "{" in text:
                            continue
                        yield Effect(
                            origin_for("AuthorizationPolicy", policy),
                            f"spec.rules[{number - 1}].to.operation.{key}",
                            f"{origin_for('AuthorizationPolicy', policy)} {_does(policy)} the path {text} literally: a "
                            "star counts at its beginning or end only.",
                            f"Write {_with_template(text)}, which a star in the middle is written as.",
                            "policy",
                            host=text,
                            mend=setting(
                                origin_for("AuthorizationPolicy", policy),
                                ("spec", "rules", number - 1, "to", place, "operation", key, index),
                                _with_template(text),
                            ),
                        )


def _does(policy: Json) -> str:
    return {"DENY": "denies", "AUDIT": "audits"}.get(str(spec_of(policy).get("action") or "ALLOW"), "allows")


def _with_template(text: str) -> str:
    return text.replace("*", "{*}")


def ports_of_services(mesh: Mesh) -> t.Iterator[Effect]:
    """A portLevelMtls, or a policy's port, that is a Service's and not the pods'."""
    for kind in ("PeerAuthentication", "AuthorizationPolicy"):
        for policy in mesh.of(kind):
            places = () if home_of(policy) == ROOT else (home_of(policy),)
            if not mesh.known("Pod", *places) or not mesh.known("Service", *places):
                continue
            pods = [
                pod
                for pod in mesh.of("Pod", None if home_of(policy) == ROOT else home_of(policy))
                if matches(selector_of(policy), labels_of(pod)) and has_sidecar(pod)
            ]
            inner = {number for pod in pods for number in _container_ports(mesh, pod)}
            for path, port, mode in placed_ports(policy, kind):
                if not pods or not inner or port in inner:
                    continue
                owners = [
                    one
                    for one in mesh.of("Service", home_of(pods[0]))
                    if any(item.get("port") == port for item in ports_of(one))
                    and any(matches(spec_of(one).get("selector") or {"": ""}, labels_of(pod)) for pod in pods)
                ]
                listen = ", ".join(str(one) for one in sorted(inner))
                app = labels_of(pods[0]).get("app") or name_of(pods[0])
                tail = f"; port {port} is Service {name_of(owners[0])}'s" if owners else ""
                says = f"demands mTLS on port {port}" if mode == "STRICT" else f"names port {port}"
                origin = origin_for(kind, policy)
                meant = {target for one in owners for target in _targets(one, port)} or inner
                which = " or ".join(str(one) for one in sorted(meant))
                yield Effect(
                    origin,
                    _written(path),
                    f"{origin} {says}, and the pods of {app} listen on {listen}{tail}.",
                    f"Give the container's port: portLevelMtls: {{{which}: {{mode: {mode}}}}}."
                    if kind == "PeerAuthentication"
                    else f"Give the container's port, {which}.",
                    TOPICS[kind],
                    frozenset((name_of(one), home_of(one)) for one in owners),
                    idle=bool(owners),  # a pod may listen on more ports than it says
                    mend=Patch(origin, _renumbered(policy, path, min(meant))) if len(meant) == 1 else None,
                )


def ports_without_selector(mesh: Mesh) -> t.Iterator[Effect]:
    """A portLevelMtls for a whole namespace: it counts only where the policy selects pods (istio.io)."""
    for policy in mesh.of("PeerAuthentication"):
        ports = spec_of(policy).get("portLevelMtls")
        if not ports or selector_of(policy):
            continue
        origin = origin_for("PeerAuthentication", policy)
        yield Effect(
            origin,
            "spec.portLevelMtls",
            f"{origin} has portLevelMtls for port {' and '.join(sorted(map(str, ports)))} and no selector, without "
            "which modes of single ports do not count.",
            "Give it a selector with the labels of the pods.",
            "mtls",
        )


def _targets(service: Json, port: int) -> t.Iterator[int]:
    """The pods' ports behind a Service's, where they are numbers."""
    for one in ports_of(service):
        target = one.get("targetPort", port)
        if one.get("port") == port and isinstance(target, int):
            yield target


def _renumbered(policy: Json, path: Path, port: int) -> tuple[Json, ...]:
    """The operations that give a policy's port another number."""
    if path[1] == "portLevelMtls":
        mode = (spec_of(policy).get("portLevelMtls") or {}).get(path[2])
        return remove(path), put((*path[:2], str(port)), mode)
    return (put(path, str(port)),)


def _written(path: Path) -> str:
    """A path as a field, without the places in lists below a rule's."""
    if path[1] != "rules":
        return ".".join(map(str, path))
    return f"spec.rules[{path[2]}]." + ".".join(one for one in path[3:] if isinstance(one, str))


def named_ports(policy: Json, kind: str) -> t.Iterator[int]:
    """The ports that a policy names."""
    return (port for _path, port, _mode in placed_ports(policy, kind))


def placed_ports(policy: Json, kind: str) -> t.Iterator[tuple[Path, int, str]]:
    """The ports that a policy names: their path, number, and the mTLS mode there."""
    if kind == "PeerAuthentication":
        for port, one in (spec_of(policy).get("portLevelMtls") or {}).items():
            if str(port).isdigit():
                yield ("spec", "portLevelMtls", port), int(port), str((one or {}).get("mode") or "")
    if kind != "AuthorizationPolicy":
        return
    for number, rule in enumerate(spec_of(policy).get("rules") or ()):
        for place, to in enumerate((rule or {}).get("to") or ()):
            for index, port in enumerate((to.get("operation") or {}).get("ports") or ()):
                if str(port).isdigit():
                    yield ("spec", "rules", number, "to", place, "operation", "ports", index), int(port), ""


def _container_ports(mesh: Mesh, pod: Json) -> set[int]:
    """What a pod listens on, as far as it says, or a Service leads there."""
    own = {
        int(port["containerPort"])
        for one in spec_of(pod).get("containers") or ()
        if one.get("name") != "istio-proxy"
        for port in one.get("ports") or ()
        if port.get("containerPort")
    }
    for service in mesh.of("Service", home_of(pod)):
        selector = spec_of(service).get("selector") or {}
        if selector and matches(selector, labels_of(pod)):
            for port in ports_of(service):
                target = port.get("targetPort", port.get("port"))
                own |= {int(target)} if isinstance(target, int) else set()
    return own


def plain_probes(mesh: Mesh) -> t.Iterator[Effect]:
    """A pod that cannot get ready, since the kubelet's plain probe meets strict mTLS and Istio does not let it pass.

    istio.io, "Health Checking of Istio Services": injection sends probes by HTTP and gRPC to the agent instead, which
    an annotation of the pod or the setting rewriteAppHTTPProbe of the injector may prevent.
    """
    told: set[tuple[str, str]] = set()
    for pod in mesh.of("Pod"):
        leaving = (pod.get("metadata") or {}).get("deletionTimestamp")
        if is_ready(pod) or leaving or not has_sidecar(pod) or not mesh.known("PeerAuthentication", home_of(pod)):
            continue
        workload = name_of(pod).rsplit("-", 2)[0]
        for port in _probed(pod):
            mode, demand, where = mtls_of(mesh, pod, port)
            if mode != "STRICT" or demand is None or (home_of(pod), workload) in told:
                continue
            told.add((home_of(pod), workload))
            if _annotations(pod).get(REWRITE) == "false":
                why = f'the annotation {REWRITE}: "false" keeps Istio from letting it pass'
                remedy = f"Remove the annotation {REWRITE} from the pod template."
            else:
                why = "Istio's injector does not rewrite probes here (rewriteAppHTTPProbe)"
                remedy = f'Give the pod template the annotation {REWRITE}: "true".'
            yield Effect(
                demand,
                f"spec.{where}",
                f"Pods of {workload} are not ready: the kubelet's probe is plain text, {demand} demands mTLS, and "
                f"{why}.",
                remedy,
                "probe",
                frozenset(
                    (name_of(one), home_of(one))
                    for one in mesh.of("Service", home_of(pod))
                    if matches(spec_of(one).get("selector") or {"": ""}, labels_of(pod))
                ),
                without=Origin("Pod", home_of(pod), name_of(pod)),
                mend=_let_pass(pod, workload),
            )


def _let_pass(pod: Json, workload: str) -> Patch | None:
    """The Deployment's template without the annotation; None for a pod of no Deployment, or without the annotation.

    What else the template has as annotations cannot be told by the pod's, since injection adds its own.
    """
    owners = {str(one.get("kind")) for one in (pod.get("metadata") or {}).get("ownerReferences") or ()}
    if owners != {"ReplicaSet"} or REWRITE not in _annotations(pod):
        return None
    path = ("spec", "template", "metadata", "annotations", REWRITE)
    return Patch(Origin("Deployment", home_of(pod), workload), (remove(path),))


def _probed(pod: Json) -> t.Iterator[int]:
    """The ports of a pod's own containers that the kubelet itself asks by HTTP or gRPC, through the proxy.

    A TCP probe passes in any case: the proxy accepts every connection.
    """
    beside = {one.strip() for one in str(_annotations(pod).get(EXCLUDED) or "").split(",")}
    for container in spec_of(pod).get("containers") or ():
        if container.get("name") == PROXY:
            continue
        names = {one.get("name"): one.get("containerPort") for one in container.get("ports") or ()}
        for kind in ("readinessProbe", "startupProbe", "livenessProbe"):
            probe = container.get(kind) or {}
            for how in ("httpGet", "grpc"):
                port = (probe.get(how) or {}).get("port")
                number = names.get(port, port) if port else None
                if isinstance(number, int) and number != AGENT and str(number) not in beside:
                    yield number


def _annotations(pod: Json) -> Json:
    return (pod.get("metadata") or {}).get("annotations") or {}
