# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in Services: a selector that no pod has, a targetPort on which no application listens, addresses beside pods.

Source: kubernetes.io, "Service" (the selector is one of labels in its own namespace; targetPort is the pods'; the name
of a headless one is resolved to its pods, so no port is put in place of another).
"""

from __future__ import annotations

from ..._explain.effects.entries import addresses_of
from ..._explain.effects.mend import setting
from ..._explain.mesh import ServiceName, is_headless, origin_for, port_number, ports_of, service_named
from ..._explain.origin import Origin
from ..._explain.words import joined, labelled
from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..._observe.access_log import Record
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, holding, named_pod, told


def alias_of_nobody(case: Case) -> Diagnosis | None:
    """The Service that is asked is only another name, of what does not exist."""
    if not (case.findings.errors() or case.statuses & {502, 503}):
        return None
    asked = case.mesh.service_for(case.findings.host, case.home)
    found = (one for one in case.effects if one.field == "spec.externalName" and asked in one.services)
    return next((told(one) for one in found), None)


def service_of_nobody(case: Case) -> Diagnosis | None:
    """The request is sent to a Service whose selector no pod has."""
    lost = [one for one in case.findings.records if "UH" in one.flags.split(",")]
    if not (case.statuses & {500, 502, 503} or lost or case.findings.errors()) or not case.mesh.known("Pod", case.home):
        return None
    asked = [target.service for one in case.journeys if one not in case.guessed and one.sent for target in one.sent.met]
    asked += [service_named(one.service, case.home) for one in lost if one.service]
    for name in dict.fromkeys(one for one in asked if one is not None and one[1] == case.home):
        selector = spec_of(case.mesh.service(name) or {}).get("selector") or {}
        if not selector or case.mesh.pods_of(name) or _has_workload(case, name, selector):
            continue
        return Diagnosis(
            f"Service {name[1]}/{name[0]} selects {labelled(selector)}, and no pod in namespace {name[1]} has these "
            "labels.",
            "Correct its selector to the labels of the pods, or deploy them.",
        )
    return None


def _has_workload(case: Case, name: ServiceName, selector: Json) -> bool:
    """Whether a Deployment makes such pods, and has none now; that is told otherwise."""
    templates = [spec_of(one).get("template") or {} for one in case.findings.of("Deployment", name[1])]
    return any(matches(selector, labels_of(one)) for one in templates)


def port_of_nobody(case: Case) -> Diagnosis | None:
    """The callee's proxy cannot connect to its application: nobody listens on the port that the Service names."""
    refusing = {one.pod for one in case.findings.records if one.inbound and _is_refused(one)}
    for journey in case.journeys:
        services = {target.service for target in journey.sent.met} if journey.sent else set()
        services |= {case.mesh.service_for(journey.request.host, case.home)}
        for received in journey.received:
            pod = named_pod(case, received)
            if pod is None or received.proxy not in refusing:
                continue
            for sidecar in holding(case, "Sidecar", pod):
                for index, one in enumerate(spec_of(sidecar).get("ingress") or ()):
                    if int((one.get("port") or {}).get("number") or 0) == received.port:
                        return Diagnosis(
                            f"{origin_for('Sidecar', sidecar)} passes port {received.port} on to "
                            f"{one.get('defaultEndpoint')} (ingress[{index}].defaultEndpoint), and no application "
                            "listens there.",
                            "Correct defaultEndpoint to where the application listens, or leave the entry out.",
                        )
            for name in sorted(one for one in services if one is not None):
                for index, port in enumerate(ports_of(case.mesh.service(name) or {})):
                    others = _ports_beside(case, name, pod)
                    if port_number(port, pod, 0) != received.port or received.port in others or not others:
                        continue
                    origin = Origin("Service", name[1], name[0])
                    listens = " or ".join(str(one) for one in sorted(others))
                    mend = setting(origin, ("spec", "ports", index, "targetPort"), min(others))
                    return Diagnosis(
                        f"{origin} sends its port {port.get('port')} to port {received.port} of its pods (targetPort), "
                        f"and no application listens there; its pods have {listens}.",
                        f"Set targetPort: {listens}.",
                        commands(mend if len(others) == 1 else None),
                    )
    return None


def stream_of_nobody(case: Case) -> Diagnosis | None:
    """A connection of raw TCP ends without an answer, at a port that the pods do not say they have."""
    broken = any(set(one.flags.split(",")) & {"UC", "UF"} for one in case.findings.records)
    if case.findings.expects_refusal or not (case.findings.errors() or (broken and 503 in case.statuses)):
        return None
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or journey in case.guessed or sent.service is None or sent.port is None:
            continue
        for received in journey.received:
            pod = named_pod(case, received)
            others = _ports_beside(case, sent.service, pod) if pod is not None else set()
            if received.http or not received.accepted or received.denying is not None or not others:
                continue
            if received.port in others:
                continue
            origin, listens = Origin("Service", sent.service[1], sent.service[0]), [str(one) for one in sorted(others)]
            ports = ports_of(case.mesh.service(sent.service) or {})
            inner = port_number(sent.port, pod or {}, received.port)
            if is_headless(case.mesh.service(sent.service)) and inner != received.port:
                return Diagnosis(
                    f"{origin} is headless (clusterIP: None), so callers reach its pods at port {received.port} "
                    f"itself, and its targetPort {inner} does not count; the pods say that they have {joined(listens)} "
                    "only.",
                    f"Give it port {inner} and ask that, or leave clusterIP: None out.",
                )
            index = next((place for place, one in enumerate(ports) if one == sent.port), 0)
            mend = setting(origin, ("spec", "ports", index, "targetPort"), min(others))
            return Diagnosis(
                f"{origin} sends its port {sent.port.get('port')} to port {received.port} of its pods (targetPort), "
                f"which say that they have {joined(listens)} only, and the connection ends without an answer.",
                f"Set targetPort: {joined(listens, 'or')}, or let the application listen on {received.port}.",
                commands(mend if len(others) == 1 else None),
            )
    return None


def entry_beside_pods(case: Case) -> Diagnosis | None:
    """Some requests to a Service are sent to an address that a ServiceEntry for its host has added to its pods."""
    slow = not case.findings.seen and not case.findings.shares_are_wrong  # tried again until a pod has answered
    if not (slow or case.findings.errors() or any(one >= 500 for one in case.statuses)):
        return None
    for journey in case.journeys:
        for target in journey.sent.met if journey.sent and journey not in case.guessed else ():
            strange = [one.address for one in target.endpoints if one.pod is None]
            for effect in case.effects:
                entry = case.mesh.find(effect.origin) if effect.origin.kind == "ServiceEntry" else None
                if entry is None or effect.idle or target.service not in effect.services:
                    continue
                if not set(strange).isdisjoint(addresses_of(entry)):
                    return told(effect)
    return None


def _is_refused(record: Record) -> bool:
    return "UF" in record.flags.split(",") and "refused" in f"{record.details} {record.failure}".lower()


def _ports_beside(case: Case, name: ServiceName, pod: Json) -> set[int]:
    """The ports that a pod says it has, and those to which other Services lead."""
    found = {
        int(port["containerPort"])
        for one in spec_of(pod).get("containers") or ()
        if one.get("name") != "istio-proxy"
        for port in one.get("ports") or ()
        if port.get("containerPort")
    }
    for service in case.mesh.of("Service", home_of(pod)):
        selector = spec_of(service).get("selector") or {}
        if name_of(service) != name[0] and selector and matches(selector, labels_of(pod)):
            found |= {port_number(port, pod, 0) for port in ports_of(service)} - {0}
    return found
