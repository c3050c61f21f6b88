# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live objects that a request meets: Services and their ports, pods, and the policies that hold for a pod."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from .._istio.gateways import GATEWAY_LABELS
from .._istio.pods import has_sidecar
from .._kube.objects import home_of, labels_of, matches, name_of, spec_of
from .dump import ProxyConfig
from .origin import Origin

Json = t.Mapping[str, t.Any]
ServiceName = tuple[str, str]
"""Name and namespace."""

API_VERSIONS = {
    "Gateway": "networking.istio.io/v1",
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "WorkloadEntry": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "PeerAuthentication": "security.istio.io/v1",
    "RequestAuthentication": "security.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "Namespace": "v1",
    "Service": "v1",
    "Pod": "v1",
}
"""The kinds that a request meets."""

ROOT = "istio-system"
"""Namespace whose policies hold for the whole mesh."""
BOUND = ("gateways", "sourceLabels", "port", "sourceNamespace")
"""Conditions of a match by which istiod leaves it out for other proxies."""
DOMAIN = "svc.cluster.local"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label by which the pods of a Gateway of the Gateway API name it."""

# istio.io, "Protocol Selection": the part of a port's name before the first dash, or appProtocol.
HTTP_PROTOCOLS = frozenset(("http", "http2", "grpc", "grpc-web", "gateway"))
HTTP2_PROTOCOLS = frozenset(("http2", "grpc", "kubernetes.io/h2c"))
OPAQUE_PROTOCOLS = frozenset(("tcp", "tls", "https", "mongo", "mysql", "redis", "udp"))


@dataclass(frozen=True)
class Mesh:
    """What is known of the mesh: objects by kind, and the proxies' configurations by pod (namespace, name)."""

    objects: t.Mapping[str, tuple[Json, ...]]
    configs: t.Mapping[tuple[str, str], ProxyConfig] = field(default_factory=dict)
    partial: t.Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The namespaces whose objects of a kind are known, where they are not those of all."""

    def of(self, kind: str, namespace: str | None = None) -> list[Json]:
        """Live objects of a kind, in one namespace where it is given."""
        if namespace is None:
            return list(self.objects.get(kind, ()))
        return list(self._by_home.get((kind, namespace), ()))

    def known(self, kind: str, *namespaces: str) -> bool:
        """Whether the kind could be read, in these namespaces or else in all, so that its absence means something."""
        if kind not in self.objects:
            return False
        places = self.partial.get(kind)
        return places is None or (bool(namespaces) and places.issuperset(namespaces))

    def find(self, origin: Origin) -> Json | None:
        return self._by_name.get((origin.kind, origin.namespace, origin.name))

    # A set of a thousand objects is looked at object by object, so each has to be found without looking at all others.

    @cached_property
    def _by_home(self) -> t.Mapping[tuple[str, str], t.Sequence[Json]]:
        found: dict[tuple[str, str], list[Json]] = {}
        for kind, objects in self.objects.items():
            for one in objects:
                found.setdefault((kind, home_of(one)), []).append(one)
        return found

    @cached_property
    def _by_name(self) -> t.Mapping[tuple[str, str, str], Json]:
        kinds = ((kind, one) for kind, objects in self.objects.items() for one in reversed(objects))
        return {(kind, home_of(one), name_of(one)): one for kind, one in kinds}

    @cached_property
    def _rules_by_service(self) -> t.Mapping[ServiceName | None, t.Sequence[Json]]:
        """DestinationRules by the Service that their host names; those for a wildcard under None."""
        found: dict[ServiceName | None, list[Json]] = {}
        for rule in self.objects.get("DestinationRule", ()):
            host = str(spec_of(rule).get("host") or "")
            service = self.service_for(host, home_of(rule))
            if service is not None or host.startswith("*"):
                found.setdefault(service, []).append(rule)
        return found

    def rules_of(self, name: ServiceName) -> list[Json]:
        """The DestinationRules whose host names or covers a Service, the ones that name it first."""
        full = f"{name[0]}.{name[1]}.{DOMAIN}"
        wide = [one for one in self._rules_by_service.get(None, ()) if host_holds(str(spec_of(one)["host"]), full)]
        return [*self._rules_by_service.get(name, ()), *wide]

    def service(self, name: ServiceName) -> Json | None:
        return self.find(Origin("Service", name[1], name[0]))

    def service_for(self, host: str, namespace: str) -> ServiceName | None:
        """The Service that a host names, seen from a namespace; None where it names none."""
        name = service_named(host, namespace)
        if name is not None and self.service(name) is not None:
            return name
        # A short name of a pod of a headless Service, such as ratings-0.ratings.
        pod, dot, service = host.partition(".")
        near = (service, namespace)
        return near if dot and pod and "." not in service and is_headless(self.service(near)) else None

    def addresses_of(self, host: str, namespace: str) -> list[str]:
        """What the name of a Service, or of a pod of a headless one, is resolved to; empty where that is not known.

        An address is what it is.
        """
        if is_address(host):
            return [host]
        name = self.service_for(host, namespace)
        service = self.service(name) if name is not None else None
        if name is None or service is None:
            return []
        if not is_headless(service):
            return list(filter(None, [str(spec_of(service).get("clusterIP") or "")]))
        pods = self.pods_of(name)
        first = host.partition(".")[0]
        named = (
            [pod for pod in pods if first in (name_of(pod), spec_of(pod).get("hostname"))] if first != name[0] else []
        )
        places = [str((pod.get("status") or {}).get("podIP") or "") for pod in named or pods]
        return [place for place in places if place]

    def pods_of(self, name: ServiceName) -> list[Json]:
        """The pods that a Service selects."""
        service = self.service(name)
        selector = ((service or {}).get("spec") or {}).get("selector") or {}
        return [pod for pod in self.of("Pod", name[1]) if selector and matches(selector, labels_of(pod))]

    def pod_at(self, address: str) -> Json | None:
        """The pod with this address; one of the node's own network has none of its own."""
        for pod in self.of("Pod"):
            if (pod.get("status") or {}).get("podIP") == address and not (pod.get("spec") or {}).get("hostNetwork"):
                return pod
        return None

    def config_of(self, pod: Json | None) -> ProxyConfig | None:
        return self.configs.get((home_of(pod), name_of(pod))) if pod is not None else None

    def gateways(self) -> list[Json]:
        """The pods of the ingress gateway."""
        return [pod for pod in self.of("Pod") if matches(GATEWAY_LABELS, labels_of(pod))]


def service_named(host: str, namespace: str) -> ServiceName | None:
    """The name and namespace that a host would have as a Service; None where it has no such form."""
    parts = host.rstrip(".").split(".")
    inner = host.rstrip(".").removesuffix(".cluster.local").removesuffix(".svc").split(".")
    if len(inner) == 3 and len(parts) > 3:  # a pod of a headless Service
        return inner[1], inner[2]
    if len(parts) > 1 and host.endswith((f".{DOMAIN}", ".svc")) or len(parts) == 2:
        return parts[0], parts[1]
    return (host, namespace) if len(parts) == 1 else None


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_headless(service: Json | None) -> bool:
    """Whether a Service has no address of its own, so that its name is resolved to its pods."""
    return spec_of(service or {}).get("clusterIP") == "None"


def host_holds(pattern: str, host: str) -> bool:
    """Whether a host, or a wildcard such as ``*.example.com``, covers another."""
    if pattern == "*" or pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def gateway_named(text: str, namespace: str) -> ServiceName:
    """Name and namespace of the Gateway that a VirtualService of a namespace names.

    ``namespace/name``, ``./name``, a name alone, or the older ``name.namespace`` with whatever domain behind it
    (istio.io/istio, pilot/pkg/model: resolveGatewayName).
    """
    place, slash, name = text.rpartition("/")
    if slash:
        return name, namespace if place == "." else place
    name, dot, rest = text.partition(".")
    return name, rest.partition(".")[0] if dot else namespace


def origin_for(kind: str, one: Json) -> Origin:
    return Origin(kind, home_of(one), name_of(one))


def ports_of(service: Json) -> list[Json]:
    return list(spec_of(service).get("ports") or ())


def port_of(service: Json, number: int) -> Json | None:
    return next((one for one in ports_of(service) if one.get("port") == number), None)


def port_number(port: Json | None, pod: Json, default: int) -> int:
    """A Service port's targetPort as a number of this pod."""
    target = (port or {}).get("targetPort", (port or {}).get("port", default))
    if isinstance(target, int):
        return target
    for container in (pod.get("spec") or {}).get("containers") or ():
        for one in container.get("ports") or ():
            if one.get("name") == target:
                return int(one.get("containerPort") or default)
    return default


def protocol_of(port: Json) -> tuple[str, str]:
    """How Istio takes a Service's port, and why: the protocol in lower case, empty where it looks at the traffic."""
    if port.get("appProtocol"):
        return str(port["appProtocol"]).lower(), f"appProtocol {port['appProtocol']}"
    name = str(port.get("name") or "")
    head = name.partition("-")[0].lower()
    if head in HTTP_PROTOCOLS | OPAQUE_PROTOCOLS | HTTP2_PROTOCOLS:
        return head, f"its name {name}"
    return "", "neither its name nor appProtocol says a protocol"


def is_open_itself(pod: Json) -> bool:
    """Whether a pod is reached at its node's address, without a Service."""
    ports = [port for one in spec_of(pod).get("containers") or () for port in one.get("ports") or ()]
    return bool(spec_of(pod).get("hostNetwork")) or any(port.get("hostPort") for port in ports)


def service_account(pod: Json) -> str:
    return str(spec_of(pod).get("serviceAccountName") or "default")


def is_ambient(mesh: Mesh, pod: Json) -> bool:
    """Whether a pod is in the ambient mesh: by what its node's agent has noted, its own label, or its namespace's.

    The names are those of istio.io, "Add workloads to an ambient mesh": the label ``istio.io/dataplane-mode`` and the
    annotation ``ambient.istio.io/redirection``.
    """
    noted = ((pod.get("metadata") or {}).get("annotations") or {}).get("ambient.istio.io/redirection")
    home = next((one for one in mesh.of("Namespace") if name_of(one) == home_of(pod)), {})
    mode = labels_of(pod).get("istio.io/dataplane-mode", labels_of(home).get("istio.io/dataplane-mode"))
    return not has_sidecar(pod) and (noted == "enabled" or mode == "ambient")


def is_gateway(pod: Json) -> bool:
    """Whether a pod's proxy is a gateway's: its agent is started as a router, not as a sidecar."""
    if matches(GATEWAY_LABELS, labels_of(pod)):
        return True
    return any("router" in (one.get("args") or ()) for one in spec_of(pod).get("containers") or ())


def rule_of_route(mesh: Mesh, rule: Json, position: int) -> tuple[Origin, int] | None:
    """The VirtualService and the number, from 0, of its http rule that a proxy's route at a position comes from.

    istiod makes a route of each match, in their order, and puts the rules of a delegate in place of the one that names
    it; which it leaves out for a proxy is not known here where a match is bound to gateways, labels or a port.
    """
    found: list[tuple[Origin, int]] = []
    own = origin_for("VirtualService", rule)
    for index, one in enumerate(spec_of(rule).get("http") or ()):
        outer = one.get("match") or []
        named = delegate_of(rule, one)
        delegate = mesh.find(named) if named is not None else None
        inner = list(spec_of(delegate or {}).get("http") or ()) if named is not None else [one]
        for number, part in enumerate(inner):
            matched = part.get("match") or []
            if any(match.get(key) for match in (*outer, *matched) for key in BOUND):
                return None
            if named is not None and outer and matched:
                return None  # of these matches istiod keeps the pairs that do not contradict each other
            place = (own, index) if named is None else (named, number)
            found += [place] * (len(matched or outer) or 1)
    return found[position] if position < len(found) else None


def delegate_of(rule: Json, route: Json) -> Origin | None:
    """The VirtualService that an http rule leaves its requests to; None where it routes them itself."""
    named = route.get("delegate")
    if not isinstance(named, t.Mapping):
        return None
    return Origin("VirtualService", str(named.get("namespace") or home_of(rule)), str(named.get("name") or ""))


def selector_of(policy: Json) -> t.Mapping[str, str]:
    """The labels that a policy selects pods by; a Sidecar and an EnvoyFilter call them workloadSelector."""
    spec = spec_of(policy)
    if spec.get("workloadSelector"):
        return spec["workloadSelector"].get("labels") or {}
    return (spec.get("selector") or {}).get("matchLabels") or {}


def targets_of_policy(policy: Json) -> list[Json]:
    """What a policy names as its targets (istio.io, "PolicyTargetReference"; ``targetRef`` is the older form)."""
    spec = spec_of(policy)
    return [*(spec.get("targetRefs") or ()), *([spec["targetRef"]] if spec.get("targetRef") else ())]


def holds_for(policy: Json, pod: Json) -> bool:
    """Whether a policy is for a pod: of its namespace or the root one, and by its labels.

    One with ``targetRefs`` is for the pods of a Gateway of the Gateway API, or for waypoints, which decide apart.
    """
    targets = targets_of_policy(policy)
    if targets:
        named = (labels_of(pod).get(GATEWAY_NAME), home_of(pod))
        return any(one.get("kind") == "Gateway" and (one.get("name"), home_of(policy)) == named for one in targets)
    return home_of(policy) in (home_of(pod), ROOT) and matches(selector_of(policy), labels_of(pod))


def mtls_of(mesh: Mesh, pod: Json, port: int) -> tuple[str, Origin | None, str]:
    """The mTLS mode that a pod demands at a port, the PeerAuthentication that says so, and its field.

    The closest wins: a selector in the pod's namespace, its namespace, the root namespace; where several are as close,
    the oldest (istio.io, "PeerAuthentication").
    """
    ranked = sorted(
        (one for one in mesh.of("PeerAuthentication") if holds_for(one, pod)),
        key=lambda one: (_distance(one, pod), str((one.get("metadata") or {}).get("creationTimestamp") or "")),
    )
    for one in ranked:
        by_port = (spec_of(one).get("portLevelMtls") or {}).get(str(port)) if selector_of(one) else None
        if by_port and by_port.get("mode") not in (None, "UNSET"):
            return str(by_port["mode"]), origin_for("PeerAuthentication", one), f"portLevelMtls.{port}.mode"
        mode = (spec_of(one).get("mtls") or {}).get("mode")
        if mode not in (None, "UNSET"):
            return str(mode), origin_for("PeerAuthentication", one), "mtls.mode"
    return "PERMISSIVE", None, ""


def _distance(policy: Json, pod: Json) -> int:
    if home_of(policy) == home_of(pod):
        return 0 if selector_of(policy) else 1
    return 2
