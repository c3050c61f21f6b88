# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue's own promises: every check fails in the world it names, and the tour visits every stage."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from oracle.stages import CATALOGUE, LABS, read

BASELINE = "baseline"
STAGES = [(lab, stage["name"]) for lab, content in LABS.items() if lab != BASELINE for stage in content["stages"]]


def checks_of(stages):
    """All checks of stages, and of the steps on the way to them."""
    return [
        check for stage in stages for state in (*stage.get("steps", ()), stage) for check in state.get("checks", ())
    ]


WORLDS = sorted(
    {
        (lab, check["fails_in"])
        for lab, content in LABS.items()
        for check in checks_of(content["stages"])
        if isinstance(check.get("fails_in"), str)
    }
)
# By its first check each mutation is known; checks of one stage that name the same one share it.
MUTATED = [
    (lab, stage["name"], check["name"])
    for lab, content in LABS.items()
    for stage in content["stages"]
    for number, check in enumerate(stage["checks"])
    if isinstance(check.get("fails_in"), dict)
    and all(earlier.get("fails_in") != check["fails_in"] for earlier in stage["checks"][:number])
]


def apply(ansible, lab, stage):
    run = ansible.play("reset", reset_confirm="yes") if stage == BASELINE else ansible.play("lab", lab=lab, stage=stage)
    assert run.status == 0, run.output
    return run


NAMED = re.compile(
    r"\b(Gateway|VirtualService|DestinationRule|AuthorizationPolicy|PeerAuthentication|RequestAuthentication|"
    r"ServiceEntry|Sidecar|EnvoyFilter|Telemetry|Service|Secret) [a-z0-9-]+/([a-z0-9-]+)"
)


def named(stage, mutation=None):
    """What a namespace holds in a stage, by kind and name; a mutation replaces and takes away."""
    found = {identity(one): one for one in read(BASELINE)["stages"][0]["resources"]}
    for one in stage.get("removes") or ():
        found.pop(identity(one), None)
    found |= {identity(one): one for one in stage.get("resources") or ()}
    found |= {identity(one): one for one in (mutation or {}).get("resources") or ()}
    return {key: one for key, one in found.items() if key not in map(identity, (mutation or {}).get("removes") or ())}


def verify(ansible, checks, state, world):
    """Each check fails, and its explanation accuses only what makes this world another than the check's state."""
    desired = named(state)
    run = ansible.module("verify", checks=checks, desired=list(desired.values()), namespace="bookinfo", once=True)
    results = run.result["checks"]
    assert [check["name"] for check in results if check["passed"]] == []
    assert len(results) == len(checks)
    assert run.status != 0
    wrong = {key for key in {*desired, *world} if desired.get(key) != world.get(key)}
    for one in results:
        accused = set(NAMED.findall(one["diagnosis"]))
        assert accused, f"{one['name']}: {one['diagnosis']}"
        assert accused <= wrong, f"{one['name']}: {one['diagnosis']}"


def at(lab, stage):
    """The marker of a stage, where baseline is the world of any lab."""
    return pytest.mark.stage(BASELINE if stage == BASELINE else lab, stage)


@pytest.mark.parametrize(("lab", "world"), [pytest.param(lab, world, marks=at(lab, world)) for lab, world in WORLDS])
def test_checks_fail_in_the_world_that_they_name(ansible, images, credentials, lab, world):
    # Looked up when the world is there: what is applied and what is checked are of one making.
    stages = read(lab, images, credentials(lab))["stages"]
    applied = named(next((stage for stage in stages if stage["name"] == world), {}))
    for state in (state for stage in stages for state in (*stage.get("steps", ()), stage)):
        checks = [check for check in state["checks"] if check.get("fails_in") == world]
        if checks:
            verify(ansible, checks, state, applied)


PAGE, SPREAD, HEADERS = (
    "the page answers with details and reviews",
    "reviews come from all three versions",
    "no header matters",
)


def failing(ansible, sure):
    """Which of baseline's checks fail. Those named as sure depend on no share, so they fail or pass for certain."""
    run = ansible.module("verify", checks=read(BASELINE)["stages"][0]["checks"], namespace="bookinfo", once=True)
    results = {check["name"]: check["passed"] for check in run.result["checks"]}
    return {name for name in sure if not results[name]}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({SPREAD, HEADERS}, marks=at("request_routing", "all_v1"), id="request_routing-all_v1"),
        pytest.param({PAGE, HEADERS}, marks=at("tls", "mismatch"), id="tls-mismatch"),
    ],
)
def test_the_checks_of_baseline_fail_where_a_lab_is_applied(ansible, wrong):
    assert failing(ansible, {PAGE, *wrong, "another host finds nothing"}) == wrong


@at(BASELINE, BASELINE)
def test_the_checks_of_baseline_notice_a_fault_that_is_left_for_jason_alone(ansible):
    fault = {"abort": {"percentage": {"value": 100}, "httpStatus": 500}}
    route = [{"destination": {"host": "ratings"}}]
    jason = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "fault": fault, "route": route}
    spec = {"hosts": ["ratings"], "http": [jason, {"route": route}]}
    left = {"name": "ratings", "namespace": "bookinfo"}
    try:
        run = ansible.module("virtual_service", **left, spec=spec)  # it waits until the proxies have it
        assert run.status == 0, run.output
        assert failing(ansible, {PAGE, HEADERS, "another host finds nothing"}) == {HEADERS}
    finally:
        run = ansible.module("virtual_service", **left, state="absent")
    assert run.status == 0, run.output


@pytest.mark.parametrize(("lab", "stage", "check"), MUTATED)
def test_checks_fail_in_the_mutation_that_they_name(ansible, images, credentials, lab, stage, check):
    definition = read(lab, images, credentials(lab))
    (world,) = (item for item in definition["stages"] if item["name"] == stage)
    (fails_in,) = (item["fails_in"] for item in world["checks"] if item["name"] == check)
    checks = [item for item in world["checks"] if item.get("fails_in") == fails_in]
    state = dict(world)
    mutation = fails_in["mutation"]
    replaced = {identity(item) for item in (*mutation.get("resources", []), *mutation.get("removes", []))}
    kept = [item for item in world["resources"] if identity(item) not in replaced]
    world.update(resources=kept + mutation.get("resources", []), checks=[])
    run = ansible.module(
        "lab_stage",
        lab=lab,
        stage=stage,
        catalogue=str(CATALOGUE),
        definition=definition,
        baseline=read(BASELINE),
        namespace="bookinfo",
    )
    assert run.status == 0, run.output
    verify(ansible, checks, state, named(state, mutation))


def identity(document):
    return document["kind"], document["metadata"]["name"]


def test_the_tour_visits_every_stage_of_every_lab_in_order(ansible):
    run = ansible.play("tour", "--check")
    assert run.status == 0, run.output
    route = [
        (lab, stage)
        for lab, stages in re.findall(r"^(\w+) +(\w+(?:, \w+)*), reset$", run.output, flags=re.MULTILINE)
        for stage in stages.split(", ")
    ]
    assert route == STAGES


def test_the_tour_goes_on_after_a_failure_and_fails_at_the_end(ansible, tmp_path):
    report = tmp_path / "tour.xml"
    run = ansible.play("tour", labs="mirroring,request_routing", bookinfo_namespace="nowhere", tour_report=str(report))
    assert run.status != 0
    assert "5 of 5 steps of the tour failed; the first was mirroring, mirror. The reasons are below" in run.message
    # Above the one reason that all have are all that have it.
    (below,) = re.findall(r"steps in \d+ s\n((?:.*\n)*?)Namespace nowhere does not ", run.output)
    assert len(re.findall(r"^\w+, \w+:$", below, flags=re.MULTILINE)) == 5, run.output
    suites = {suite.get("name"): suite for suite in ElementTree.parse(report).getroot()}
    assert sorted(suites) == ["mirroring", "request_routing"]
    assert all(suite.find("testcase/failure") is not None for suite in suites.values())


def test_the_tour_of_one_lab_reports_each_check_and_ends_at_baseline(ansible, kube, tmp_path):
    report = tmp_path / "tour.xml"
    run = ansible.play("tour", lab="mirroring", tour_report=str(report))
    assert run.status == 0, run.output
    (suite,) = ElementTree.parse(report).getroot()
    checks = {
        stage: [check["name"] for check in LABS[lab]["stages"][0]["checks"]]
        for lab, stage in (("mirroring", "mirror"), (BASELINE, "reset"))
    }
    found = {
        stage: [case.get("name") for case in suite if case.get("classname") == f"mirroring.{stage}"] for stage in checks
    }
    assert found == checks
    assert suite.find("testcase/failure") is None
    assert kube.istio("destinationrules") == {}


def test_a_tour_to_an_unknown_lab_does_not_begin(ansible):
    run = ansible.play("tour", labs="request_routing,tsl")
    assert run.status != 0
    assert "There is no lab tsl. The labs are: egress, " in run.message


@at("request_routing", "all_v1")
def test_a_stage_takes_away_what_was_added_to_its_objects_and_names_what_lies_beside(ansible, kube):
    of = ("networking.istio.io", "v1", "bookinfo")
    rule = kube.istio("destinationrules")["reviews"]
    rule["spec"]["trafficPolicy"] = {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}}
    kube.custom.replace_namespaced_custom_object(*of, "destinationrules", "reviews", rule)
    beside = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "beside"},
        "spec": {"hosts": ["nowhere.example"], "http": [{"route": [{"destination": {"host": "details"}}]}]},
    }
    kube.custom.create_namespaced_custom_object(*of, "virtualservices", beside)
    try:
        run = apply(ansible, "request_routing", "all_v1")
    finally:
        kube.custom.delete_namespaced_custom_object(*of, "virtualservices", "beside")
    assert run.changed == 1
    assert "trafficPolicy" not in kube.istio("destinationrules")["reviews"]["spec"]
    assert re.search(r"no\s+lab\s+has\s+applied:\s+VirtualService\s+beside", run.output), run.output
    assert apply(ansible, "request_routing", "all_v1").changed == 0


@at(*STAGES[-1])
def test_verify_proves_what_is_applied_and_changes_nothing(ansible):
    lab, stage = STAGES[-1]
    run = ansible.play("verify")
    assert (run.status, run.changed) == (0, 0), run.output
    status = ansible.play("status")
    assert lab in status.output
    assert stage in status.output


@at(BASELINE, BASELINE)
def test_verify_tells_whether_what_was_done_by_hand_is_right(ansible, kube):
    stages = read("request_routing")["stages"]
    (stage,) = (item for item in stages if item["name"] == "all_v1")
    run = ansible.module("apply", definitions=stage["resources"], namespace="bookinfo")
    assert run.status == 0, run.output
    before = kube.istio("virtualservices")
    run = ansible.play("verify", lab="request_routing", stage="all_v1")
    assert (run.status, run.changed) == (0, 0), run.output
    assert kube.istio("virtualservices") == before
    # What carries no label of a lab's is taken back by a reset of everything.
    apply(ansible, BASELINE, BASELINE)
    assert set(kube.istio("virtualservices")) == {"bookinfo"}


@at(*STAGES[-1])
def test_reset_leads_back_to_baseline(ansible, gateway, kube):
    assert set(kube.istio("destinationrules")) == {"reviews"}
    apply(ansible, BASELINE, BASELINE)
    assert set(kube.istio("gateways")) == {"bookinfo-gateway"}
    assert set(kube.istio("virtualservices")) == {"bookinfo"}
    assert kube.istio("destinationrules") == {}
    assert set(gateway.versions(60)) == {"v1", "v2", "v3"}
