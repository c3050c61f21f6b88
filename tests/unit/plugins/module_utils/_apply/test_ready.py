# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.ready import (
    Readiness,
    deployment,
    pod_trouble,
    predicate_of,
    remedy_of,
)

Json = dict[str, t.Any]


def judge(api_version: str, kind: str, spec: Json, status: Json, generation: int = 1) -> Readiness:
    predicate = predicate_of(api_version, kind)
    assert predicate is not None
    return predicate({"metadata": {"name": "x", "generation": generation}, "spec": spec, "status": status})


ONE = {"observedGeneration": 1, "desiredNumberScheduled": 1}
DONE = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("status", "ready", "why"),
    [
        (DONE, True, ""),
        ({}, False, "its controller has not looked at it yet"),
        ({**DONE, "updatedReplicas": 1}, False, "1 of 2 pods are of the new version"),
        ({**DONE, "replicas": 3}, False, "1 pods of the old version are still there"),
        ({**DONE, "availableReplicas": 0}, False, "0 of 2 pods are available"),
        (
            {
                **DONE,
                "updatedReplicas": 0,
                "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}],
            },
            False,
            "0 of 2 pods are of the new version (quota)",
        ),
    ],
)
def test_deployments(status: Json, ready: bool, why: str) -> None:
    verdict = judge("apps/v1", "Deployment", {"replicas": 2}, status)
    assert (verdict.ready, verdict.why, verdict.final) == (ready, why, False)


def test_a_deployment_whose_last_rollout_was_over_its_deadline_can_still_become_ready() -> None:
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    status = {"observedGeneration": 1, "conditions": [condition]}
    verdict = judge("apps/v1", "Deployment", {}, status)
    assert (verdict.ready, verdict.final, verdict.why) == (False, False, "0 of 1 pods are of the new version")
    pods = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    assert judge("apps/v1", "Deployment", {}, {**status, **pods}).ready


def test_a_deployment_of_none_is_ready() -> None:
    assert judge("apps/v1", "Deployment", {"replicas": 0}, {"observedGeneration": 1}).ready


@pytest.mark.parametrize(
    ("spec", "status", "ready"),
    [
        ({"replicas": 1}, {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}, True),
        ({"replicas": 1}, {"observedGeneration": 1, "readyReplicas": 0, "updatedReplicas": 1}, False),
        ({"replicas": 1}, {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 0}, False),
        (
            {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1},
            True,
        ),
        (
            {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
            {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 0},
            True,
        ),
        ({"replicas": 1}, {}, False),
    ],
)
def test_stateful_sets(spec: Json, status: Json, ready: bool) -> None:
    assert judge("apps/v1", "StatefulSet", spec, status).ready is ready


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (
            {"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1},
            True,
        ),
        ({**ONE, "updatedNumberScheduled": 0}, False),
        ({**ONE, "updatedNumberScheduled": 1}, False),
        ({}, False),
    ],
)
def test_daemon_sets(status: Json, ready: bool) -> None:
    assert judge("apps/v1", "DaemonSet", {}, status).ready is ready


@pytest.mark.parametrize(
    ("conditions", "ready", "final"),
    [
        ([{"type": "Complete", "status": "True"}], True, False),
        ([{"type": "Failed", "status": "True", "message": "no"}], False, True),
        ([], False, False),
    ],
)
def test_jobs(conditions: list[Json], ready: bool, final: bool) -> None:
    verdict = judge("batch/v1", "Job", {}, {"conditions": conditions})
    assert (verdict.ready, verdict.final) == (ready, final)


def test_custom_resource_definitions() -> None:
    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    assert judge(*kind, {}, {"conditions": [{"type": "Established", "status": "True"}]}).ready
    assert not judge(*kind, {}, {}).ready
    taken = judge(*kind, {}, {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]})
    assert (taken.final, taken.why) == (True, "taken")


def test_namespaces_and_kinds_that_are_ready_at_once() -> None:
    assert judge("v1", "Namespace", {}, {"phase": "Active"}).ready
    assert not judge("v1", "Namespace", {}, {"phase": "Terminating"}).ready

    assert predicate_of("v1", "Service") is None
    assert predicate_of("networking.istio.io/v1", "VirtualService") is None


@pytest.mark.parametrize(
    ("status", "ready", "final"),
    [
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, True, False),
        ({"phase": "Succeeded"}, True, False),
        ({"phase": "Failed", "message": "evicted"}, False, True),
        ({"phase": "Pending"}, False, False),
    ],
)
def test_pods(status: Json, ready: bool, final: bool) -> None:
    verdict = judge("v1", "Pod", {}, status)
    assert (verdict.ready, verdict.final) == (ready, final)


def container(**state: t.Any) -> Json:
    return {"containerStatuses": [{"name": "c", "image": "x:1", **state}]}


@pytest.mark.parametrize(
    ("status", "trouble", "remedy"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no memory"}]},
            ("unschedulable: no memory", False),
            "free or add resources",
        ),
        (
            container(state={"waiting": {"reason": "ImagePullBackOff"}}),
            ("container c: ImagePullBackOff, image x:1", False),
            "correct the image",
        ),
        (
            container(state={"waiting": {"reason": "InvalidImageName"}}),
            ("container c: InvalidImageName, image x:1", True),
            "correct the image",
        ),
        (
            container(
                state={"waiting": {"reason": "CrashLoopBackOff"}},
                lastState={"terminated": {"exitCode": 3, "reason": "Error"}},
            ),
            ("container c: CrashLoopBackOff, last exit code 3 (Error)", False),
            "look at the container's log",
        ),
        (
            container(state={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}}),
            ('container c: CreateContainerConfigError (secret "s" not found)', True),
            "create the ConfigMap or Secret",
        ),
        (
            container(state={"waiting": {"reason": "CreateContainerConfigError", "message": "failed to sync cache"}}),
            ("container c: CreateContainerConfigError (failed to sync cache)", False),
            "create the ConfigMap or Secret",
        ),
        (
            container(state={"terminated": {"exitCode": 1, "reason": "Error"}}),
            ("container c ended with exit code 1 (Error)", False),
            "look at the container's log",
        ),
        (
            {"phase": "Running", **container(state={"running": {}}, ready=False)},
            ("container c runs but its readiness probe does not pass", False),
            "readiness probe",
        ),
        (container(state={"waiting": {"reason": "ContainerCreating"}}), ("", False), "events"),
        ({}, ("", False), "events"),
    ],
)
def test_what_keeps_a_pod_from_running(status: Json, trouble: tuple[str, bool], remedy: str) -> None:
    found = pod_trouble({"metadata": {"name": "p"}, "status": status})
    assert found == trouble
    assert remedy in remedy_of(found[0])


def test_other_remedies() -> None:
    assert remedy_of("exceeded quota: q") == "raise the quota or lower what the pods ask for"
    assert remedy_of("failed calling webhook") == "check that the pods behind the webhook are ready"


def condition(kind: str, status: str, reason: str = "", message: str = "", generation: int = 1) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}


ACCEPTED, PROGRAMMED, RESOLVED = (condition(kind, "True") for kind in ("Accepted", "Programmed", "ResolvedRefs"))
WAITING = condition("Accepted", "Unknown", "Pending", "Waiting for controller", 0)
NO_CERTIFICATE = condition("ResolvedRefs", "False", "InvalidCertificateRef", "secret bookinfo/tls not found.")
GATEWAY_API = "gateway.networking.k8s.io/v1"


@pytest.mark.parametrize(
    ("status", "ready", "why"),
    [
        ({"conditions": [ACCEPTED, PROGRAMMED]}, True, ""),
        ({"conditions": [WAITING]}, False, "no controller has looked at it: none serves its GatewayClass istio"),
        ({}, False, "no controller has looked at it: none serves its GatewayClass istio"),
        (
            {"conditions": [ACCEPTED, condition("Programmed", "False", "AddressNotAssigned", "no address")]},
            False,
            "not Programmed, AddressNotAssigned (no address)",
        ),
        (
            {
                "conditions": [ACCEPTED, condition("Programmed", "False", "Invalid")],
                "listeners": [{"name": "https", "conditions": [ACCEPTED, NO_CERTIFICATE]}],
            },
            False,
            "listener https: not ResolvedRefs, InvalidCertificateRef (secret bookinfo/tls not found)",
        ),
        (
            {"conditions": [condition("Accepted", "True", generation=0), PROGRAMMED]},
            True,
            "",
        ),
    ],
)
def test_gateways(status: Json, ready: bool, why: str) -> None:
    verdict = judge(GATEWAY_API, "Gateway", {"gatewayClassName": "istio"}, status)
    assert (verdict.ready, verdict.why) == (ready, why)


def test_an_answer_to_an_older_generation_is_none() -> None:
    verdict = judge(GATEWAY_API, "GatewayClass", {}, {"conditions": [ACCEPTED]}, generation=2)
    assert (verdict.ready, verdict.why) == (False, "its controller has not looked at it yet")


def parent(name: str, *conditions: Json, **ref: t.Any) -> Json:
    return {"parentRef": {"name": name, **ref}, "conditions": list(conditions)}


NO_BACKEND = condition("ResolvedRefs", "False", "BackendNotFound", "backend(reviews-v9.bookinfo) not found")


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TLSRoute"])
@pytest.mark.parametrize(
    ("parents", "ready", "why"),
    [
        (
            [parent("way-in", ACCEPTED, RESOLVED), parent("reviews", ACCEPTED, RESOLVED, kind="Service", group="")],
            True,
            "",
        ),
        (
            [parent("way-in", ACCEPTED, RESOLVED)],
            False,
            "no controller has looked at it for its parent Service reviews: the parent is missing, or no controller "
            "serves it",
        ),
        (
            [parent("way-in", ACCEPTED, NO_BACKEND)],
            False,
            "Gateway way-in: not ResolvedRefs, BackendNotFound (backend(reviews-v9.bookinfo) not found)",
        ),
        (
            [parent("way-in", condition("Accepted", "False", "NotAllowedByListeners"))],
            False,
            "Gateway way-in: not Accepted, NotAllowedByListeners",
        ),
    ],
)
def test_routes(kind: str, parents: list[Json], ready: bool, why: str) -> None:
    spec = {"parentRefs": [{"name": "way-in"}, {"name": "reviews", "kind": "Service", "group": ""}]}
    verdict = judge(GATEWAY_API, kind, spec, {"parents": parents})
    assert (verdict.ready, verdict.why) == (ready, why)


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        ("Gateway way-in: not ResolvedRefs, BackendNotFound (x)", "create the Service that backendRefs names"),
        ("not Accepted, NotAllowedByListeners", "let the listener take routes"),
        ("no controller has looked at it: none serves its GatewayClass x", "create it or correct the name"),
    ],
)
def test_remedies_of_the_gateway_api(trouble: str, remedy: str) -> None:
    assert remedy_of(trouble).startswith(remedy)


def test_pods_that_openshift_refuses_are_told_with_the_rule_and_a_remedy() -> None:
    message = (
        'pods "a-" is forbidden: unable to validate against any security context constraint: [provider "anyuid": '
        "Forbidden: not usable by user or serviceaccount, provider restricted-v2: .containers[0].runAsUser: Invalid "
        "value: 1000: must be in the ranges: [1, 9]]"
    )
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    verdict = deployment(
        {"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1, "conditions": [condition]}}
    )
    assert verdict.why == (
        "0 of 1 pods are of the new version (OpenShift admits the pod under none of the SecurityContextConstraints "
        "that its ServiceAccount may use (restricted-v2: containers[0].runAsUser 1000: must be in the ranges: [1, 9]))"
    )
    assert "add-scc-to-user nonroot-v2 -z NAME)" in remedy_of(verdict.why)
    workload = {"metadata": {"namespace": "shop"}, "spec": {"template": {"spec": {"serviceAccountName": "till"}}}}
    assert "add-scc-to-user nonroot-v2 -z till -n shop)" in remedy_of(verdict.why, workload)
    del workload["spec"]["template"]["spec"]["serviceAccountName"]
    assert "-z default -n shop)" in remedy_of(verdict.why, {**workload, "spec": {"template": {"metadata": {}}}})


def test_a_route_is_ready_once_a_router_admits_it() -> None:
    ready = predicate_of("route.openshift.io/v1", "Route")
    assert ready is not None
    route: dict[str, t.Any] = {"metadata": {"name": "a"}, "spec": {"host": "a.example"}}
    waiting = ready(route)
    assert (waiting.ready, waiting.final, waiting.why) == (False, False, "no router has admitted it")
    assert remedy_of(waiting.why).startswith("see which routers there are")
    verdict = {"type": "Admitted", "status": "True"}
    assert ready({**route, "status": {"ingress": [{"conditions": [verdict]}]}}).ready
