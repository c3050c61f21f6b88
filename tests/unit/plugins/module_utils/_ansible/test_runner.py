# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way through a module: what its result tells, however it ends."""

from __future__ import annotations

import threading
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mesh.workshop.plugins.module_utils import _verify
from ansible_collections.mesh.workshop.plugins.module_utils._ansible import runner
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import EMPTY_RESULT, Runner, run_module
from ansible_collections.mesh.workshop.plugins.module_utils._apply import Report, engine
from ansible_collections.mesh.workshop.plugins.module_utils._istio import settled
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._verify import CheckError, Outcome
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._ansible.conftest import Run

Json = dict[str, t.Any]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "bookinfo"}}
ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "shop", "namespace": "bookinfo"},
    "spec": {"hosts": ["shop.example"], "gateways": ["shop"], "http": [{"route": [{"destination": {"host": "a.b"}}]}]},
}
SHOP = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "shop", "namespace": "bookinfo"},
    "spec": {"servers": [{"hosts": ["shop.example"]}]},
}
CHECK = {"name": "the page", "request": {"url": "http://shop.example/"}, "expect": {"status": 200}}
PASSED = Outcome(True, [{"name": "the page", "passed": True}], "the table", "1 check passed.", ["a probe"])
FAILED = Outcome(False, [{"name": "the page", "passed": False}], "the table", "The page is not there.", ["a probe"])


def written(results: list[Json]) -> list[Json]:
    """Results of which others had written everything."""
    return [{**one, "written_by": ["kubectl"]} for one in results]


class Streams:
    """What start_streams returns; knows whether it was stopped."""

    def __init__(self) -> None:
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    begun = Streams()
    monkeypatch.setattr(_verify, "start_streams", lambda *_where: begun)
    return begun


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the module warns of."""
    said: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text, **_more: said.append(text))
    return said


def verify(runner: Runner, **options: t.Any) -> None:
    """Apply a ConfigMap and verify it."""
    verification = runner.read_checks([CHECK], namespace=None)
    runner.apply_and_verify(lambda: [MAP], runner.options(**options), verification)


def test_a_module_that_does_nothing_returns_the_common_shape(run: Run) -> None:
    result = run(lambda runner: None, result={"lab": "tls"})
    assert {name: result[name] for name in (*EMPTY_RESULT, "lab")} == {**EMPTY_RESULT, "lab": "tls"}


def test_what_was_applied_and_proven_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, streams: Streams) -> None:
    asked: list[t.Any] = []

    def run_checks(_client: t.Any, checks: t.Any, *where: t.Any, streams: t.Any) -> Outcome:
        asked.append((checks[0].name, where, streams))
        return PASSED

    monkeypatch.setattr(_verify, "run_checks", run_checks)
    result = run(verify, gateway="192.0.2.1:80")
    assert asked == [("the page", ("192.0.2.1:80", None), streams)]
    assert (result["changed"], result["checks"], result["side_effects"]) == (True, PASSED.results, ["a probe"])
    assert (result["message"], result["table"]) == ("1 created. 1 check passed.", "the table")
    assert result["results"][0]["action"] == "created"
    assert streams.stopped == 0, "run_checks ends them"


def test_in_check_mode_no_stream_begins_and_checks_are_skipped(run: Run, streams: Streams, api: FakeApi) -> None:
    result = run(verify, check=True)
    assert result["checks"] == [{"name": "the page", "skipped": True, "passed": None, "reason": "check mode"}]
    assert result["message"] == "1 created. 1 check is skipped in check mode."
    assert api.find("ConfigMap", "a", "bookinfo") is None


def test_a_failed_check_ends_the_module_with_what_was_done(
    run: Run, monkeypatch: pytest.MonkeyPatch, streams: Streams
) -> None:
    monkeypatch.setattr(_verify, "run_checks", lambda *where, **options: FAILED)
    result = run(verify)
    assert (result["failed"], result["msg"]) == (True, FAILED.message)
    assert "message" not in result, "it is told once"
    assert (result["changed"], result["checks"]) == (True, FAILED.results)


def test_streams_end_where_the_apply_fails(run: Run, streams: Streams, api: FakeApi) -> None:
    api.fail(403, method="PATCH", times=9)
    result = run(verify)
    assert result["failed"]
    assert result["checks"] == []
    assert streams.stopped == 1


def test_a_mistake_in_a_check_is_told_before_the_cluster_is_asked(run: Run, api: FakeApi) -> None:
    result = run(lambda runner: t.cast("None", runner.read_checks([{"name": "x"}], namespace=None)))
    assert result["failed"]
    assert not api.requests


def test_several_applies_are_one_result(run: Run) -> None:
    def body(runner: Runner) -> None:
        runner.apply([MAP], runner.options())
        runner.apply(
            [MAP], runner.options(), told=lambda results: [{**one, "written_by": ["kubectl"]} for one in results]
        )

    result = run(body, diff=True)
    assert [(one["action"], one.get("written_by")) for one in result["results"]] == [
        ("created", None),
        ("unchanged", ["kubectl"]),
    ]
    assert len(result["diff"]) == 1
    assert result["message"] == "1 created. 1 unchanged."


def test_what_others_had_written_is_a_change(run: Run) -> None:
    def body(runner: Runner) -> None:
        runner.apply(
            [MAP], runner.options(), told=lambda results: [{**one, "written_by": ["kubectl"]} for one in results]
        )

    run(lambda runner: t.cast("None", runner.apply([MAP], runner.options())))
    assert run(body)["changed"]


def test_a_failed_apply_is_told_in_the_words_of_its_caller(run: Run, api: FakeApi) -> None:
    api.fail(403, method="PATCH", times=9)
    result = run(
        lambda runner: t.cast("None", runner.apply([MAP], runner.options(), failure="Stage x was not applied: {}"))
    )
    assert result["msg"].startswith("Stage x was not applied: ConfigMap bookinfo/a: ")
    assert result["results"][0]["action"] == "failed"


def test_an_attempt_that_fails_lets_the_module_go_on(run: Run, api: FakeApi) -> None:
    said: list[str] = []

    def body(runner: Runner) -> None:
        said.append(runner.attempt([MAP], runner.options()))
        said.append(runner.attempt([MAP], runner.options(), told=written))
        said.append(runner.attempt([MAP], runner.options(state="absent")))

    api.fail(403, method="PATCH", times=1)
    result = run(body, diff=True)
    assert said[0].startswith("ConfigMap bookinfo/a: ")
    assert said[1:] == ["", ""]
    assert [one["action"] for one in result["results"]] == ["failed", "created", "deleted"]
    assert [one.get("written_by") for one in result["results"]] == [None, ["kubectl"], None]
    assert (result["changed"], len(result["diff"]), result["message"]) == (True, 2, "")


def test_whether_something_would_change_is_asked_without_a_trace(run: Run, api: FakeApi) -> None:
    said: list[bool] = []

    def body(runner: Runner) -> None:
        said.append(runner.would_change([MAP], runner.options()))

    result = run(body, diff=True)
    assert (said, result["changed"], result["results"]) == ([True], False, [])
    assert "diff" not in result
    assert api.find("ConfigMap", "a", "bookinfo") is None
    run(lambda runner: t.cast("None", runner.apply([MAP], runner.options())))
    run(body)
    api.fail(403, method="PATCH", times=1)
    run(body)
    assert said == [True, False, True], "what cannot be told counts as a change"


@pytest.mark.parametrize("check", [False, True])
def test_a_verification_is_concluded_by_traffic_or_in_check_mode_by_saying_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    belong: list[t.Any] = []

    def run_checks(*_where: t.Any, **options: t.Any) -> Outcome:
        belong.append(options["desired"])
        return PASSED

    monkeypatch.setattr(_verify, "run_checks", run_checks)
    result = run(lambda runner: runner.read_checks([CHECK], namespace=None).conclude([MAP]), check=check)
    assert belong == ([] if check else [[MAP]])
    assert [one.get("skipped", False) for one in result["checks"]] == [check]


class HouseError(Exception):
    """An error that a module of its own knows."""


@pytest.mark.parametrize("error", [ApiError(0, "", "no"), CheckError("no"), HouseError("no")])
def test_an_error_for_people_is_the_message(run: Run, error: Exception) -> None:
    def body(runner: Runner) -> None:
        raise error

    result = run(body, errors=(HouseError,))
    assert result["msg"].rstrip(".") == "no"
    assert "exception" not in result


def test_any_other_error_is_a_defect_and_stays_one(api: FakeApi, run: Run) -> None:
    def body(runner: Runner) -> None:
        raise HouseError("no")

    with pytest.raises(HouseError):
        run(body)


def test_secrets_of_checks_are_hidden_before_anything_can_fail(run: Run) -> None:
    request = {"url": "http://shop.example/", "headers": {"authorization": "Bearer hunter2"}}
    result = run(lambda runner: None, verify=[{**CHECK, "request": request, "no_log": True}], wait_timeout=-1)
    assert result["failed"]
    assert "hunter2" not in str(result)


def test_run_module_takes_the_constraints_of_ansible(api: FakeApi, run: Run) -> None:
    assert "missing required arguments" in run(lambda runner: None, spec={"x": {"required": True}})["msg"]
    assert run_module.__doc__


UNBOUND = (
    "VirtualService bookinfo/shop is bound to Gateway bookinfo/shop, which does not exist. Apply a Gateway "
    "bookinfo/shop, or name one that exists."
)


@pytest.mark.parametrize("check", [False, True])
def test_what_is_applied_and_can_have_no_effect_is_warned_of(run: Run, warned: list[str], check: bool) -> None:
    result = run(lambda runner: t.cast("None", runner.apply([ROUTE], runner.options())), check=check)
    assert not result.get("failed")
    assert warned == [UNBOUND]


@pytest.mark.parametrize(("documents", "loaded"), [([ROUTE], True), ([MAP], False)])
def test_what_finds_objects_without_effect_is_loaded_while_they_are_applied(
    run: Run, monkeypatch: pytest.MonkeyPatch, documents: list[Json], loaded: bool
) -> None:
    begun, free = threading.Event(), threading.Event()

    def load() -> None:
        begun.set()
        free.wait(60)

    def apply_set(*given: t.Any) -> Report:
        assert not loaded or begun.wait(60)
        free.set()
        return engine.apply_set(*given)

    monkeypatch.setattr(runner, "_load_effects", load)
    monkeypatch.setattr(runner, "apply_set", apply_set)
    result = run(lambda one: t.cast("None", one.apply(documents, one.options())))
    assert not result.get("failed"), result
    assert begun.is_set() is loaded


def test_what_has_its_effect_is_not_warned_of(run: Run, warned: list[str]) -> None:
    run(lambda runner: t.cast("None", runner.apply([SHOP, ROUTE], runner.options())))
    assert warned == []


def test_without_a_right_to_look_nothing_is_warned_of(run: Run, warned: list[str], api: FakeApi) -> None:
    api.fail(403, method="GET", part="/gateways", times=9)
    run(lambda runner: t.cast("None", runner.apply([ROUTE], runner.options())))
    assert warned == []


def test_what_is_removed_is_not_warned_of(run: Run, warned: list[str]) -> None:
    run(lambda runner: t.cast("None", runner.apply([ROUTE], runner.options())))
    warned.clear()
    run(lambda runner: t.cast("None", runner.apply([ROUTE], runner.options(state="absent"))))
    assert warned == []


@pytest.mark.parametrize(
    ("outcome", "warnings"), [(None, ["Nobody knows."]), (PASSED, []), (FAILED, ["Nobody knows."])]
)
def test_that_istiod_may_not_be_asked_is_warned_of_where_no_traffic_proves_more(
    run: Run,
    warned: list[str],
    monkeypatch: pytest.MonkeyPatch,
    streams: Streams,
    outcome: Outcome | None,
    warnings: list[str],
) -> None:
    monkeypatch.setattr(settled, "wait_settled", lambda *_given: settled.Settled(unknown="Nobody knows."))
    monkeypatch.setattr(_verify, "run_checks", lambda *_where, **_options: outcome)

    def body(runner: Runner) -> None:
        verification = runner.read_checks([CHECK], namespace=None) if outcome is not None else None
        runner.apply_and_verify(lambda: [SHOP, ROUTE], runner.options(), verification)

    result = run(body, wait=True)
    assert result.get("failed", False) is (outcome is FAILED)
    assert warned == warnings
