# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in what holds for other proxies than is meant: sampling, probes."""

from __future__ import annotations

from ..._explain.sampling import in_words, sampling_of, wider
from ..._kube.objects import home_of
from ..findings import Diagnosis
from .case import HOST, Case, pod_of, told


def sampled_elsewhere(case: Case) -> Diagnosis | None:
    """Fewer traces than expected: the first proxy on the way decides, by the Telemetry that holds for it."""
    if not case.findings.expects_traces:
        return None
    source = case.findings.source
    pods = case.mesh.gateways() if source == HOST else [pod_of(case.mesh, source, case.home)]
    decider = next((pod for pod in pods if pod is not None), None)
    sampling = sampling_of(case.mesh, decider) if decider is not None else None
    if decider is None or sampling is None or sampling.share >= 100:
        return None
    homes = {case.home, *(home for _name, home in case.services)} - {home_of(decider)}
    others = [one for one in wider(case.mesh, sampling.share, homes) if one != sampling.origin]
    tail = ""
    if others:
        tail = f"; {others[0].namespace}/{others[0].name} holds only for requests that begin in {others[0].namespace}"
    what, which = ("The gateway", "the gateway") if source == HOST else (f"The proxy of {source}", source)
    there = "there" if not sampling.default else f"in {sampling.origin}"
    return Diagnosis(
        f"{what} decides whether a request is traced, {in_words(sampling)}{tail}.",
        f"Raise randomSamplingPercentage {there}, or apply a Telemetry in {home_of(decider)} with the selector of "
        f"{which}.",
    )


def probe_refused(case: Case) -> Diagnosis | None:
    """A pod that is not ready because the kubelet's plain probe meets strict mTLS."""
    for one in case.about("probe"):
        return told(one)
    return None
