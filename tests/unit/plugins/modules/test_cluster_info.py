# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Resource, Response
from ansible_collections.mesh.workshop.plugins.modules import cluster_info

Json = dict[str, t.Any]


class FakeClient:
    """A cluster that grants what it is told to."""

    def __init__(
        self,
        granted: t.Sequence[str],
        minor: str = "36",
        nodes: int = 200,
        team: t.Sequence[Json] | None = None,
        groups: t.Sequence[str] = (),
    ) -> None:
        self.groups = groups
        self.granted = granted
        self.minor = minor
        self.nodes = nodes
        self.team = team

    def server_version(self) -> Json:
        return {"major": "1", "minor": self.minor, "gitVersion": f"v1.{self.minor}.0"}

    def get(self, _api_version: str, _kind: str, name: str) -> Json | None:
        return None if self.team is None else {"metadata": {"name": name}}

    def resources(self, api_version: str) -> list[Resource]:
        return [Resource("", api_version, "ConfigMap", "configmaps", True)] if api_version == "v1" else []

    def list(
        self, _api_version: str, kind: str, _namespace: str | None = None, label_selector: str | None = None
    ) -> t.Sequence[Json]:
        if kind == "ConfigMap":
            return self.team or []
        if self.nodes != 200:
            raise ApiError(self.nodes, "Forbidden", "nodes is forbidden")
        return [{"metadata": {"name": "one"}}]

    def request(self, _method: str, path: str, *, body: Json | None = None) -> Response:
        if body is None:
            assert path == "/apis"
            groups = [{"name": name, "versions": []} for name in self.groups]
            return Response(200, {}, json.dumps({"groups": groups}).encode())
        asked = body["spec"]["resourceAttributes"]
        allowed = f"{asked['verb']} {asked['resource']}" in self.granted
        return Response(201, {}, json.dumps({"status": {"allowed": allowed}}).encode())


def call(monkeypatch: pytest.MonkeyPatch, client: FakeClient | ApiError, **params: t.Any) -> Json:
    def connect(_params: Json) -> FakeClient:
        if isinstance(client, ApiError):
            raise client
        return client

    monkeypatch.setattr(cluster_info, "connect", connect)
    printed = io.StringIO()
    with (
        patch_module_args({**params, "_ansible_remote_tmp": "/tmp"}),
        contextlib.redirect_stdout(printed),
        pytest.raises(SystemExit),
    ):
        cluster_info.main()
    answer: Json = json.loads(printed.getvalue())
    return answer


RIGHTS = ["create namespaces", "patch deployments.apps"]


def test_a_cluster_that_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = call(monkeypatch, FakeClient(["create namespaces", "patch deployments"]), rights=RIGHTS)
    assert not answer["changed"]
    assert (answer["version"], answer["nodes"], answer["missing_rights"]) == ("v1.36.0", ["one"], [])


def test_missing_rights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = call(monkeypatch, FakeClient(["create namespaces"], nodes=403), rights=RIGHTS)
    assert answer["failed"]
    assert answer["missing_rights"] == ["patch deployments.apps"]
    assert "may not patch deployments:" in answer["msg"]


def test_a_cluster_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = call(monkeypatch, FakeClient([], minor="28+"))
    assert "v1.28+.0, and 1.29 or later is needed" in answer["msg"]


@pytest.mark.parametrize("code", [0, 401])
def test_a_cluster_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    assert call(monkeypatch, ApiError(code, "", "no answer"))["failed"]


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient([])
    assert "is not a right" in call(monkeypatch, client, rights=["everything"])["msg"]
    assert "minimum_version" in call(monkeypatch, client, minimum_version="new")["msg"]


def test_a_namespace_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"kind": "ConfigMap", "metadata": {"name": "theirs"}}
    answer = call(monkeypatch, FakeClient([], team=[theirs]), namespace="team")
    assert answer["failed"]
    assert "holds ConfigMap theirs;" in answer["msg"]


@pytest.mark.parametrize("team", [None, []])
def test_a_namespace_that_is_free(monkeypatch: pytest.MonkeyPatch, team: list[Json] | None) -> None:
    assert not call(monkeypatch, FakeClient([], team=team), namespace="team").get("failed")


OPENSHIFT = ("project.openshift.io", "route.openshift.io", "security.openshift.io")


def test_the_platform_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, FakeClient([]))["platform"] == "kubernetes"
    assert call(monkeypatch, FakeClient([], groups=OPENSHIFT))["platform"] == "openshift"
    assert call(monkeypatch, FakeClient([], groups=OPENSHIFT), platform="kubernetes")["platform"] == "kubernetes"


def test_rights_for_openshift_are_asked_for_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["create routes/custom-host.route.openshift.io"]
    assert not call(monkeypatch, FakeClient([]), openshift_rights=needed).get("failed")
    answer = call(monkeypatch, FakeClient([], groups=OPENSHIFT), openshift_rights=needed)
    assert answer["missing_rights"] == needed


@pytest.mark.parametrize(("groups", "missing"), [(OPENSHIFT, []), ((), ["create namespaces"])])
def test_on_openshift_projects_stand_in_for_namespaces(
    monkeypatch: pytest.MonkeyPatch, groups: t.Sequence[str], missing: list[str]
) -> None:
    client = FakeClient(["create projectrequests"], groups=groups)
    assert call(monkeypatch, client, rights=["create namespaces"])["missing_rights"] == missing
