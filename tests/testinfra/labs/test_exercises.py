# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break-it exercises: each is broken, its cause is found by traffic, it is mended by hand, and a reset ends it."""

from __future__ import annotations

import json

import pytest
from oracle.snapshots import versions
from oracle.stages import CATALOGUE, FACTS, read

EXERCISES = CATALOGUE / "exercises"
NAMES = sorted(path.parent.name for path in EXERCISES.glob("*/lab.yml"))
HOME = FACTS["namespace"]
NOTES = "mesh-workshop-exercise"


def told(name):
    return read(name, catalogue=EXERCISES)["exercise"]


def remove(kind, name, group="networking.istio.io"):
    return lambda kube: kube.custom.delete_namespaced_custom_object(group, "v1", HOME, kind, name)


def change(kind, name, spec, group="networking.istio.io"):
    return lambda kube: kube.custom.patch_namespaced_custom_object(group, "v1", HOME, kind, name, {"spec": spec})


def move_port(kube):
    ports = [{"port": 9080, "targetPort": 9080}]
    kube.core.patch_namespaced_service("details-next", HOME, {"spec": {"ports": ports}})


def scale(kube):
    kube.apps.patch_namespaced_deployment_scale("ratings-next", HOME, {"spec": {"replicas": 1}})


MENDED = {
    "details_away": move_port,
    "no_details": change("destinationrules", "details", {"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}),
    "no_page": change("virtualservices", "bookinfo", {"gateways": ["bookinfo-gateway"]}),
    "no_reviews": remove("virtualservices", "reviews"),
    "no_stars": change(
        "authorizationpolicies",
        "ratings",
        {"rules": [{"from": [{"source": {"namespaces": [HOME]}}]}]},
        "security.istio.io",
    ),
    "page_refused": remove("authorizationpolicies", "productpage", "security.istio.io"),
    "reviews_unseen": change("sidecars", "productpage", {"egress": [{"hosts": ["./*", "istio-system/*"]}]}),
    "slow_page": remove("virtualservices", "details"),
    "stars_away": scale,
}
"""How an attendee may mend each by hand."""
ACCUSED = {
    "details_away": "details-next",
    "no_details": "DestinationRule bookinfo/details",
    "no_page": "bookinfo-gatewy",
    "no_reviews": "v4",
    "no_stars": "AuthorizationPolicy bookinfo/ratings",
    "page_refused": "AuthorizationPolicy bookinfo/productpage",
    "reviews_unseen": "Sidecar bookinfo/productpage lists no host that covers reviews in its egress",
    "slow_page": "VirtualService bookinfo/details",
    "stars_away": "Deployment bookinfo/ratings-next is scaled to 0 replicas",
}
"""What the diagnosis of a failing check names."""


def causes(run):
    """What the failing checks say of why they fail; the told cause is not among it."""
    (_before, found, document) = run.output.partition("FAILED! => ")
    assert found, run.output
    checks = json.JSONDecoder().raw_decode(document)[0]["checks"]
    return " ".join(one["diagnosis"] for one in checks if not one["passed"])


def test_every_exercise_is_mended_here():
    assert set(MENDED) == set(ACCUSED) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_broken_is_explained_and_mended_by_hand(ansible, kube, name):
    run = ansible.play("break", fault=name)
    assert run.status == 0, run.output
    assert told(name)["symptom"] in run.output
    run = ansible.play("verify", explain=True)
    assert run.status != 0
    assert run.message == f"Not mended yet. {told(name)['symptom']}\nThe cause: {told(name)['cause']}"
    assert ACCUSED[name] in causes(run), causes(run)
    MENDED[name](kube)
    run = ansible.play("verify")
    assert run.status == 0, run.output
    assert f"Mended. The cause was: {told(name)['cause']}" in run.output.replace("\\n", "\n")


def test_hints_come_one_by_one_without_the_answer_and_a_reset_ends_the_exercise(ansible, kube):
    assert ansible.play("reset", reset_confirm=True).status == 0
    before = versions(kube)
    run = ansible.play("break", fault="no_page")
    assert run.status == 0, run.output
    hints = told("no_page")["hints"]
    for number in (1, 2):
        run = ansible.play("verify")
        assert run.status != 0
        assert run.message.splitlines()[1:] == [
            f"Hint {one} of 3: {hint}" for one, hint in enumerate(hints[:number], 1)
        ], run.message
        assert "gatewy" not in run.output, "nothing tells the answer"
    assert kube.core.read_namespaced_config_map(NOTES, HOME).data == {"hints": "2"}
    run = ansible.play("status")
    assert run.status == 0
    assert "no_page, stage broken" in run.output
    assert "gatewy" not in run.output
    run = ansible.play("verify", hint=7)
    assert "There is no hint 7: name one of 1 to 3, or none for the next." in run.message
    assert ansible.play("reset", reset_confirm=True).status == 0
    assert set(versions(kube)) == set(before)


def test_a_fault_that_does_not_exist_is_told(ansible):
    run = ansible.play("break", fault="nothing")
    assert run.status != 0
    assert f"There is no fault nothing. The faults are: {', '.join(NAMES)}." in run.message
