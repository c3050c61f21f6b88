# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into a pod and out of it again: against a cluster of this test, whose exec runs the probe here."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
import time
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio import istiod
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, run_checks, start_streams
from ansible_collections.mesh.workshop.plugins.module_utils._verify import runner as run_module
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
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site, after

Json = dict[str, t.Any]


def pod(name: str, address: str = "10.0.0.1", ready: bool = True, **labels: str) -> Json:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "namespace": "bookinfo", "labels": labels},
        "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "istio-proxy"}]},
        "status": {"phase": "Running", "conditions": conditions, "podIP": address, "podIPs": [{"ip": address}]},
    }


class Cluster:
    """As much of a client as the checks use."""

    def __init__(self) -> None:
        self.pods = [
            pod("productpage-1", app="productpage", version="v1"),
            pod("liar-1", "127.0.0.1", app="liar", version="v2"),
        ]
        self.deployments: list[Json] = [
            {
                "metadata": {"name": "productpage-v1", "namespace": "bookinfo"},
                "spec": {"selector": {"matchLabels": {"app": "productpage"}}},
            }
        ]
        self.service = {"metadata": {"name": "liar"}, "spec": {"selector": {"app": "liar"}}}
        self.images: list[str] = []
        self.starts_as: Json = {"running": {}}
        self.patched: list[Json] = []
        self.applied: list[Json] = []
        self.execs = 0
        self.exec_fails = 0
        self.exits: list[int] = []
        """Exit codes of the next programs, which do nothing else."""
        self.goes = False
        """Whether a pod is deleted while it is waited for."""
        self.agents: list[str] = []
        self.logging = ["productpage-1", "liar-1"]
        """Pods whose proxies write what they see."""
        self.host = "127.0.0.1"
        """The service that the caller's proxy asks."""
        self.details = "via_upstream"
        self.late = 0
        """So many of the newest records are not written out yet."""
        self.another_every = 0
        """Each n-th request goes to a pod of version v1."""

    def get(self, _version: str, kind: str, name: str, namespace: str | None = None) -> Json | None:
        found = {"Deployment": self.deployments, "Pod": self.pods, "Service": [self.service]}[kind]
        return next((copy.deepcopy(one) for one in found if one["metadata"]["name"] == name), None)

    def list(self, _version: str, kind: str, namespace: str | None = None, label_selector: str | None = None) -> t.Any:
        if kind == "Node":
            return [{"status": {"images": [{"names": self.images}]}}]
        found = {"Deployment": self.deployments, "Pod": self.pods}.get(kind, [])
        wanted = dict(part.split("=") for part in (label_selector or "").split(",") if part)
        labels = [one["metadata"].get("labels", {}) for one in found]
        return [one for one, have in zip(found, labels, strict=True) if wanted.items() <= have.items()]

    def patch(self, _version: str, _kind: str, name: str, _namespace: str, body: Json, **options: t.Any) -> Json:
        assert options == {
            "content_type": "application/strategic-merge-patch+json",
            "subresource": "ephemeralcontainers",
        }
        self.patched.append(body)
        target = next(one for one in self.pods if one["metadata"]["name"] == name)
        for entry in body["spec"]["ephemeralContainers"]:
            target["spec"].setdefault("ephemeralContainers", []).append(entry)
            states = target["status"].setdefault("ephemeralContainerStatuses", [])
            states.append({"name": entry["name"], "state": self.starts_as})
        return target

    def apply(self, document: Json) -> Json:
        self.applied.append(document)
        if document["kind"] == "Pod":
            states = [{"name": NAME, "state": {"running": {}}}]
            self.pods.append({**document, "status": {"containerStatuses": states}})
        return document

    def wait(self, version: str, kind: str, name: str, namespace: str, predicate: t.Any, *, timeout: float) -> t.Any:
        one = self.get(version, kind, name, namespace)
        if one is not None and self.goes:
            one["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if not predicate(one):
            raise ApiError(0, "Timeout", "it did not come to the state that was waited for")
        return one

    def exec(
        self, namespace: str, _pod: str, container: str, command: list[str], stdin: bytes, timeout: float
    ) -> t.Any:
        self.execs += 1
        if self.exec_fails:
            self.exec_fails -= 1
            raise ApiError(404, "NotFound", "container not found")
        assert container.startswith(NAME)
        if self.exits:
            return types.SimpleNamespace(exit_code=self.exits.pop(), stdout=b"", stderr=b"")
        done = subprocess.run([sys.executable, "-I", *command[1:]], input=stdin, capture_output=True, check=False)
        return types.SimpleNamespace(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def logs(self, _namespace: str, name: str, container: str, *, since_time: str) -> bytes:
        assert container == "istio-proxy"
        if name not in self.logging:
            return b""
        chosen = "inbound|9080||" if name.startswith("liar") else f"outbound|9080||{self.host}.bookinfo"
        line = (
            f'[t] "GET / HTTP/1.1" 200 - {self.details} - "-" 0 4 2 2 "-" "%s" "id" "127.0.0.1" "%s:9080" '
            f"{chosen} a b c - default"
        )
        written = self.agents[: len(self.agents) - self.late]
        every = self.another_every
        asked = ["10.0.0.1" if every and n % every == 0 else "127.0.0.1" for n in range(len(written))]
        return "\n".join(line % pair for pair in zip(written, asked, strict=True)).encode()


@pytest.fixture
def cluster(site: Site) -> Cluster:
    """A cluster whose one site claims to be of version v1."""
    one = Cluster()
    site.pages(lambda request, number: (one.agents.append(request.headers["user-agent"]), "v1")[1])
    return one


def ask(cluster: t.Any, site: Site, **check: t.Any) -> t.Any:
    body = {
        "name": "c",
        "from": "productpage",
        "request": {"url": f"http://127.0.0.1:{site.port}/"},
        "expect": {"status": 200},
        "deadline": 0,
    }
    return run_checks(cluster, parse_checks([{**body, **check}], default_namespace="bookinfo"), probe_image="probe:1")


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


def test_a_workload_that_lies_about_its_version(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site, expect={"served_by": {"v2": 100}})
    assert outcome.passed, outcome.message
    assert outcome.results[0]["evidence"] == "the access logs of the caller's proxy"
    assert not ask(cluster, site, expect={"served_by": {"v1": 100}}).passed


def test_without_access_logs_the_answer_counts_and_the_result_says_so(cluster: Cluster, site: Site) -> None:
    cluster.logging = []
    outcome = ask(cluster, site, expect={"served_by": {"v1": 100}}, request={"url": f"http://127.0.0.1:{site.port}/"})
    assert outcome.passed
    assert "the proxies write no access log" in outcome.results[0]["evidence"]


CALLEE: tuple[Json, ...] = (
    {"attempts": 0, "callee": "liar"},
    {"attempts": {"below": 0.5}, "callee": "liar"},
    {"mirrored": {"v2": 0}, "callee": "liar"},
    {"upstream_cluster": {"lacks": "PassthroughCluster"}},
)


@pytest.mark.parametrize("expect", CALLEE)
def test_what_no_proxy_has_written_is_not_known_not_to_have_happened(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, expect: Json
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.2)
    cluster.logging = []
    outcome = ask(cluster, site, expect=expect)
    assert not outcome.passed
    assert "observed nothing that proves it. What proxies must tell is not in their logs" in outcome.message
    assert "Switch access logs on" in outcome.message
    assert "observed status 200" in ask(cluster, site, expect={**expect, "status": 503}).message, "that is the news"


def test_a_callee_that_answers_without_a_log_proves_nothing(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.2)
    cluster.logging, cluster.host = ["productpage-1"], "liar"
    never = {"callee": "liar", "attempts": 0}
    assert "observed nothing that proves it" in ask(cluster, site, expect=never).message
    cluster.details = "overflow"
    outcome = ask(cluster, site, expect=never)
    assert outcome.passed, "the caller's proxy says that it asked nobody"
    cluster.logging = ["productpage-1", "liar-1"]
    assert ask(cluster, site, expect={"callee": "liar", "attempts": 1}).passed
    assert not ask(cluster, site, expect=never).passed


def test_who_has_answered_the_callers_log_tells_where_the_callee_is_silent(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.2)
    cluster.logging, cluster.host = ["productpage-1"], "liar"
    outcome = ask(cluster, site, expect={"served_by": {"v2": 100}, "callee": "liar"})
    assert outcome.passed, outcome.message
    assert not ask(cluster, site, expect={"served_by": {"v1": 100}, "callee": "liar"}).passed


def test_records_of_requests_without_an_answer_are_not_waited_for(
    cluster: Cluster, site: Site, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 30.0)
    begun = time.monotonic()
    outcome = ask(cluster, site, request={"url": f"http://{nowhere}/"}, expect={"served_by": {"v1": 100}})
    assert "observed connection refused" in outcome.message
    assert time.monotonic() - begun < 20


def test_a_callee_that_is_not_there_is_said(cluster: Cluster, site: Site) -> None:
    outcome = ask(cluster, site, expect={"callee": "lier", "attempts": 0})
    assert not outcome.passed
    assert "There is no Service lier in namespace bookinfo" in outcome.message
    del cluster.pods[1]
    outcome = ask(cluster, site, expect={"callee": "liar", "attempts": 0})
    assert "Service bookinfo/liar has no running pod" in outcome.message


def test_from_the_host_the_gateways_own_record_shows_that_logs_are_written(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.2)
    cluster.pods.append(pod("gateway-1", istio="ingressgateway"))
    cluster.logging = []
    check = {"name": "c", "request": {"url": f"http://x:{site.port}/"}, "expect": {"callee": "liar", "attempts": 0}}
    checks = parse_checks([check], default_namespace="bookinfo")
    assert not run_checks(t.cast(t.Any, cluster), checks, site.address, once=True).passed
    cluster.logging = ["gateway-1"]
    assert run_checks(t.cast(t.Any, cluster), checks, site.address, once=True).passed


def test_shares_from_a_workload(cluster: Cluster, site: Site) -> None:
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 60}
    assert not ask(cluster, site, expect={"served_by": {"v1": 50, "v2": 50}}, request=request).passed


@pytest.mark.parametrize(("another_every", "right"), [(20, True), (8, False)])
def test_the_last_second_of_a_log_is_not_waited_for_where_shares_are_proven(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch, another_every: int, right: bool
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.4)
    cluster.another_every, cluster.late = another_every, 30
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 500}
    outcome = ask(cluster, site, expect={"status": 200, "served_by": {"v2": 95, "v1": 5}}, request=request)
    assert outcome.passed is right, outcome.message
    result = outcome.results[0]
    assert (result["samples"], result["requests"]) == ((470, 516) if right else (500, 516))


def test_a_wrong_status_counts_before_its_record_is_written(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_PATIENCE", 0.2)
    cluster.another_every, cluster.late = 20, 30
    served = site.answer

    def broken_at_the_end(request: t.Any) -> t.Any:
        answer = served(request)
        return Answer(500) if len(cluster.agents) >= 510 else answer

    site.answer = broken_at_the_end
    request = {"url": f"http://127.0.0.1:{site.port}/", "count": 500}
    assert not ask(cluster, site, expect={"status": 200, "served_by": {"v2": 95, "v1": 5}}, request=request).passed


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
    assert "neither a Deployment ratings" in ask(cluster, site, **{"from": "ratings"}, deadline=20).message
    assert time.monotonic() - begun < 5


def test_a_probe_that_is_killed_with_its_pod_is_a_failed_round_only(cluster: Cluster, site: Site) -> None:
    cluster.exits = [137]
    assert ask(cluster, site, deadline=20).passed
    cluster.exits = [137]
    failed = ask(cluster, site)
    assert "was killed (exit code 137): the pod was stopped meanwhile" in failed.message
    cluster.exits = [1, 1]
    begun = time.monotonic()
    assert "its image needs python3 3.9 or later" in ask(cluster, site, deadline=20).message
    assert time.monotonic() - begun < 5, "what is wrong with an image does not pass"


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


def stream(cluster: Cluster, site: Site) -> t.Any:
    request = {"url": f"http://127.0.0.1:{site.port}/", "stream": True}
    check = {"name": "s", "from": "productpage", "request": request, "expect": {"failures": 0}}
    return start_streams(t.cast(t.Any, cluster), parse_checks([check], default_namespace="bookinfo"))


def test_a_stream_has_begun_when_its_first_answers_are_in(cluster: Cluster, site: Site) -> None:
    streams = stream(cluster, site)
    assert site.requests
    (result,) = list(streams.finish().values())
    assert result["passed"], result


def test_what_hinders_a_stream_is_no_failure_of_the_mesh_and_is_told(cluster: Cluster, site: Site) -> None:
    cluster.exec_fails = 1
    streams = stream(cluster, site)
    (result,) = list(streams.finish().values())
    assert result["passed"], result
    assert "; gaps in which nothing could be sent: 1 (" in result["evidence"]


def test_a_stream_that_never_was_proves_nothing(cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "START_PATIENCE", 0.2)
    cluster.exec_fails = 100
    (result,) = list(stream(cluster, site).finish().values())
    assert not result["passed"]
    assert "container not found" in result["diagnosis"]


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
