# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxies wrote about the failing requests, and no configuration tells."""

from __future__ import annotations

import re
import typing as t

from ..._explain.mesh import holds_for
from ..._kube.labels import LAB
from ..._kube.objects import labels_of
from ..._observe.access_log import Record
from ..findings import Diagnosis, Findings
from ..objects import listed, qualified, short

POLICY = re.compile(r"rbac_access_denied_matched_policy\[(?:none|ns\[(?P<ns>[^\]]*)\]-policy\[(?P<name>[^\]]*)\])")


def flags_of(record: Record) -> set[str]:
    """Envoy's response flags of a record."""
    return set(record.flags.split(",")) - {""}


def _denied_by(findings: Findings, record: Record) -> Diagnosis | None:
    match = POLICY.search(record.details)
    if not match:
        return None
    if match["name"]:
        name = f"{match['ns']}/{match['name']}"
        labs = [labels_of(one).get(LAB) for one in findings.of("AuthorizationPolicy") if qualified(one) == name]
        of = f" of lab {labs[0]}" if labs and labs[0] else ""
        return Diagnosis(
            f"AuthorizationPolicy {name}{of} denies the request (RBAC: access denied, pod {record.pod}).",
            "Change its rule, or remove it if another lab left it behind (mesh.workshop.reset).",
        )
    pod = next((one for one in findings.of("Pod") if one["metadata"]["name"] == record.pod), None)
    selecting = [qualified(one) for one in findings.of("AuthorizationPolicy") if pod is None or holds_for(one, pod)]
    which = f" of {listed(selecting)}" if selecting else ""
    return Diagnosis(
        f"No rule{which} allows the request, so pod {record.pod} denies it (RBAC: access denied).",
        "Add a rule that allows this caller, method and path.",
    )


def _no_cluster(findings: Findings, record: Record) -> Diagnosis | None:
    """A cluster that is not there or has no pod, and no route is to blame."""
    if not flags_of(record) & {"NC", "UH"} or not record.service:
        return None
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


def _overflow(findings: Findings, record: Record) -> Diagnosis | None:
    if "UO" not in flags_of(record):
        return None
    rules = [
        qualified(one)
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
RECORD_RULES: tuple[RecordRule, ...] = (_denied_by, _no_cluster, _overflow, _flagged)


def by_records(findings: Findings) -> Diagnosis | None:
    """The proxies' response flags and details, the last proxy on the way first: it knows the cause."""
    failing = [one for one in findings.records if one.status >= 400 or one.status == 0]
    for record in sorted(failing, key=lambda one: not one.inbound):
        for rule in RECORD_RULES:
            found = rule(findings, record)
            if found is not None:
                return found
    return None


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
        qualified(one)
        for one in findings.of("VirtualService", findings.namespace)
        if any(kind in (route.get("fault") or {}) for route in one.get("spec", {}).get("http") or [])
    ]
    return f" by VirtualService {listed(names)}" if names else ""


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
