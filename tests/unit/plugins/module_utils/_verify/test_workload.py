# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into a pod and out of it again: against a cluster of this test, whose exec runs the probe here."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio import istiod
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.workload import (
    NAME,
    PUBLIC_IMAGE,
    WorkloadError,
    container_of,
    enter_outside,
    enter_workload,
    image_for,
    outside,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Cluster, ask, pod
from ansible_collections.mesh.workshop.tests.unit.servers import Site, after

Json = dict[str, t.Any]


def test_one_container_and_one_exec_for_a_plan(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site)
    assert outcome.passed, outcome.message
    assert cluster.execs == 1
    assert outcome.results[0]["samples"] == 44
    created = "Ephemeral container mesh-workshop-probe created in pod bookinfo/productpage-1"
    assert outcome.side_effects[0].startswith(created)
    again = ask(cluster, site)
    assert again.passed
    assert again.side_effects == [], "made once per pod"
    assert len(cluster.patched) == 1


def test_the_container_is_restricted() -> None:
    context = container_of(NAME, "probe:1")["securityContext"]
    assert context["runAsNonRoot"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert 1337 not in (context["runAsUser"], context["runAsGroup"]), "what runs as 1337 passes the sidecar by"


def test_a_pod_that_is_replaced_meanwhile_is_a_failed_round_only(cluster: Cluster, site: Site) -> None:
    cluster.exec_fails = 1
    assert ask(cluster, site, deadline=20).passed
    cluster.exec_fails = 1
    failed = ask(cluster, site)
    assert not failed.passed
    assert "the probe could not ask" in failed.message


def test_a_pod_that_is_not_ready_yet_is_waited_for(cluster: Cluster, site: Site) -> None:
    cluster.pods[0] = pod("productpage-1", ready=False, app="productpage")
    until = time.monotonic() + 0.3
    look = cluster.list

    def later(version: str, kind: str, *place: t.Any, **options: t.Any) -> t.Any:
        if time.monotonic() > until:
            cluster.pods[0]["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        return look(version, kind, *place, **options)

    cluster.list = later  # type: ignore[method-assign]  # the pod gets ready while it is asked
    outcome = ask(cluster, site, deadline=20)
    assert outcome.passed, outcome.message
    assert outcome.results[0]["convergence_seconds"] > 0


def test_a_workload_between_two_pods_is_waited_for_and_one_that_nobody_makes_is_not(
    cluster: Cluster, site: Site
) -> None:
    gone = cluster.pods.pop(0)
    made: Json = cluster.deployments[0]["spec"]
    made["template"] = {"metadata": {"labels": {"app": "productpage"}}}
    threading.Timer(0.3, lambda: cluster.pods.insert(0, gone)).start()
    outcome = ask(cluster, site, deadline=20)
    assert outcome.passed, outcome.message
    begun = time.monotonic()
    assert "neither a Deployment ratings" in ask(cluster, site, **{"from": "ratings"}, deadline=60).message
    assert time.monotonic() - begun < 30


def test_a_probe_that_is_killed_with_its_pod_is_a_failed_round_only(cluster: Cluster, site: Site) -> None:
    cluster.exits = [137]
    assert ask(cluster, site, deadline=20).passed
    cluster.exits = [137]
    failed = ask(cluster, site)
    assert "was killed (exit code 137): the pod was stopped meanwhile" in failed.message
    cluster.exits = [1, 1]
    begun = time.monotonic()
    assert "its image needs python3 3.9 or later" in ask(cluster, site, deadline=60).message
    assert time.monotonic() - begun < 30, "what is wrong with an image does not pass"


def test_a_pod_that_goes_before_its_container_runs_is_a_failed_round_only(cluster: Cluster, site: Site) -> None:
    cluster.starts_as = {"waiting": {"reason": "ContainerCreating"}}
    cluster.goes = True
    outcome = ask(cluster, site)
    assert "bookinfo/productpage-1 went away before its container mesh-workshop-probe ran" in outcome.message


def test_a_plan_knows_how_much_time_is_left(cluster: Cluster, site: Site) -> None:
    site.answer = lambda request: after(5)
    request = {"url": f"http://127.0.0.1:{site.port}/", "timeout": 0.3}
    begun = time.monotonic()
    outcome = ask(cluster, site, request=request, expect={"served_by": {"v1": 50, "v2": 50}}, deadline=2)
    assert time.monotonic() - begun < 10
    assert "observed no answer in time" in outcome.message
    assert cluster.execs == 1


def test_a_proxy_that_has_rejected_its_configuration_is_named(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = istiod.ProxyStatus("productpage-1.bookinfo", "sidecar", "1.30", rejected={"clusters": "bad cluster"})
    monkeypatch.setattr(istiod, "proxies_of", lambda client: [status])
    outcome = ask(cluster, site, expect={"status": 404})
    assert "The proxy of pod bookinfo/productpage-1 has rejected the clusters" in outcome.message


def test_a_missing_right_is_said_at_once_and_other_checks_go_on(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_place: t.Any, **_options: t.Any) -> t.NoReturn:
        raise ApiError(403, "Forbidden", "pods is forbidden: cannot patch pods/ephemeralcontainers")

    monkeypatch.setattr(cluster, "patch", refuse)
    request = {"url": f"http://127.0.0.1:{site.port}/"}
    checks = parse_checks(
        [
            {"name": "inside", "from": "productpage", "request": request, "expect": {"status": 200}},
            {"name": "host", "request": request, "expect": {"status": 200}},
        ],
        default_namespace="bookinfo",
    )
    outcome = run_checks(t.cast(t.Any, cluster), checks, site.address)
    assert [one["passed"] for one in outcome.results] == [False, True]
    assert "cannot patch pods/ephemeralcontainers; use credentials that have this right" in outcome.message


def test_an_api_server_that_restarts_is_a_failed_round_only(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = cluster.logs
    troubles = [ApiError(0, "Unreachable", "connection refused"), ApiError(503, "", "apiserver is shutting down")]

    def flaky(*place: t.Any, **options: t.Any) -> bytes:
        if troubles:
            raise troubles.pop()
        return read(*place, **options)

    monkeypatch.setattr(cluster, "logs", flaky)
    assert ask(cluster, site, expect={"served_by": {"v2": 100}}, deadline=20).passed


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            {"from": "ratings"},
            "bookinfo has neither a Deployment ratings nor pods labelled app=ratings: there are",
        ),
        ({"from": "broken"}, "The workload broken in namespace bookinfo has no ready pod"),
    ],
)
def test_a_workload_that_cannot_be_asked_from(cluster: Cluster, site: Site, check: Json, sentence: str) -> None:
    cluster.pods.append(pod("broken-1", ready=False, app="broken"))
    outcome = ask(cluster, site, **check)
    assert not outcome.passed
    assert sentence in outcome.message


@pytest.mark.parametrize("source", ["ratings-v1", "ratings"])
def test_pods_that_the_cluster_refuses_are_told_with_what_refuses_them(
    cluster: Cluster, site: Site, source: str
) -> None:
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}]
    labels = {"matchLabels": {"app": "ratings"}}
    cluster.deployments.append(
        {
            "metadata": {"name": "ratings-v1", "namespace": "bookinfo"},
            "spec": {"selector": labels, "template": {"metadata": {"labels": {"app": "ratings"}}}},
            "status": {"conditions": conditions},
        }
    )
    said = "has no ready pod: exceeded quota: small; raise the quota or lower what the pods ask for."
    assert said in ask(cluster, site, **{"from": source}).message
    cluster.pods.append(pod("ratings-1", ready=False, app="ratings"))
    assert "has no ready pod: see kubectl -n bookinfo get pods." in ask(cluster, site, **{"from": source}).message


def test_an_image_that_cannot_be_had(cluster: Cluster, site: Site) -> None:
    cluster.starts_as = {"waiting": {"reason": "ErrImagePull"}}
    outcome = ask(cluster, site)
    assert not outcome.passed
    assert "does not run (ErrImagePull): choose an image" in outcome.message


def test_a_container_that_ended_gets_a_successor(cluster: Cluster) -> None:
    client: t.Any = cluster
    enter_workload(client, "productpage", "bookinfo", "probe:1")
    cluster.pods[0]["status"]["ephemeralContainerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    source, made = enter_workload(client, "productpage-v1", "bookinfo", "probe:1")
    assert source.container == f"{NAME}-2"
    assert made


def test_a_client_outside_of_the_mesh(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site, **{"from": "no_sidecar"})
    assert outcome.passed, outcome.message
    assert "a client outside of the mesh" in outcome.side_effects[0]
    namespace, probe_pod = cluster.applied
    assert namespace["metadata"]["labels"]["istio-injection"] == "disabled"
    assert namespace["metadata"]["labels"]["mesh.workshop/managed"] == "true"
    assert probe_pod["spec"]["containers"][0]["image"] == "probe:1"
    assert enter_outside(t.cast(t.Any, cluster), None)[1] == ""
    assert [one["kind"] for one in outside("x")] == ["Namespace", "Pod"]


def test_which_image(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    client: t.Any = cluster
    assert image_for(client, None) == PUBLIC_IMAGE
    cluster.images = ["mesh-workshop.local/probe@sha256:1", "mesh-workshop.local/probe:1c56", "other:1"]
    assert image_for(client, None) == "mesh-workshop.local/probe:1c56"
    monkeypatch.setenv("MESH_WORKSHOP_PROBE_IMAGE", "registry.example/python:3")
    assert image_for(client, None) == "registry.example/python:3"
    assert image_for(client, "mine:1") == "mine:1"


def test_who_may_not_see_the_nodes_gets_an_image_that_the_pod_has(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise ApiError(403, "Forbidden", "nodes are forbidden")

    client: t.Any = cluster
    monkeypatch.setattr(cluster, "list", refuse)
    python = {"image": "mesh-workshop.local/bookinfo:1", "command": ["python3", "-m", "bookinfo.details"]}
    its: t.Any = {"spec": {"containers": [{"image": "proxy:1"}, python]}}
    assert image_for(client, None, its) == "mesh-workshop.local/bookinfo:1"
    assert (
        image_for(client, None, {"spec": {"containers": [{"image": "health:1", "command": ["/health"]}]}})
        == PUBLIC_IMAGE
    )
    assert image_for(client, None) == PUBLIC_IMAGE


def test_a_namespace_is_needed(cluster: Cluster) -> None:
    with pytest.raises(WorkloadError, match="needs a namespace"):
        enter_workload(t.cast(t.Any, cluster), "productpage", None, None)


def test_a_pod_is_connected_to_whatever_the_name_in_the_url(cluster: Cluster, site: Site) -> None:
    request = {"url": f"http://site.example:{site.port}/", "connect_to": "liar"}
    outcome = ask(
        cluster, site, request=request, expect={"status": 200, "upstream_cluster": {"contains": "outbound|9080"}}
    )
    assert outcome.passed, outcome.message
    assert {one.headers["host"] for one in site.requests} == {f"site.example:{site.port}"}


def test_a_pod_to_connect_to_that_is_not_there(cluster: Cluster, site: Site) -> None:
    request = {"url": "http://site.example/", "connect_to": "site"}
    outcome = ask(cluster, site, request=request)
    assert "has neither a Deployment site nor pods labelled app=site" in outcome.message
    assert not site.requests
