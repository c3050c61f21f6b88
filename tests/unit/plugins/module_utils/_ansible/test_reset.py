# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a reset goes through the runner: what fails, what is told of it, and what is done all the same."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.reset import RESET_ARG_SPEC, reset
from ansible_collections.mesh.workshop.plugins.module_utils._verify import Outcome
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._ansible.conftest import Run
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import BASELINE, of_lab, room

Json = dict[str, t.Any]


@pytest.fixture(name="back")
def back_fixture(run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Json]:
    """Reset a namespace in which a lab has left a Secret; all checks pass."""
    passed = Outcome(True, [{"name": "the page", "passed": True}], "the table", "passed.")
    monkeypatch.setattr(_verify, "run_checks", lambda *_where, **_options: passed)
    api.put(room("bookinfo"))
    api.put(of_lab("Secret", "credentials", "bookinfo"))

    def call(**options: t.Any) -> Json:
        given: Json = {"namespace": "bookinfo", "baseline": BASELINE, "bookinfo": [room("bookinfo")], **options}
        return run(reset, spec=RESET_ARG_SPEC, result={"listing": "", "services": []}, errors=(LabError,), **given)

    return call


def actions(result: Json) -> dict[tuple[str, str], str]:
    return {(one["kind"], one["name"]): one["action"] for one in result["results"]}


def test_what_cannot_be_removed_does_not_keep_baseline_from_coming_back(
    back: t.Callable[..., Json], api: FakeApi
) -> None:
    api.fail(403, method="DELETE", part="credentials")
    result = back()
    assert result["msg"].startswith("Namespace bookinfo is not back at baseline: Secret bookinfo/credentials: ")
    assert actions(result)[("Secret", "credentials")] == "failed"
    assert actions(result)[("VirtualService", "bookinfo")] == "created"
    assert api.find("VirtualService", "bookinfo", "bookinfo") is not None
    assert "failed        Secret bookinfo/credentials" in result["listing"]
    assert "created       VirtualService bookinfo/bookinfo" in result["listing"]
    assert result["checks"] == [], "nothing is proven of what is not there"


def test_what_was_done_is_told_where_what_others_wrote_cannot_be_taken_over(
    back: t.Callable[..., Json], api: FakeApi
) -> None:
    back()
    gateway = api.find("VirtualService", "bookinfo", "bookinfo") or {}
    gateway["metadata"]["managedFields"] += [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:x": {}}}]
    api.put(gateway)
    home = api.find("Namespace", "bookinfo") or {}
    home["metadata"]["labels"]["istio.io/rev"] = "x"
    api.put(home)
    api.fail(403, method="PATCH", part="virtualservices/bookinfo")
    result = back()
    assert "VirtualService bookinfo/bookinfo" in result["msg"]
    assert actions(result) == {("Namespace", "bookinfo"): "changed"}, "the rest was not come to"


def test_a_diff_has_what_goes_and_what_comes(back: t.Callable[..., Json]) -> None:
    headers = {one["before_header"].split()[0] for one in back(diff=True)["diff"]}
    assert {"Secret", "VirtualService", "ConfigMap"} <= headers


def test_in_check_mode_nothing_is_held_and_nothing_changed(back: t.Callable[..., Json], api: FakeApi) -> None:
    before = api.versions()
    result = back(check=True)
    assert api.versions() == before
    assert result["checks"][0]["skipped"]
    assert "would remove  Secret bookinfo/credentials" in result["listing"]
