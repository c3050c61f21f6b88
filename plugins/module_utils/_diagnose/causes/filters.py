# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in EnvoyFilters: what they were to do and do not, since they are elsewhere, for another way, or switched off.

Sources: istio.io, "Envoy Filter" (``SIDECAR_INBOUND`` is what comes in at a workload, ``SIDECAR_OUTBOUND`` what it
sends); Envoy's ``extensions.filters.http.local_ratelimit.v3`` (``filter_enabled`` and ``filter_enforced``).
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._explain.effects.mend import setting
from ..._explain.journey import Received, Sent
from ..._explain.limits import LOCAL, Limit
from ..._explain.mesh import holds_for, origin_for
from ..._explain.origin import Origin
from ..._explain.words import joined
from ..._kube.objects import spec_of
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, app_of, named_pod, told

INBOUND, OUTBOUND, GATEWAY, ANY = "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "ANY"
PATCHED = {INBOUND: "what comes in at {}", OUTBOUND: "what {} sends"}
MET = {INBOUND: "comes in at {}", OUTBOUND: "is sent by {}"}
SWITCHED_ON = "default_value: {numerator: 100, denominator: HUNDRED}"


def filter_elsewhere(case: Case) -> Diagnosis | None:
    """What an EnvoyFilter was to do is missing, and the filter reaches no proxy, or no part of one."""
    if not (case.findings.expects_quota or case.findings.expects_headers):
        return None
    # A filter that selects the wrong pods is told by what it limits there.
    found = [one for one in case.about("filter") if one.field != "spec.workloadSelector"]
    if not found:
        return None
    if case.findings.expects_quota and "virtual host" in found[0].sentence:
        return told(replace(found[0], sentence=f"{found[0].sentence.rstrip('.')}, so no request is limited."))
    return told(found[0])


def switched_off(case: Case) -> Diagnosis | None:
    """A quota is expected, and a rate limit on the way limits no request."""
    if not case.findings.expects_quota or case.first is None:
        return None
    every = [(proxy, limit) for proxy in case.first.proxies for limit in proxy.limits]
    if any(limit.share > 0 for _proxy, limit in every):
        return None
    for proxy, limit in every:
        if len(proxy.limiters) == 1:
            return _switched_off(case, proxy, limit)
    return None


def _switched_off(case: Case, proxy: Sent | Received, limit: Limit) -> Diagnosis | None:
    (origin,) = proxy.limiters
    where = app_of(case, proxy.proxy)
    if limit.kind == LOCAL and limit.bucket:
        off = [*limit.unset, *limit.zero]
        said = [f"without {_at_zero(limit.unset, ', which')}"] if limit.unset else []
        said += [f"whose {_at_zero(limit.zero)}"] if limit.zero else []
        return Diagnosis(
            f"{origin} gives {where} a rate limit {', and '.join(said)}: no request is limited.",
            f"Set {joined(off)}, each to {SWITCHED_ON}." if len(off) > 1 else f"Set {off[0]} to {SWITCHED_ON}.",
        )
    if limit.missing:
        return Diagnosis(
            f"{origin} does not count this request at {where}: {limit.missing[0]}.",
            "Count by what the requests have, or send what it counts by.",
        )
    return None


def _at_zero(fields: t.Sequence[str], pronoun: str = "") -> str:
    return f"{joined(list(fields))}{pronoun} {'are' if len(fields) > 1 else 'is'} 0 %"


def filter_on_another_way(case: Case) -> Diagnosis | None:
    """An EnvoyFilter holds for a proxy on the way, and its patches are for what this request does not pass there."""
    findings = case.findings
    if not (findings.expects_quota or findings.expects_headers) or case.first is None:
        return None
    met = [(pod, _context(one), one.proxy) for one in case.first.proxies if (pod := named_pod(case, one)) is not None]
    for one in case.mesh.of("EnvoyFilter"):
        on_way = [(context, name) for pod, context, name in met if holds_for(one, pod)]
        patches = list(spec_of(one).get("configPatches") or ())
        asked = [_context_of(patch) for patch in patches]
        passed = {context for context, _name in on_way}
        if not on_way or not asked or passed & set(asked) or GATEWAY in passed or not PATCHED.keys() >= set(asked):
            continue
        return _another_way(case, origin_for("EnvoyFilter", one), asked, *on_way[0])
    return None


def _another_way(case: Case, origin: Origin, asked: t.Sequence[str], context: str, pod: str) -> Diagnosis:
    app = app_of(case, pod)
    alone = len(asked) == 1
    mend = setting(origin, ("spec", "configPatches", 0, "match", "context"), context) if alone else None
    return Diagnosis(
        f"{origin} patches {PATCHED[asked[0]].format(app)} (context {asked[0]}), and this request "
        f"{MET[context].format(app)}.",
        f"Write context: {context}.",
        commands(mend),
    )


def _context(proxy: Sent | Received) -> str:
    if isinstance(proxy, Received):
        return INBOUND
    return GATEWAY if proxy.role == "gateway" else OUTBOUND


def _context_of(patch: Json) -> str:
    """The context that a patch is for; a cluster is what a proxy sends to, so it is left to Envoy."""
    return str((patch.get("match") or {}).get("context") or ANY)
