# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import json
import pathlib
import typing as t

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule
from ansible_collections.mesh.workshop.plugins.module_utils._apply import engine
from ansible_collections.mesh.workshop.plugins.module_utils._kube import FIELD_MANAGER
from ansible_collections.mesh.workshop.plugins.modules import istio_control_plane
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_returns import documented

Json = dict[str, t.Any]


def istiod(replicas: int = 1) -> Json:
    image = {"name": "discovery", "image": "registry.example/pilot:1.31.0"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [image]}}},
    }


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeApi]:
    # Nobody runs the pods of this API's Deployments.
    monkeypatch.setattr(engine, "wait_ready", lambda *_arguments: {})
    server = FakeApi()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
    yield server
    server.stop()


@pytest.fixture
def istioctl(tmp_path: pathlib.Path) -> pathlib.Path:
    """An istioctl that renders one Deployment and keeps the document that it was given beside itself."""
    (tmp_path / "manifest").write_text(yaml.safe_dump(istiod()))
    program = tmp_path / "istioctl"
    program.write_text(
        "#!/bin/sh\n"
        f"cd {tmp_path}\n"
        'if [ "$1" = version ]; then echo \'{"clientVersion": {"version": "1.31-abc"}}\'; exit; fi\n'
        "cat >operator; cat manifest\n"
    )
    program.chmod(0o755)
    return program


def call(api: FakeApi, **params: t.Any) -> Json:
    printed = io.StringIO()
    given = {"host": api.url, "api_key": "the-token", **params, "_ansible_remote_tmp": "/tmp"}
    with patch_module_args(given), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        istio_control_plane.main()
    answer: Json = json.loads(printed.getvalue())
    return answer


def apply_as(api: FakeApi, manager: str, doc: Json) -> None:
    with api.lock:
        api.apply(api.key(doc), doc, manager, True, False)


def replicas(api: FakeApi) -> int:
    found = api.find("Deployment", "istiod", "istio-system")
    assert found is not None
    return int(found["spec"]["replicas"])


@pytest.mark.parametrize(
    ("manager", "mode", "version"),
    [("", "none", ""), (FIELD_MANAGER, "ours", "1.31.0"), ("helm", "existing", "1.31.0")],
)
def test_taking_stock_says_whose_it_is_and_changes_nothing(api: FakeApi, manager: str, mode: str, version: str) -> None:
    if manager:
        apply_as(api, manager, istiod())
    before = api.versions()
    found = call(api, state="stock")
    assert (found["changed"], found["mode"], found["version"]) == (False, mode, version)
    assert bool(found["lacks"]) == (mode != "none")
    assert api.versions() == before


def test_existing_needs_one_that_is_there(api: FakeApi) -> None:
    assert call(api, state="existing")["msg"].startswith("No Istio was found")
    apply_as(api, FIELD_MANAGER, istiod())
    assert call(api, state="existing")["mode"] == "ours"


def test_somebody_elses_is_never_changed(api: FakeApi, istioctl: pathlib.Path) -> None:
    apply_as(api, "helm", istiod(replicas=2))
    assert "did not install runs in namespace istio-system" in call(api, istioctl=str(istioctl))["msg"]
    assert replicas(api) == 2


def test_ours_is_installed_and_what_was_changed_by_hand_is_taken_back(api: FakeApi, istioctl: pathlib.Path) -> None:
    made = call(api, istioctl=str(istioctl), hub="registry.example", tag="1")
    assert (made["changed"], made["mode"], made["version"]) == (True, "ours", "1.31-abc")
    assert {key: json.loads((istioctl.parent / "operator").read_text())["spec"][key] for key in ("hub", "tag")} == {
        "hub": "registry.example",
        "tag": "1",
    }
    again = call(api, istioctl=str(istioctl))
    assert not again["changed"]
    samples = {key: entry["sample"] for key, entry in documented("istio_control_plane")["results"]["contains"].items()}
    assert samples in again["results"], "the documentation shows what is returned"
    scaled = istiod(replicas=0)
    apply_as(api, "kubectl", {**scaled, "spec": {"replicas": 0}})
    assert replicas(api) == 0
    healed = call(api, istioctl=str(istioctl))
    assert healed["changed"], healed
    assert replicas(api) == 1


def test_what_others_have_left_is_not_taken(api: FakeApi, istioctl: pathlib.Path) -> None:
    """Without an istiod of ours the rest may be somebody's, whose istiod is elsewhere."""
    labels = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    apply_as(api, "helm", {**labels, "metadata": {"name": "istio-system", "labels": {"mesh.workshop/managed": "no"}}})
    failed = call(api, istioctl=str(istioctl))
    assert failed["failed"]
    assert "helm" in failed["msg"]


def test_the_charts_get_the_settings_of_the_platform(api: FakeApi, istioctl: pathlib.Path) -> None:
    call(api, istioctl=str(istioctl))
    assert json.loads((istioctl.parent / "operator").read_text())["spec"]["profile"] == "default"
    for group, plural, kind in (
        ("route", "routes", "Route"),
        ("security", "securitycontextconstraints", "SecurityContextConstraints"),
        ("project", "projects", "Project"),
    ):
        api.kinds.append((f"{group}.openshift.io/v1", plural, kind, False))
    call(api, istioctl=str(istioctl))
    assert json.loads((istioctl.parent / "operator").read_text())["spec"]["profile"] == "openshift"
    call(api, istioctl=str(istioctl), platform="kubernetes")
    assert json.loads((istioctl.parent / "operator").read_text())["spec"]["profile"] == "default"


@pytest.mark.parametrize(
    ("state", "said", "done"),
    [
        ("present", "Istio may not be installed in full.", ["created ConfigMap istio"]),
        ("stock", "The task did not finish.", []),
    ],
)
def test_an_interruption_says_what_was_installed_so_far(
    api: FakeApi, istioctl: pathlib.Path, monkeypatch: pytest.MonkeyPatch, state: str, said: str, done: list[str]
) -> None:
    words: list[Json] = []
    end = QuietModule._told

    def say_and_end(module: QuietModule, result: Json) -> Json:
        words.append(json.loads(module._interrupted()))
        return end(module, result)

    monkeypatch.setattr(QuietModule, "_told", say_and_end)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"}}
    (istioctl.parent / "manifest").write_text(yaml.safe_dump_all([config, istiod()]))
    api.fail(422, method="PATCH", part="/deployments/istiod", times=100)
    call(api, state=state, **({"istioctl": str(istioctl)} if state == "present" else {}))
    (word,) = words
    assert (word["interrupted"], word["msg"], word["changed"]) == (True, said, bool(done))
    changes = [f"{one['action']} {one['kind']} {one['name']}" for one in word["results"]]
    assert [change for change in changes if "Namespace" not in change] == done
