# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After every reset the cluster's resources and each proxy's configuration equal baseline's.

So a lab finds the same, whichever was there before: what holds for each lab alone stands for all ordered pairs of
labs. One round trip through the labs, twelve pairs, is walked for real, another one each day. MESH_WORKSHOP_PAIRS is
its number, as the tests' names have it, or `all`: every pair there is (`make pairs`).
"""

from __future__ import annotations

import datetime
import os

import pytest
import yaml
from oracle import pairs, proxies, snapshots
from oracle.stages import NEEDS, STAGES

NAMESPACE = "bookinfo"
ALL = "all"

# Each shows in the proxies in another way.
LEFT = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: left}
spec:
  host: details
  subsets: [{name: left, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: left}
spec:
  workloadSelector:
    labels: {app: ratings}
  configPatches:
    - applyTo: VIRTUAL_HOST
      match: {context: SIDECAR_INBOUND}
      patch:
        operation: MERGE
        value: {include_request_attempt_count: true}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: left}
spec:
  selector:
    matchLabels: {app: details}
  tracing: [{providers: [{name: workshop-zipkin}], randomSamplingPercentage: 50}]
"""
PLURALS = {"DestinationRule": "destinationrules", "EnvoyFilter": "envoyfilters", "Telemetry": "telemetries"}


def place(body):
    """Where the API has a document."""
    return *body["apiVersion"].split("/"), NAMESPACE, PLURALS[body["kind"]]


def route():
    """Which round trip, and where it leads."""
    chosen = os.environ.get("MESH_WORKSHOP_PAIRS") or str(datetime.datetime.now(datetime.UTC).date().toordinal())
    if chosen == ALL:
        return chosen, pairs.everything(STAGES)
    if not chosen.isdecimal():
        raise pytest.UsageError(f"MESH_WORKSHOP_PAIRS is the number of a round trip or {ALL}, not {chosen!r}.")
    number = int(chosen) % pairs.windows(list(STAGES))
    return str(number), pairs.window(STAGES, number)


NUMBER, VISITS = route()


def look(kube):
    return {**snapshots.snapshot(kube), **proxies.snapshot(kube)}


class Baseline:
    """What there is at baseline, and what there is now that differs from it."""

    def __init__(self, kube):
        self._kube = kube
        self._before = {}
        self.found = []

    def settle(self):
        """Take what there is for baseline; whether it is what there was the time before."""
        before, self._before = self._before, look(self._kube)
        self.found = snapshots.differences(before, self._before)
        return not self.found

    def differs(self):
        self.found = snapshots.differences(self._before, look(self._kube))
        return bool(self.found)

    def is_back(self):
        return not self.differs()

    def listing(self):
        return f"this is not as at baseline:\n{snapshots.listing(self.found)}\n"


@pytest.fixture(name="baseline", scope="module")
def baseline_fixture(ansible, kube, eventually):
    """Baseline with what labs have installed beside it for good: their Services are in every proxy's configuration."""
    for need in NEEDS:
        run = ansible.role(need)
        assert run.status == 0, run.output
    run = ansible.play("reset", reset_confirm="yes")
    assert run.status == 0, run.output
    baseline = Baseline(kube)
    eventually(baseline.settle, baseline.listing)
    return baseline


def test_what_a_reset_might_leave_is_seen(kube, baseline, eventually):
    create, remove = kube.custom.create_namespaced_custom_object, kube.custom.delete_namespaced_custom_object
    expected = {
        f"destinationrules {NAMESPACE}/left is left over",
        "productpage-v1: cluster outbound|9080|left|details.bookinfo.svc.cluster.local is left over",
        "istio-ingressgateway: cluster outbound|9080|left|details.bookinfo.svc.cluster.local is left over",
        f"envoyfilters {NAMESPACE}/left is left over",
        "ratings-v1: listener virtualInbound differs",
        f"telemetries {NAMESPACE}/left is left over",
        "details-v1: listener virtualInbound differs",
    }
    for body in yaml.safe_load_all(LEFT):
        create(*place(body), body)

    def seen():
        baseline.differs()
        return expected <= {line.partition(" at ")[0] for line in baseline.found}

    eventually(seen, lambda: f"{sorted(expected)} among {baseline.found}")
    for body in yaml.safe_load_all(LEFT):
        remove(*place(body), "left")
    eventually(baseline.is_back, baseline.listing)


def names():
    """`82.08-tracing.sampled-after-egress`: the round trip, the place on it, and the pair."""
    before = ["baseline", *(lab for lab, _stage in VISITS)]
    for count, (lab, stage) in enumerate(VISITS):
        yield f"{NUMBER}.{count:0{len(str(len(VISITS)))}}-{lab}.{stage}-after-{before[count]}"


@pytest.mark.parametrize(("lab", "stage"), VISITS, ids=names())
def test_after_each_lab_reset_leads_back_to_baseline(ansible, baseline, eventually, lab, stage):
    applied = ansible.play("lab", lab=lab, stage=stage)
    # Before anything is judged, so that a lab that fails is not in the way of the next.
    reset = ansible.play("reset", reset_confirm="yes")
    assert applied.status == 0, applied.output
    assert reset.status == 0, reset.output
    eventually(baseline.is_back, lambda: f"{baseline.listing()}(MESH_WORKSHOP_PAIRS={NUMBER} walks this trip again)")
