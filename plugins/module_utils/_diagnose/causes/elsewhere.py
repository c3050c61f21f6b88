# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in what holds for other proxies than is meant: filters, sampling, probes."""

from __future__ import annotations

from dataclasses import replace

from ..._explain.mesh import holds_for, home_of, name_of, origin_for, selector_of, spec_of
from ..findings import Diagnosis, Json
from .case import HOST, Case, pod_of, told


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


def sampled_elsewhere(case: Case) -> Diagnosis | None:
    """Fewer traces than expected: the first proxy on the way decides, by the Telemetry that holds for it."""
    if not case.findings.expects_traces or not case.mesh.known("Telemetry"):
        return None
    source = case.findings.source
    pods = case.mesh.gateways() if source == HOST else [pod_of(case.mesh, source, case.home)]
    decider = next((pod for pod in pods if pod is not None), None)
    if decider is None:
        return None
    sampling = [one for one in case.mesh.of("Telemetry") if _sampling(one) is not None]
    holding = sorted(
        (one for one in sampling if holds_for(one, decider)),
        key=lambda one: (home_of(one) != home_of(decider), not selector_of(one), name_of(one)),
    )
    share = (_sampling(holding[0]) or 0.0) if holding else 0.0
    others = [one for one in sampling if one not in holding and (_sampling(one) or 0.0) > share]
    if not holding or share >= 100:
        return None
    what = "The gateway" if source == HOST else f"The proxy of {source}"
    tail = ""
    if others:
        tail = f"; {home_of(others[0])}/{name_of(others[0])} holds only for requests that begin in {home_of(others[0])}"
    return Diagnosis(
        f"{what} decides whether a request is traced, by {origin_for('Telemetry', holding[0])} ({share:g} %){tail}.",
        f"Raise randomSamplingPercentage there, or apply a Telemetry in {home_of(decider)} with the selector of "
        f"{'the gateway' if source == HOST else source}.",
    )


def _sampling(telemetry: Json) -> float | None:
    for one in spec_of(telemetry).get("tracing") or ():
        value = one.get("randomSamplingPercentage")
        if value is not None:
            return float(value)
    return None


def probe_refused(case: Case) -> Diagnosis | None:
    """A pod that is not ready because the kubelet's plain probe meets strict mTLS."""
    for one in case.about("probe"):
        return told(one)
    return None
