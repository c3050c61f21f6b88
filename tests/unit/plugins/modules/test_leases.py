# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that change a workshop namespace do so one at a time."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import ROUTING
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_modules import call
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_reset import SERVICE, install

Json = dict[str, t.Any]

STAGE = {"lab": "routing", "stage": "all_v1", "definition": ROUTING}
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def writes(api: FakeApi) -> list[tuple[str, str, Json]]:
    """What was sent to change something; to ask for one's rights is a POST too."""
    return [one for one in api.requests if one[0] in WRITES and "selfsubjectrulesreviews" not in one[1]]


@pytest.fixture(name="taken")
def taken_fixture(api: FakeApi) -> None:
    """The namespace is somebody's right now."""
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    spec = {"holderIdentity": "ada@desk", "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    meta = {"name": "mesh-workshop", "namespace": "bookinfo"}
    api.put({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})


@pytest.mark.parametrize(("module", "arguments"), [("lab_stage", STAGE), ("reset", {"lab": "routing"}), ("reset", {})])
@pytest.mark.usefixtures("taken")
def test_a_namespace_in_use_is_not_changed(
    run: t.Callable[..., Json], api: FakeApi, module: str, arguments: Json
) -> None:
    result = run(module, wait_timeout=0, **arguments)
    assert result["msg"].startswith("Nothing was changed: namespace bookinfo is held by ada@desk since ")
    assert writes(api) == []


@pytest.mark.parametrize(("module", "arguments"), [("lab_stage", STAGE), ("reset", {"lab": "routing"})])
@pytest.mark.usefixtures("taken")
def test_what_changes_nothing_does_not_wait(run: t.Callable[..., Json], module: str, arguments: Json) -> None:
    assert not run(module, check=True, **arguments).get("failed")
    assert module == "reset" or not run(module, state="verified", **arguments).get("failed")


@pytest.mark.parametrize(("module", "arguments"), [("lab_stage", STAGE), ("reset", {"lab": "routing"})])
def test_the_lease_is_taken_and_let_go(run: t.Callable[..., Json], api: FakeApi, module: str, arguments: Json) -> None:
    assert not run(module, **arguments).get("failed")
    first, *_others, last = writes(api)
    assert (first[0], "/leases" in first[1]) == ("POST", True)
    assert (last[0], "/leases/mesh-workshop" in last[1]) == ("PUT", True)
    left = api.find("Lease", "mesh-workshop", "bookinfo") or {}
    assert left["spec"] == {"leaseTransitions": 1}, "nobody holds it"
    verified = "routing/all_v1/istio" if module == "lab_stage" else "baseline/baseline/istio"
    assert left["metadata"]["annotations"]["mesh.workshop/verified"] == verified


MAP: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}}


def apply(api: FakeApi, *, namespace: str = "bookinfo", check: bool = False, **arguments: t.Any) -> Json:
    return call("apply", api, check=check, definitions=[MAP], namespace="bookinfo", lease=namespace, **arguments)


@pytest.mark.usefixtures("taken")
def test_an_apply_waits_for_the_namespace_that_it_names(api: FakeApi) -> None:
    message = apply(api, wait_timeout=0)["msg"]
    assert message.startswith("Nothing was changed: namespace bookinfo is held by ada@desk since ")
    assert writes(api) == []
    assert not apply(api, check=True, wait_timeout=0).get("failed")


def test_an_apply_lets_the_namespace_go(api: FakeApi) -> None:
    assert apply(api)["message"] == "1 created."
    first, *_others, last = writes(api)
    assert (first[0], "/leases" in first[1]) == ("POST", True)
    assert (last[0], last[1].endswith("/leases/mesh-workshop")) == ("DELETE", True)


@pytest.mark.parametrize("going", [False, True])
def test_in_a_namespace_that_is_not_there_nobody_is_at_work(api: FakeApi, going: bool) -> None:
    """Setup makes it, and a teardown removes it."""
    if going:
        meta = {"name": "second", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["kubernetes"]}
        api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    assert not apply(api, namespace="second").get("failed")
    assert not any("/leases" in one[1] for one in writes(api))


def test_a_reset_holds_the_namespaces_of_the_services_that_it_takes_away(
    run: t.Callable[..., Json], api: FakeApi
) -> None:
    install(api, deployment=False)
    assert run("reset", services=[SERVICE])["services"] == ["ratelimit"]
    steps = [(method, path.partition("?")[0]) for method, path, _headers in writes(api) if "/limits/" in path]
    lease = "/apis/coordination.k8s.io/v1/namespaces/limits/leases"
    assert steps[0] == ("POST", lease)
    assert ("DELETE", "/api/v1/namespaces/limits/configmaps/ratelimit") in steps[1:-1]
    assert steps[-1] == ("DELETE", f"{lease}/mesh-workshop")


def lacks(api: FakeApi, *missing: str) -> None:
    """The user has all rights but these verbs."""
    verbs = [verb for verb in ("get", "list", "watch", "create", "patch", "update", "delete") if verb not in missing]
    rules = [{"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]}]
    body = {"status": {"resourceRules": rules, "incomplete": False}}
    api.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)


@pytest.mark.parametrize("state", ["applied", "verified"])
def test_a_check_that_was_refused_names_all_that_checks_need(
    run: t.Callable[..., Json], api: FakeApi, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    outcome = Outcome(passed=False, results=[], table="", message="No exec.", refused=True)
    monkeypatch.setattr(_verify, "run_checks", lambda *_arguments, **_options: outcome)
    if state == "applied":
        lacks(api)
    lacks(api, "create", "patch")
    message = run("lab_stage", state=state, **STAGE)["msg"]
    assert message.startswith(
        "No exec. This user lacks rights in namespace bookinfo: create pods/exec; patch pods/ephemeralcontainers. "
    )


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("module", "arguments"), [("lab_stage", STAGE), ("reset", {"lab": "routing"})])
def test_all_missing_rights_are_told_before_anything_is_changed(
    run: t.Callable[..., Json], api: FakeApi, module: str, arguments: Json, check: bool
) -> None:
    lacks(api, "update", "delete")
    message = run(module, check=check, **arguments)["msg"]
    assert message.startswith("Nothing was changed, since this user lacks rights in namespace bookinfo: ")
    assert "delete and update leases" in message
    assert "virtualservices" in message
    assert writes(api) == []
