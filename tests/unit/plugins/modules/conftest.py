# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workshop namespace, for the modules that bring it to a stage and back."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.plugins.modules import lab_stage, reset
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]

WAY_IN = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "bookinfo"},
    "spec": {"hosts": ["shop.example"]},
}
CHECK = {"name": "the page", "request": {"url": "http://shop.example/"}, "expect": {"status": 200}}
BASELINE = {
    "title": "Baseline",
    "stages": [{"name": "baseline", "title": "Baseline", "resources": [WAY_IN], "checks": [CHECK]}],
}
REVIEWS = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "reviews"},
    "spec": {"hosts": ["reviews"]},
}
ROUTING = {
    "title": "Routing",
    "stages": [
        {"name": "all_v1", "title": "All", "resources": [REVIEWS], "checks": [{**CHECK, "name": "all get v1"}]},
        {"name": "jason_v2", "title": "Jason", "resources": [REVIEWS], "checks": [{**CHECK, "name": "jason gets v2"}]},
    ],
}


def room(name: str, **labels: str) -> Json:
    """A namespace of some workshop, as setup makes it."""
    meta = {"name": name, "labels": {"mesh.workshop/managed": "true", **labels}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {**meta, "annotations": {"mesh.workshop/host": "x"}}}


def of_lab(kind: str, name: str, namespace: str, lab: str = "routing", api_version: str = "v1") -> Json:
    """What a lab has applied."""
    labels = {"mesh.workshop/attendee": "bookinfo", "mesh.workshop/lab": lab, "mesh.workshop/stage": "s"}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.put(room("bookinfo"))
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
    yield server
    server.stop()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the checks that were run; all pass."""
    names: list[str] = []

    def run_checks(_client: t.Any, checks: t.Any, *_where: t.Any, **_options: t.Any) -> Outcome:
        names.extend(check.name for check in checks)
        results = [{"name": check.name, "passed": True} for check in checks]
        return Outcome(passed=True, results=results, table="the table", message="passed.")

    monkeypatch.setattr(_verify, "run_checks", run_checks)
    return names


@pytest.fixture
def run(
    api: FakeApi, asked: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> t.Callable[..., Json]:
    """Run one of the two modules; what it printed."""
    for name in ("baseline", "routing", "tls"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.yml").write_text("")

    def call(module: str, *, check: bool = False, **arguments: t.Any) -> Json:
        given = {"host": api.url, "api_key": "the-token", "namespace": "bookinfo", "catalogue": str(tmp_path)}
        given |= {"baseline": BASELINE, "_ansible_check_mode": check}
        if module == "reset":
            given["bookinfo"] = []
        given = {name: value for name, value in {**given, **arguments}.items() if value is not None}
        with patch_module_args(given), pytest.raises(SystemExit):
            {"reset": reset, "lab_stage": lab_stage}[module].main()
        return dict(json.loads(capsys.readouterr().out))

    return call
