# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks belong to, such as a stage's documents, and which of them are missing, different or left over: pure.

A check that proves what has been applied cannot know what was meant. One that comes with the documents can: where they
and the live objects are not the same, that is what the failure is looked for in. Only objects that the request meets
are named, and of these only kinds that can make its answers what they are.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._apply.fields import differences
from .._explain.effects.finding import is_for_mesh
from .._explain.mesh import holds_for
from .._explain.origin import Origin
from .._explain.words import joined
from .._kube.labels import ATTENDEE, BASELINE, LAB, STAGE
from .._kube.objects import home_of, labels_of, name_of, spec_of
from .asked import entries_for, pods_of
from .causes.case import HOST, NO_SIDECAR, pod_of
from .changes import application, deletion
from .findings import Diagnosis, Findings, Json
from .objects import host_matches
from .paths import POLICIES, Service, is_for, services_on_path

if t.TYPE_CHECKING:
    from .causes import Case

MISSING, OTHER, BESIDE = "missing", "other", "beside"
ROUTING = ("VirtualService", "DestinationRule")
FOR_PODS = (*POLICIES, "EnvoyFilter", "Telemetry", "Sidecar")
KINDS = ("Gateway", "Secret", "Service", "ServiceEntry", *ROUTING, *FOR_PODS)
"""In the order in which a request meets them."""
NOT_COMPARED = ("apiVersion", "kind", "metadata", "status", "stringData", "type")
DEFAULTS: t.Mapping[tuple[str, str], t.Any] = {
    ("AuthorizationPolicy", "spec.action"): "ALLOW",
}
"""What a field means that is not set (istio.io, "AuthorizationPolicy")."""
SHOWN = 2
LONGEST_VALUE = 60


@dataclass(frozen=True)
class Gap:
    """One object that is not as it is desired."""

    origin: Origin
    state: str
    """``missing``, ``other``, or ``beside``: it is there and is not desired."""
    object: Json
    """The document, or what is there besides."""
    live: Json | None = None
    fields: tuple[str, ...] = ()


def stage_of(findings: Findings) -> tuple[str, str] | None:
    """Lab and stage of the documents, by the labels that a stage's have; None where they are not a stage's."""
    found = {(labels[LAB], labels[STAGE]) for one in findings.desired if {LAB, STAGE} <= set(labels := labels_of(one))}
    return min(found, key=lambda one: one[0] == BASELINE, default=None)


def title_of(findings: Findings) -> str:
    """What the documents are."""
    stage = stage_of(findings)
    if stage is None:
        return "the desired documents"
    return BASELINE if stage[0] == BASELINE else f"stage {stage[1]} of lab {stage[0]}"


def gaps_of(findings: Findings) -> list[Gap]:
    """All that is not as desired, of the kinds that requests meet and that could be read."""
    home = findings.namespace or "default"
    wanted: dict[Origin, Json] = {}
    for one in findings.desired:
        wanted[Origin(str(one.get("kind", "")), home_of(one) or home, name_of(one))] = one
    found = []
    for origin, document in wanted.items():
        if origin.kind not in KINDS or not _readable(findings, origin):
            continue
        live = next((one for one in findings.of(origin.kind, origin.namespace) if name_of(one) == origin.name), None)
        if live is None:
            found.append(Gap(origin, MISSING, document))
            continue
        body = {key: value for key, value in document.items() if key not in NOT_COMPARED}
        fields = [one for one in differences(body, live) if not _is_default(origin.kind, one, document, live)]
        if fields:
            found.append(Gap(origin, OTHER, document, live, tuple(fields)))
    owners = {labels_of(one).get(ATTENDEE) for one in findings.desired} - {None}
    for kind in KINDS:
        for live in findings.of(kind) if wanted and kind not in ("Secret", "Service") else ():
            origin, labels = Origin(kind, home_of(live), name_of(live)), labels_of(live)
            ours = labels.get(ATTENDEE) in owners if owners else home_of(live) == home
            if origin not in wanted and labels.get(LAB) and ours:
                found.append(Gap(origin, BESIDE, live, live))
    return found


def _is_default(kind: str, path: str, document: Json, live: Json) -> bool:
    """Whether a field is not set and means what it is wanted to be."""
    return DEFAULTS.get((kind, path), NOT_COMPARED) == _at(document, path) and _at(live, path) is None


def _readable(findings: Findings, origin: Origin) -> bool:
    known = findings.known(origin.kind)
    return known and (origin.namespace == findings.namespace or findings.known_everywhere(origin.kind))


# -- which of them the request meets -------------------------------------


def met(findings: Findings, case: Case | None) -> list[Gap]:
    """Those that the request meets, or would meet."""
    gaps = gaps_of(findings)
    if not gaps:
        return []
    services = services_on_path(findings)
    callees = [pod for one in services for pod in pods_of(findings, *one)]
    gateways = case.mesh.gateways() if case is not None and findings.source == HOST else []
    inside = case is not None and findings.source not in (HOST, NO_SIDECAR)
    caller = pod_of(case.mesh, findings.source, case.home) if case is not None and inside else None
    receiving = [*gateways, *callees]
    every = [*receiving, *([caller] if caller is not None else [])]
    # Policies hold for what a pod receives, the others for what it sends as well.
    return [
        one for one in gaps if _is_met(findings, one, services, receiving if one.origin.kind in POLICIES else every)
    ]


def _variants(gap: Gap) -> list[Json]:
    """The object as it is and as it is desired: either may be what the request meets."""
    return [gap.object, *([gap.live] if gap.live is not None else [])]


def _takes(findings: Findings, gap: Gap) -> bool:
    return findings.source == HOST and any(
        host_matches(str(host), findings.host)
        for one in _variants(gap)
        for server in spec_of(one).get("servers") or ()
        for host in server.get("hosts") or ()
    )


def _is_met(findings: Findings, gap: Gap, services: set[Service], pods: list[Json]) -> bool:
    kind = gap.origin.kind
    if kind == "Gateway":
        return _takes(findings, gap)
    if kind == "Secret":
        return _is_certificate(findings, gap)
    if kind == "Service":
        return (gap.origin.name, gap.origin.namespace) in services
    for one in map(_placed(gap), _variants(gap)):
        spec = spec_of(one)
        if kind == "ServiceEntry":
            if any(host_matches(str(host), findings.host) for host in spec.get("hosts") or ()):
                return True
        elif kind == "VirtualService":
            hosts = [str(host) for host in spec.get("hosts") or ()]
            inside = is_for_mesh(one) and any(is_for(findings, one, hosts, service) for service in services)
            outside = findings.source == HOST and any(host_matches(host, findings.host) for host in hosts)
            if inside or (outside and bool(spec.get("gateways"))):
                return True
        elif kind == "DestinationRule":
            if any(is_for(findings, one, [spec.get("host", "")], service) for service in services):
                return True
        elif any(holds_for(one, pod) for pod in pods):
            return True
    return False


def _placed(gap: Gap) -> t.Callable[[Json], Json]:
    """A document as it is in its namespace."""
    return lambda one: {**one, "metadata": {**one["metadata"], "namespace": gap.origin.namespace}}


def _is_certificate(findings: Findings, gap: Gap) -> bool:
    """Whether a Gateway that takes the host shows this Secret's certificate."""
    return any(
        (server.get("tls") or {}).get("credentialName") == gap.origin.name
        for gateway in findings.of("Gateway")
        for server in spec_of(gateway).get("servers") or ()
        if any(host_matches(str(host), findings.host) for host in server.get("hosts") or ())
    )


# -- which of them can make the answers what they are --------------------


def decisive(findings: Findings) -> tuple[str, ...]:
    """The kinds that can make the answers what they are, where the answers tell; else empty, and it may be any."""
    statuses = {int(one["status"]) for one in findings.seen if one.get("status")}
    expected = set(findings.expected_status)
    denied = 403 in statuses or any("rbac_access_denied" in one.details for one in findings.records)
    if findings.source == HOST and (findings.expects_refusal or "connection_refused" in findings.errors()):
        return ("Gateway", "Secret")
    if findings.source == HOST and 404 in statuses:
        return ("Gateway", "VirtualService")
    if findings.expects_refusal:
        return ("PeerAuthentication",)
    if findings.expects_traces or findings.expects_logging:
        return ("Telemetry",)
    if findings.expects_quota:
        return ("EnvoyFilter",)
    if 401 in expected or 401 in statuses:
        return ("RequestAuthentication",)
    if expected == {403} or denied:
        return ("AuthorizationPolicy",)
    if findings.expects_copies or findings.expected_versions or findings.shares_are_wrong:
        return ("VirtualService", "DestinationRule")
    return ()


def as_desired(findings: Findings, case: Case | None, own: Diagnosis | None) -> Diagnosis | None:
    """What of the desired is missing, different or left over and explains the answers; None where nothing does.

    ``own`` is what the request's way carries: where it is about the same objects, it tells more than their fields do.
    """
    kinds = decisive(findings)
    gaps = [one for one in met(findings, case) if not kinds or one.origin.kind in kinds]
    if not gaps:
        return None
    if findings.latency_min is not None:  # of all routes those that make it wait
        gaps = [one for one in gaps if "delay" in str(one.object) or "timeout" in str(one.object)] or gaps
    gaps.sort(key=lambda one: ((MISSING, OTHER, BESIDE).index(one.state), KINDS.index(one.origin.kind)))
    names = {str(one.origin) for one in gaps}
    accused = own.accused() if own is not None else frozenset()
    sentence = own.sentence if own is not None and accused and accused <= names else told(findings, gaps)
    return Diagnosis(sentence, remedy(findings, gaps), change(gaps))


def behind(findings: Findings) -> Diagnosis | None:
    """What of the desired only a request of the callee's own can meet: the last to be asked."""
    gaps = [one for one in gaps_of(findings) if one.origin.kind in (*ROUTING, *POLICIES)]
    if not gaps or not findings.seen or decisive(findings):
        return None
    sentence = f"{told(findings, gaps)} The check's request does not meet it; a request that its callee sends may."
    return Diagnosis(sentence, remedy(findings, gaps), change(gaps))


def told(findings: Findings, gaps: t.Sequence[Gap]) -> str:
    """The gaps in one sentence."""
    title = title_of(findings)
    parts = []
    missing = [one for one in gaps if one.state == MISSING]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        parts.append(f"{_names(missing)} of {title} {verb} missing{_so(findings, missing[0])}")
    for one in [gap for gap in gaps if gap.state == OTHER][:SHOWN]:
        parts.append(f"{one.origin} is not as in {title}: {_difference(one)}")
    beside = [one for one in gaps if one.state == BESIDE]
    if beside:
        origins = sorted({f"lab {labels_of(one.object)[LAB]}" for one in beside})
        verb = "is" if len(beside) == 1 else "are"
        parts.append(f"{_names(beside)} of {' and '.join(origins)} {verb} there and not in {title}")
    return "; ".join(parts) + "."


def _names(gaps: t.Sequence[Gap]) -> str:
    return joined([str(one.origin) for one in gaps])


def _so(findings: Findings, gap: Gap) -> str:
    """What follows where an object is missing and none of its kind is in its place."""
    kind, spec = gap.origin.kind, spec_of(gap.object)
    placed = _placed(gap)(gap.object)
    if kind == "VirtualService" and is_for_mesh(gap.object):
        host = str(next(iter(spec.get("hosts") or ()), ""))
        service = (host.partition(".")[0], gap.origin.namespace)
        for one in findings.of("VirtualService"):
            if is_for_mesh(one) and is_for(findings, one, spec_of(one).get("hosts") or (), service):
                return ""
        return f", and no VirtualService routes {host}"
    if kind == "ServiceEntry" and not entries_for(findings, findings.host):
        return f", so the mesh does not know {findings.host}"
    if kind in POLICIES and kind != "PeerAuthentication":
        pods = [pod for pod in findings.of("Pod") if holds_for(placed, pod)]
        if not any(holds_for(one, pod) for one in findings.of(kind) for pod in pods):
            return f", and no {kind} holds there"
    if kind == "Gateway":
        return f", and nothing else opens port {findings.port}" if not findings.of("Gateway") else ""
    return ""


def _difference(gap: Gap) -> str:
    """The first fields that are other, and how."""
    if gap.origin.kind == "Secret":
        return ", ".join(f"{path} differs" for path in gap.fields[:SHOWN])
    return "; ".join(_field(path, _at(gap.object, path), _at(gap.live, path)) for path in gap.fields[:SHOWN])


def _field(path: str, wanted: t.Any, live: t.Any) -> str:
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) != len(live):
        return f"{path} has {_count(live)} and should have {_count(wanted)}"
    if _is_plain(wanted) and live is None:
        return f"{path} is not set and should be {_shown(wanted)}"
    if _is_plain(wanted) and _is_plain(live):
        return f"{path} is {_shown(live)} and should be {_shown(wanted)}"
    return f"{path} is missing" if live is None else f"{path} differs"


def _count(items: list[t.Any]) -> str:
    return "1 entry" if len(items) == 1 else f"{len(items)} entries"


def _is_plain(value: t.Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _shown(value: t.Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _at(document: t.Any, path: str) -> t.Any:
    """The value of a field by its path, such as ``spec.http[0].match``; None where it is not there."""
    for part in path.replace("[", ".[").split("."):
        if part.startswith("[") and part[1:-1].isdigit():
            index = int(part[1:-1])
            document = document[index] if isinstance(document, list) and index < len(document) else None
        else:
            document = document.get(part) if isinstance(document, t.Mapping) else None
    return document


def remedy(findings: Findings, gaps: t.Sequence[Gap]) -> str:
    """What to do about them, in words."""
    stage = stage_of(findings)
    whose = f" -e attendee={findings.attendee}" if findings.attendee else ""
    if stage is not None and stage[0] == BASELINE:
        return f"Reset to the baseline: ansible-playbook mesh.workshop.reset{whose}."
    if stage is not None:
        return f"Apply the stage: ansible-playbook mesh.workshop.lab -e lab={stage[0]} -e stage={stage[1]}{whose}."
    wanted = [one for one in gaps if one.state != BESIDE]
    verbs = (["Apply it as it should be"] if wanted else []) + (
        [f"remove {_names([one for one in gaps if one.state == BESIDE])}"] if len(wanted) < len(gaps) else []
    )
    text = ", and ".join(verbs)
    return f"{text[0].upper()}{text[1:]}."


def change(gaps: t.Sequence[Gap]) -> str:
    """The commands that make them as they are desired. Secrets are never shown."""
    wanted = [_placed(one)(one.object) for one in gaps if one.state != BESIDE and one.origin.kind != "Secret"]
    parts = [application(wanted)] if wanted else []
    parts += [deletion(one.origin.kind, one.origin.namespace, one.origin.name) for one in gaps if one.state == BESIDE]
    return "\n".join(parts)
