# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No stage of the catalogue holds anything that can have no effect, whichever state it is applied from."""

from __future__ import annotations

import functools
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.applied import Applied, idle_effects
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import APIS, BASELINE, ISTIO, parse_lab
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.desired import desired_state
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_applied import Server
from ansible_collections.mesh.workshop.tests.unit.roles.bookinfo import test_manifests
from ansible_collections.mesh.workshop.tests.unit.roles.lab.test_catalogue import NAMES, read

Json = dict[str, t.Any]
GATEWAY = """
kind: Pod
metadata: {name: istio-ingressgateway-a-b, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
"""
STATES = [
    (name, stage.name, number, api)
    for name in NAMES
    for api in (APIS if name != BASELINE else (ISTIO,))
    for stage in parse_lab(name, read(name), api).stages
    for number in range(len(stage.steps) + 1)
]


@functools.cache
def baseline() -> t.Any:
    """The stage baseline with Bookinfo, as setup applies them."""
    (stage,) = parse_lab(BASELINE, read(BASELINE)).stages
    return type(stage)(**{**vars(stage), "resources": [*test_manifests.render(), *stage.resources]})


def test_every_stage_is_looked_at() -> None:
    assert len({(name, stage) for name, stage, _number, _api in STATES}) >= 45
    assert len({(name, stage) for name, stage, _number, api in STATES if api != ISTIO}) >= 12


@pytest.mark.parametrize(("name", "stage", "number", "api"), STATES)
def test_no_state_of_a_lab_is_warned_of(name: str, stage: str, number: int, api: str) -> None:
    (found,) = (one for one in parse_lab(name, read(name), api).stages if one.name == stage)
    wanted = (*found.steps, found)[number]
    desired = desired_state(
        baseline=baseline(), lab=name, stage=None if name == BASELINE else wanted, namespace="bookinfo"
    )
    applied = Applied(tuple(desired.documents), settled=False)
    assert [one.sentence for one in idle_effects(t.cast(t.Any, Server(GATEWAY)), applied)] == []
