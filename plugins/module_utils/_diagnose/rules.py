# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of diagnosis: pure functions, asked from the most to the least specific; the first that knows answers."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from urllib.parse import urljoin

from .._istio.pods import has_sidecar, is_ready
from .._kube.labels import LAB
from .._observe.access_log import Record
from .analysis import with_analysis
from .causes import Case, case_of, explained, how_far
from .desired import as_desired, behind
from .findings import Diagnosis, Findings, Json
from .ineffective import (
    bare_pods,
    blocked_outside,
    callees,
    holds,
    let_in,
    other_service_meant,
    plain_text_let_in,
    route_without_effect,
    rule_without_effect,
)
from .missing import no_copies, no_delay, no_quota, no_traces
from .objects import (
    ROOT,
    destinations,
    home_of,
    host_matches,
    in_mesh,
    in_words,
    is_of,
    is_strict,
    labels_of,
    listed,
    matches,
    name_of,
    namespace_of,
    selector_of,
    short,
    uri_matches,
)
from .proxies import rejected, unacknowledged
from .shares import shares_by_other_means, wrong_weights

Rule = t.Callable[[Findings], "Diagnosis | None"]

BASELINE = "baseline"
LOGIN_FAILED = "login_failed"
LOGIN = "/login"
ISTIOD = {"app": "istiod"}


def servers(findings: Findings) -> t.Iterator[tuple[Json, Json]]:
    """(Gateway, server) pairs."""
    for gateway in findings.of("Gateway"):
        for server in gateway.get("spec", {}).get("servers") or []:
            yield gateway, server


def bound(findings: Findings, gateway: Json) -> list[Json]:
    """VirtualServices bound to a Gateway that cover the host asked for."""
    full, name = name_of(gateway), gateway["metadata"]["name"]
    found = []
    for one in findings.of("VirtualService"):
        spec = one.get("spec", {})
        local = one["metadata"].get("namespace") == gateway["metadata"].get("namespace")
        names = spec.get("gateways") or []
        if (full in names or (local and name in names)) and any(
            host_matches(host, findings.host) for host in spec.get("hosts") or []
        ):
            found.append(one)
    return found


def routes_path(service: Json, path: str) -> bool:
    """Whether any HTTP route of a VirtualService may take a path."""
    for route in service.get("spec", {}).get("http") or []:
        conditions = route.get("match")
        if not conditions or any(uri_matches(one.get("uri") or {}, path) for one in conditions):
            return True
    return False


def paths_of(service: Json) -> list[str]:
    """Paths that a VirtualService names."""
    return [
        str(value)
        for route in service.get("spec", {}).get("http") or []
        for match in route.get("match") or []
        for value in (match.get("uri") or {}).values()
    ]


def from_gateway(answer: Json) -> bool:
    """Whether a proxy answered by itself: no upstream was asked, so Envoy tells no upstream time."""
    names = {name for name, _value in answer.get("headers") or []}
    return "x-envoy-upstream-service-time" not in names


# -- the way in ----------------------------------------------------------


def no_listener(findings: Findings) -> Diagnosis | None:
    """Connection refused at the gateway: nobody opens the port, or no gateway pod runs."""
    if findings.expects_refusal or findings.source != "host" or "connection_refused" not in findings.errors():
        return None
    where = "The ingress gateway"
    if findings.address:
        where += f" ({findings.address[0]}:{findings.address[1]})"
    if not findings.known("Gateway"):
        return Diagnosis(f"{where} refuses the connection.", "Check the address, and that a Gateway opens this port.")
    opening = [
        (one, server) for one, server in servers(findings) if server.get("port", {}).get("number") == findings.port
    ]
    if not opening:
        return Diagnosis(
            f"{where} has no listener on port {findings.port}: no Gateway opens it.",
            f"Apply a Gateway with a server on port {findings.port} for {findings.host} (lab gateway, stage open).",
        )
    pods = findings.of("Pod")
    for gateway, _server in opening:
        selector = gateway["spec"].get("selector") or {}
        chosen = [pod for pod in pods if matches(selector, labels_of(pod))]
        if findings.known("Pod") and not chosen:
            return Diagnosis(
                f"Gateway {name_of(gateway)} selects {in_words(selector)}, and no pod has these labels.",
                "Give it the labels of the gateway's pods, usually istio: ingressgateway.",
            )
        if chosen and not any(is_ready(pod) for pod in chosen):
            return Diagnosis(
                f"No pod of the ingress gateway is ready ({listed([name_of(pod) for pod in chosen])}).",
                "See kubectl describe pod for the reason; running mesh.workshop.setup again restores it.",
            )
    return rejected(findings) or Diagnosis(
        f"{where} refuses the connection although Gateway {name_of(opening[0][0])} opens port {findings.port}.",
        "Its configuration is not at the proxy (yet): see istioctl proxy-status, and the log of istiod.",
    )


def not_routed(findings: Findings) -> Diagnosis | None:
    """404 by the gateway itself: no Gateway for the host, no route for it, or not for the path."""
    answers = [one for one in findings.with_status(404) if from_gateway(one)]
    if not answers or findings.source != "host" or not findings.known("Gateway"):
        return None
    taking = [
        gateway
        for gateway, server in servers(findings)
        if server.get("port", {}).get("number") == findings.port
        and any(host_matches(host, findings.host) for host in server.get("hosts") or [])
    ]
    if not taking:
        hosts = [str(host) for _gateway, server in servers(findings) for host in server.get("hosts") or []]
        known = f"the Gateways take {listed(hosts)}" if hosts else "there is no Gateway at all"
        return Diagnosis(
            f"No Gateway takes the host {findings.host} on port {findings.port}: {known}.",
            "Ask for one of these hosts, or add this one to the Gateway's server.",
        )
    routes = [one for gateway in taking for one in bound(findings, gateway)]
    if not routes:
        return Diagnosis(
            f"Gateway {name_of(taking[0])} takes the host {findings.host}, but no VirtualService for it is bound to "
            "that Gateway.",
            f"Apply a VirtualService with this host and gateways: [{taking[0]['metadata']['name']}].",
        )
    if not any(routes_path(one, findings.path) for one in routes):
        return Diagnosis(
            f"VirtualService {name_of(routes[0])} has no route for the path {findings.path}; "
            f"it has {listed(paths_of(routes[0])) or 'none'}.",
            "Add a match for this path, or ask for one of those.",
        )
    return None


# -- what the proxies wrote ----------------------------------------------

POLICY = re.compile(r"rbac_access_denied_matched_policy\[(?:none|ns\[(?P<ns>[^\]]*)\]-policy\[(?P<name>[^\]]*)\])")


def by_records(findings: Findings) -> Diagnosis | None:
    """The proxies' response flags and details, the last proxy on the way first: it knows the cause."""
    failing = [one for one in findings.records if one.status >= 400 or one.status == 0]
    for record in sorted(failing, key=lambda one: not one.inbound):
        for rule in RECORD_RULES:
            found = rule(findings, record)
            if found is not None:
                return found
    return None


def flags_of(record: Record) -> set[str]:
    """Envoy's response flags of a record."""
    return set(record.flags.split(",")) - {""}


def _denied_by(findings: Findings, record: Record) -> Diagnosis | None:
    match = POLICY.search(record.details)
    if not match:
        return None
    if match["name"]:
        name = f"{match['ns']}/{match['name']}"
        labs = [labels_of(one).get(LAB) for one in findings.of("AuthorizationPolicy") if name_of(one) == name]
        of = f" of lab {labs[0]}" if labs and labs[0] else ""
        return Diagnosis(
            f"AuthorizationPolicy {name}{of} denies the request (RBAC: access denied, pod {record.pod}).",
            "Change its rule, or remove it if another lab left it behind (mesh.workshop.reset).",
        )
    pod = next((one for one in findings.of("Pod") if one["metadata"]["name"] == record.pod), None)
    selecting = [name_of(one) for one in findings.of("AuthorizationPolicy") if pod is None or _selects(one, pod)]
    which = f" of {listed(selecting)}" if selecting else ""
    return Diagnosis(
        f"No rule{which} allows the request, so pod {record.pod} denies it (RBAC: access denied).",
        "Add a rule that allows this caller, method and path.",
    )


def _selects(policy: Json, pod: Json) -> bool:
    return home_of(policy) in (home_of(pod), ROOT) and matches(selector_of(policy), labels_of(pod))


def _no_cluster(findings: Findings, record: Record) -> Diagnosis | None:
    if not flags_of(record) & {"NC", "UH"}:
        return None
    if not record.service:  # where there is no cluster, its name is not always written
        return _undefined(findings) if "NC" in flags_of(record) else None
    home = namespace_of(record.service, findings.namespace or "default")
    target = {"host": record.service, "subset": record.subset or None}
    routes = [
        one
        for one in findings.of("VirtualService", findings.namespace)
        if any(
            short(str(d.get("host"))) == short(record.service) and (d.get("subset") or "") == record.subset
            for d in destinations(one)
        )
    ]
    route = name_of(routes[0]) if routes else "of the mesh"
    found = _broken_destination(findings, route, home, target)
    if found:
        return found
    what = f"subset {record.subset} of {short(record.service)}" if record.subset else short(record.service)
    if "NC" in flags_of(record):
        return Diagnosis(
            f"The proxy of {record.pod} knows no {what} (NC, cluster not found).",
            "Its configuration has not arrived yet or was rejected: see istioctl proxy-status.",
        )
    return Diagnosis(
        f"No pod of {what} is healthy (UH, no healthy upstream).",
        "See whether its pods are ready; outlier detection of a DestinationRule may have put them out for a while.",
    )


def _undefined(findings: Findings) -> Diagnosis | None:
    """A route to a service or subset that does not exist."""
    for route in findings.of("VirtualService", findings.namespace):
        for destination in destinations(route):
            found = _broken_destination(
                findings, name_of(route), str(route["metadata"].get("namespace", "")), destination, pods_too=False
            )
            if found:
                return found
    return None


def _tls_mismatch(findings: Findings, record: Record) -> Diagnosis | None:
    broken = flags_of(record) & {"UC", "UF", "URX"} and ("connection" in record.details or record.failure)
    if not broken or not record.service:
        return None
    name, home = short(record.service), namespace_of(record.service, findings.namespace or "default")
    for rule in findings.of("DestinationRule"):
        spec = rule.get("spec", {})
        mode = ((spec.get("trafficPolicy") or {}).get("tls") or {}).get("mode")
        if mode is None or short(str(spec.get("host"))) not in (name, "*"):
            continue
        strict = [name_of(one) for one in findings.of("PeerAuthentication") if _is_strict(one, home)]
        if mode in ("DISABLE", "SIMPLE") and strict:
            return Diagnosis(
                f"DestinationRule {name_of(rule)} sends to {name} without mTLS (tls mode {mode}), and "
                f"PeerAuthentication {strict[0]} demands it (STRICT).",
                "Set the tls mode ISTIO_MUTUAL, or leave it out.",
            )
        pods = [one for one in findings.of("Pod", home) if labels_of(one).get("app") == name]
        if mode == "ISTIO_MUTUAL" and any(not has_sidecar(one) for one in pods):
            return Diagnosis(
                f"DestinationRule {name_of(rule)} sends to {name} with mTLS (ISTIO_MUTUAL), and its pods have no "
                "sidecar to take it.",
                f"Give the pods a sidecar, or set the tls mode DISABLE for {name}.",
            )
    return None


def _is_strict(policy: Json, namespace: str) -> bool:
    return home_of(policy) in (namespace, ROOT) and is_strict(policy)


def _overflow(findings: Findings, record: Record) -> Diagnosis | None:
    if "UO" not in flags_of(record):
        return None
    rules = [
        name_of(one)
        for one in findings.of("DestinationRule")
        if short(str(one.get("spec", {}).get("host"))) == short(record.service)
        and (one["spec"].get("trafficPolicy") or {}).get("connectionPool")
    ]
    by = f" of DestinationRule {listed(rules)}" if rules else ""
    return Diagnosis(
        f"A circuit breaker{by} is open towards {short(record.service)} (UO, upstream overflow).",
        "Raise its limits of connections and pending requests, or send fewer requests at the same time.",
    )


def _flagged(findings: Findings, record: Record) -> Diagnosis | None:
    """Flags that speak for themselves."""
    to = short(record.service) if record.service else f"the application in pod {record.pod}"
    for flag, sentence, remedy in (
        (
            "UT",
            f"{to} did not answer within the route's timeout (UT).",
            "Raise the timeout in the VirtualService, or see why the answer takes so long.",
        ),
        (
            "FI",
            f"A fault is injected on purpose{_with_fault(findings, 'abort')} (FI).",
            "Remove the fault, or reset the lab that left it behind (mesh.workshop.reset).",
        ),
        ("RL", f"A rate limit at {record.pod} refuses the request (RL).", "Raise the limit or send more slowly."),
        ("RLSE", f"The rate limit service of {record.pod} does not answer (RLSE).", "See whether its pods are ready."),
        (
            "UAEX",
            f"The external authorization at {record.pod} refuses the request (UAEX).",
            "See the log of the authorization service.",
        ),
        (
            "UF",
            f"The connection to {to} cannot be made (UF: {record.failure or record.details}).",
            "See whether the application listens on the Service's target port, and on all addresses.",
        ),
        (
            "UC",
            f"{to} closed the connection before it had answered (UC: {record.details}).",
            "See its log; the pod may have been restarted, or it expects TLS that is not spoken.",
        ),
    ):
        if flag in flags_of(record):
            return Diagnosis(sentence[0].upper() + sentence[1:], remedy)
    return None


RecordRule = t.Callable[[Findings, Record], "Diagnosis | None"]
RECORD_RULES: tuple[RecordRule, ...] = (_denied_by, _no_cluster, _tls_mismatch, _overflow, _flagged)


# -- inside the mesh -----------------------------------------------------


def denied(findings: Findings) -> Diagnosis | None:
    """403 with Envoy's RBAC message: an AuthorizationPolicy said no."""
    if not any("RBAC: access denied" in str(one.get("body", "")) for one in findings.with_status(403)):
        return None
    policies = [name_of(one) for one in findings.of("AuthorizationPolicy")]
    which = f": {listed(policies)}" if policies else ""
    return Diagnosis(
        f"An AuthorizationPolicy denies the request (RBAC: access denied){which}.",
        "Add a rule that allows this caller, method and path, or remove the policy that a lab left behind.",
    )


def broken_routes(findings: Findings) -> Diagnosis | None:
    """A route to a service, subset or pods that do not exist."""
    if not trouble_inside(findings):
        return None
    for route in findings.of("VirtualService", findings.namespace):
        home = str(route["metadata"].get("namespace", ""))
        for destination in destinations(route):
            found = _broken_destination(findings, name_of(route), home, destination)
            if found:
                return found
    return None


def _broken_destination(
    findings: Findings, route: str, home: str, destination: t.Mapping[str, t.Any], *, pods_too: bool = True
) -> Diagnosis | None:
    host, subset = str(destination.get("host", "")), destination.get("subset")
    namespace = namespace_of(host, home)
    services = [one for one in findings.of("Service", namespace) if one["metadata"]["name"] == short(host)]
    if findings.known("Service") and not services and "." not in host.replace(".svc.cluster.local", ""):
        return Diagnosis(
            f"VirtualService {route} routes to the host {host}, and namespace {namespace} has no Service of that name.",
            "Correct the host's name, or create the Service.",
        )
    if not subset or not findings.known("DestinationRule"):
        return None
    # Where Istio looks for rules: with the caller, with the service, and in its root namespace.
    visible = (home, namespace, ROOT)
    rules = [
        one
        for one in findings.of("DestinationRule")
        if home_of(one) in visible
        and short(str(one.get("spec", {}).get("host", ""))) == short(host)
        and namespace_of(str(one["spec"]["host"]), home_of(one)) == namespace
    ]
    subsets = {one["name"]: one for rule in rules for one in rule["spec"].get("subsets") or []}
    if subset not in subsets:
        stray = rule_without_effect(findings, host, namespace, str(subset), visible)
        if stray is not None:
            return Diagnosis(
                f"VirtualService {route} routes to subset {subset} of {short(host)}, which no DestinationRule for it "
                f"defines: {stray[0]}.",
                stray[1],
            )
        have = f"it has {listed(list(subsets))}" if subsets else "there is none"
        return Diagnosis(
            f"VirtualService {route} routes to subset {subset} of {short(host)}, which no DestinationRule defines "
            f"({have}).",
            f"Apply a DestinationRule for {short(host)} with this subset, or name one that is defined.",
        )
    if not pods_too:
        return None
    wanted = subsets[subset].get("labels") or {}
    selector = (services[0].get("spec", {}).get("selector") or {}) if services else {}
    pods = [one for one in findings.of("Pod", namespace) if matches({**selector, **wanted}, labels_of(one))]
    if findings.known("Pod") and not pods:
        return Diagnosis(
            f"Subset {subset} of {short(host)} asks for the labels {in_words(wanted)}, and no pod has them "
            f"(DestinationRule {listed([name_of(one) for one in rules])}).",
            "Correct the labels in the DestinationRule, or deploy that version.",
        )
    if pods and not any(is_ready(pod) for pod in pods):
        return Diagnosis(
            f"No pod of subset {subset} of {short(host)} is ready ({listed([name_of(one) for one in pods])}).",
            "See kubectl describe pod for the reason.",
        )
    return None


def trouble_inside(findings: Findings) -> bool:
    """Whether an answer says that something behind the entrance could not be reached."""
    return any(
        (one.get("status") or 0) >= 500
        or "unavailable" in str(one.get("body", ""))
        or "Error fetching" in str(one.get("body", ""))
        for one in findings.seen
    ) or any(version is None for version in findings.served if findings.expected_versions)


def faulty(findings: Findings) -> Diagnosis | None:
    """A fault that was injected: Envoy says so in the body of an abort."""
    if not any("fault filter abort" in str(one.get("body", "")) for one in findings.seen):
        return None
    return Diagnosis(
        f"A fault is injected on purpose{_with_fault(findings, 'abort')}.",
        "Remove the fault, or reset the lab that left it behind (mesh.workshop.reset).",
    )


def _with_fault(findings: Findings, kind: str) -> str:
    names = [
        name_of(one)
        for one in findings.of("VirtualService", findings.namespace)
        if any(kind in (route.get("fault") or {}) for route in one.get("spec", {}).get("http") or [])
    ]
    return f" by VirtualService {listed(names)}" if names else ""


def no_sidecar(findings: Findings) -> Diagnosis | None:
    """Pods without a proxy: routing happens in the caller's proxy, so no rule holds for what they send."""
    if findings.source != "host" and "reset_before_response" in findings.errors():
        return None
    if findings.namespace is None or findings.expects_refusal:
        return None
    bare = [
        pod
        for pod in findings.of("Pod", findings.namespace)
        if labels_of(pod).get("app") and pod.get("status", {}).get("phase") == "Running" and not has_sidecar(pod)
    ]
    own = [pod for pod in bare if is_of(pod, findings.source)]
    if findings.source == "host":
        # Any pod behind a Service may be on the way; others stand for what is outside of the mesh.
        selectors = [one.get("spec", {}).get("selector") for one in findings.of("Service", findings.namespace)]
        if findings.known("Service"):
            bare = [pod for pod in bare if any(one and matches(one, labels_of(pod)) for one in selectors)]
    else:
        # A workload's own requests begin at itself: without a sidecar no rule holds for any of them.
        asked = callees(findings)[2]
        bare = own or [pod for pod in bare if pod in asked]
    if not bare or not (own or findings.expected_versions or trouble_inside(findings)):
        return None
    return bare_pods(findings, findings.namespace, bare)


def not_ready(findings: Findings) -> Diagnosis | None:
    """Pods of the application that are not ready."""
    if findings.namespace is None or not trouble_inside(findings):
        return None
    waiting = [
        pod
        for pod in findings.of("Pod", findings.namespace)
        if pod.get("status", {}).get("phase") not in ("Succeeded",) and not is_ready(pod)
    ]
    if not waiting:
        return None
    return Diagnosis(
        f"Pods of the application are not ready: {listed([name_of(one) for one in waiting])}.",
        "See kubectl describe pod for the reason; running mesh.workshop.setup again restores what is missing.",
    )


def no_istiod(findings: Findings) -> Diagnosis | None:
    """Nobody tells the proxies about changes."""
    if not findings.known("Pod"):
        return None
    pods = [one for one in findings.of("Pod") if matches(ISTIOD, labels_of(one))]
    if any(is_ready(pod) for pod in pods):
        return None
    return Diagnosis(
        "istiod is not ready, so the proxies keep their old configuration.",
        "See kubectl -n istio-system get pods; running mesh.workshop.setup again restores it.",
    )


def several_labs(findings: Findings) -> Diagnosis | None:
    """Rules of more than one lab in the namespace: only one of them is meant."""
    if findings.namespace is None:
        return None
    owners: dict[str, list[str]] = {}
    for kind in ("VirtualService", "DestinationRule", "AuthorizationPolicy", "PeerAuthentication"):
        for one in findings.of(kind, findings.namespace):
            lab = labels_of(one).get(LAB)
            if lab and lab != BASELINE:  # the way in stays with every lab
                owners.setdefault(lab, []).append(f"{kind} {one['metadata']['name']}")
    if len(owners) < 2:
        return None
    found = "; ".join(f"of {lab} {listed(names)}" for lab, names in sorted(owners.items()))
    return Diagnosis(
        f"Rules of several labs are applied in namespace {findings.namespace}: {found}.",
        "Reset to the baseline (mesh.workshop.reset) and apply the stage again.",
    )


def wrong_version(findings: Findings) -> Diagnosis | None:
    """Answers come from versions that were not expected."""
    versions = sorted({str(one) for one in findings.served if one} - set(findings.expected_versions))
    if not findings.expected_versions or not versions or not findings.known("VirtualService"):
        return None
    routing = [one for one in findings.of("VirtualService", findings.namespace) if in_mesh(one)]
    wanted = set(findings.expected_versions)
    chosen = [one for one in routing if wanted & {str(d.get("subset")) for d in destinations(one)}]
    if chosen:
        labs = sorted({labels_of(one)[LAB] for one in chosen if LAB in labels_of(one)})
        origin = f" (of lab {listed(labs)})" if labs else ""
        return Diagnosis(
            f"VirtualService {listed([name_of(one) for one in chosen])}{origin} names {listed(sorted(wanted))}, but "
            f"its matches or weights send these requests to {listed(versions)} as well.",
            "Compare its matches (headers are compared exactly) and weights with what is expected.",
        )
    other = [one for one in routing if any(d.get("subset") for d in destinations(one))]
    if other:
        return Diagnosis(
            f"VirtualService {listed([name_of(one) for one in other])} routes to other versions than "
            f"{listed(sorted(wanted))}; it may be left behind by another lab.",
            "Reset to the baseline (mesh.workshop.reset) and apply the stage again.",
        )
    pods = findings.of("Pod", findings.namespace)
    if pods and not any(labels_of(pod).get("version") in wanted for pod in pods):
        return Diagnosis(
            f"No pod in namespace {findings.namespace} is of version {listed(sorted(wanted))}.",
            "Deploy it, or correct served_by in the check.",
        )
    return Diagnosis(
        f"No VirtualService routes to {listed(sorted(wanted))}, so requests are spread over all versions.",
        "Apply the routing rule (and the DestinationRule that defines its subsets) first.",
    )


def plain_text_refused(findings: Findings) -> Diagnosis | None:
    """Closed without an answer where one is expected: strict mTLS towards a client that has none."""
    if findings.expects_refusal or "reset_before_response" not in findings.errors() or findings.source == "host":
        return None
    home = namespace_of(findings.host, findings.namespace or "default")
    strict = [name_of(one) for one in findings.of("PeerAuthentication") if _is_strict(one, home)]
    if not strict:
        return None
    return Diagnosis(
        f"PeerAuthentication {listed(strict)} demands mTLS (STRICT), and this client has no sidecar to speak it.",
        "Ask from a workload of the mesh, or set the mode PERMISSIVE.",
    )


def not_refused(findings: Findings) -> Diagnosis | None:
    """An answer where a refusal is expected."""
    answered = any(one.get("status") for one in findings.seen)
    if not findings.expects_refusal or not answered or not findings.known("PeerAuthentication"):
        return None
    if findings.source == "host":
        takers = [
            name_of(gateway) for gateway, server in servers(findings) if server["port"].get("number") == findings.port
        ]
        if not takers:
            return None
        return Diagnosis(
            f"Gateway {listed(takers)} opens port {findings.port}, so the connection is taken.",
            "Remove the server of this port from it, or look for a Gateway that another lab left behind.",
        )
    home = namespace_of(findings.host, findings.namespace or "default")
    stray = plain_text_let_in(findings)
    if stray is not None:
        return stray
    service, _home, pods = callees(findings)
    strict = [one for one in findings.of("PeerAuthentication") if _is_strict(one, home)]
    if strict and (not pods or any(holds(findings, one, home, pods) for one in strict)):
        return None
    of = f" of {service}" if strict else ""
    return Diagnosis(
        f"No PeerAuthentication demands mTLS{of} in namespace {home}, so plain text is let in.",
        "Apply a PeerAuthentication with mode STRICT in that namespace.",
    )


def timed_out(findings: Findings) -> Diagnosis | None:
    """No answer in time."""
    if not findings.errors() & {"timeout_response", "timeout_connect"}:
        return None
    delayed = _with_fault(findings, "delay")
    if delayed:
        return Diagnosis(
            f"A delay is injected on purpose{delayed}.", "Remove it, or reset the lab that left it behind."
        )
    if "timeout_connect" in findings.errors():
        return Diagnosis(
            "Nothing answers at the address: packets are dropped on the way, or it is not the gateway's.",
            "Check the address of the gateway's Service and firewalls between here and there.",
        )
    return None


def unknown_name(findings: Findings) -> Diagnosis | None:
    """The address to connect to has a name that does not resolve."""
    if "dns_failure" not in findings.errors():
        return None
    name = findings.address[0] if findings.address and findings.source == "host" else findings.host
    return Diagnosis(f"The name {name} does not resolve.", "Give an address instead of the name, or correct it.")


def could_not_ask(findings: Findings) -> Diagnosis | None:
    """The requests could not even be sent: what the cluster said is the reason."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == "probe_failed"]
    if not failed:
        return None
    return Diagnosis(str(failed[-1].get("detail", "")), "")


def login(findings: Findings) -> Diagnosis | None:
    """The session could not be opened, and nothing else tells why."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == LOGIN_FAILED]
    if not failed:
        return None
    return Diagnosis(
        f"The login before the requests failed ({failed[0].get('detail', '')}).",
        "Check that the gateway routes /login and the page is up.",
    )


def at_login(findings: Findings) -> Findings:
    """The findings of the login's own request, where that has failed for a reason that can be followed."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == LOGIN_FAILED]
    detail = str(failed[0].get("detail", "")) if failed else ""
    status = re.match(r"status (\d+)", detail)
    if detail.startswith("connection_refused"):
        answer: Json = {"error": {"kind": "connection_refused"}}
    elif status:
        answer = {"status": int(status[1]), "headers": []}
    else:
        return findings
    url = urljoin(findings.url, LOGIN)
    request = findings.request.at(LOGIN) if findings.request is not None else None
    return replace(findings, seen=(answer,), served=(None,), url=url, request=request)


FIRST: tuple[Rule, ...] = (could_not_ask, unknown_name)
"""Asked before the request's way is looked at, since no request was sent."""

HINDERED: tuple[Rule, ...] = (not_ready, no_sidecar, rejected, no_istiod)
"""Where one of these knows something, no rule of the mesh would help, whatever of the desired is missing."""

RULES: tuple[Rule, ...] = (
    no_listener,
    not_routed,
    blocked_outside,
    by_records,
    denied,
    faulty,
    broken_routes,
    not_ready,
    no_sidecar,
    rejected,
    timed_out,
    plain_text_refused,
    not_refused,
    no_istiod,
    let_in,
    route_without_effect,
    other_service_meant,
    wrong_weights,
    no_delay,
    no_quota,
    no_copies,
    no_traces,
    unacknowledged,
    several_labs,
    wrong_version,
    shares_by_other_means,
    login,
)


# A configuration of a version that is not known may have any form. Then the rules still know what they know.
_OF_ANOTHER_FORM = (AttributeError, KeyError, TypeError, ValueError)


def _case(findings: Findings) -> Case | None:
    """The request's way through the proxies; None where their configuration has a form that is not known here."""
    try:
        return case_of(findings)
    except _OF_ANOTHER_FORM:
        return None


def _by_its_way(case: Case) -> Diagnosis | None:
    try:
        return explained(case)
    except _OF_ANOTHER_FORM:
        return None


def diagnose(findings: Findings) -> Diagnosis | None:
    """The most specific explanation, or None where nothing is known beyond expected and observed."""
    inner = at_login(findings)
    if inner is not findings:
        return _diagnosed(inner) or login(findings)
    return _diagnosed(findings)


def _diagnosed(findings: Findings) -> Diagnosis | None:
    found = next((known for rule in FIRST if (known := rule(findings)) is not None), None)
    case = _case(findings)
    if found is None:
        own = _by_its_way(case) if case is not None else None
        hindered = any(rule(findings) is not None for rule in HINDERED)
        found = (None if hindered else as_desired(findings, case, own)) or own
    found = found or next((known for rule in (*RULES, behind) if (known := rule(findings)) is not None), None)
    told = with_analysis(findings, found)
    if case is None:
        return told
    if (told is None or not told.sentence) and how_far(case):
        told = Diagnosis(how_far(case), told.remedy if told is not None else "")
    return replace(told, path=_path(case)) if told is not None else None


def _path(case: Case) -> tuple[str, ...]:
    try:
        return case.path()
    except _OF_ANOTHER_FORM:
        return ()
