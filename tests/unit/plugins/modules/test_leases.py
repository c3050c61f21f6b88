# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that change a workshop namespace do so one at a time."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import ROUTING

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
    assert (last[0], last[1].endswith("/leases/mesh-workshop")) == ("DELETE", True)
    assert api.find("Lease", "mesh-workshop", "bookinfo") is None


@pytest.mark.parametrize(("module", "arguments"), [("lab_stage", STAGE), ("reset", {"lab": "routing"})])
def test_all_missing_rights_are_told_before_anything_is_changed(
    run: t.Callable[..., Json], api: FakeApi, module: str, arguments: Json
) -> None:
    rules = [{"verbs": ["get", "list", "watch", "create", "patch"], "apiGroups": ["*"], "resources": ["*"]}]
    body = {"status": {"resourceRules": rules, "incomplete": False}}
    api.fail(201, method="POST", part="selfsubjectrulesreviews", body=body)
    message = run(module, **arguments)["msg"]
    assert message.startswith("Nothing was changed, since this user lacks rights in namespace bookinfo: ")
    assert "delete and update leases" in message
    assert "virtualservices" in message
    assert writes(api) == []
