# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import ApplyOptions, Report, apply_set, put_back_all
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]
LEFT = "by another since, so it is left as it is; correct it by hand."


def config_map(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "bookinfo"}, "data": data}


def apply(client: Client, doc: Json) -> Report:
    return apply_set(client, [doc], ApplyOptions(wait=False))


def outcome(client: Client, report: Report) -> str:
    return str(put_back_all(client, report, timeout=5).results[0]["put_back"])


@pytest.fixture(name="live")
def live_fixture(api: FakeApi) -> t.Callable[[], Json]:
    def find() -> Json:
        found = api.find("ConfigMap", "a", "bookinfo")
        assert found is not None
        return found

    return find


def test_what_another_has_changed_since_is_not_reverted(
    client: Client, api: FakeApi, live: t.Callable[[], Json]
) -> None:
    apply(client, config_map(x="1"))
    report = apply(client, config_map(x="2"))
    api.put({**live(), "data": {"x": "2", "theirs": "1"}})
    assert outcome(client, report) == f"not put back: ConfigMap bookinfo/a was changed {LEFT}"
    assert live()["data"] == {"x": "2", "theirs": "1"}
    assert report.changed
    assert "0 of 1 changes were put back; not put back: ConfigMap bookinfo/a was changed" in report.message


def test_what_another_has_removed_since_is_not_made_again(client: Client, api: FakeApi) -> None:
    apply(client, config_map(x="1"))
    report = apply(client, config_map(x="2"))
    api.remove("ConfigMap", "a", "bookinfo")
    assert outcome(client, report) == f"not put back: ConfigMap bookinfo/a was removed {LEFT}"
    assert api.find("ConfigMap", "a", "bookinfo") is None


def test_a_status_written_since_is_no_change_of_another(
    client: Client, api: FakeApi, live: t.Callable[[], Json]
) -> None:
    apply(client, config_map(x="1"))
    report = apply(client, config_map(x="2"))
    api.put({**live(), "status": {"seen": True}})
    assert outcome(client, report) == "reverted"
    assert live()["data"] == {"x": "1"}


def test_a_write_at_the_same_moment_is_read_and_the_revert_goes_on(
    client: Client, api: FakeApi, live: t.Callable[[], Json]
) -> None:
    apply(client, config_map(x="1"))
    report = apply(client, config_map(x="2"))
    api.fail(409, method="PUT", times=2, body=status_body(409, "Conflict", "the object has been modified"))
    assert outcome(client, report) == "reverted"
    assert live()["data"] == {"x": "1"}


def test_a_revert_whose_answer_was_lost_has_come_through(
    client: Client, api: FakeApi, live: t.Callable[[], Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(client, config_map(x="1"))
    report = apply(client, config_map(x="2"))
    replace = client.replace
    monkeypatch.setattr(client, "replace", lambda doc: (replace(doc), replace(doc))[1])
    assert outcome(client, report) == "reverted"
    assert live()["data"] == {"x": "1"}


def test_what_was_made_and_changed_by_another_since_stays(
    client: Client, api: FakeApi, live: t.Callable[[], Json]
) -> None:
    report = apply(client, config_map(x="1"))
    api.put({**live(), "data": {"x": "theirs"}})
    assert outcome(client, report) == f"not put back: ConfigMap bookinfo/a was changed {LEFT}"
    assert live()["data"] == {"x": "theirs"}


def test_what_was_made_and_made_anew_by_another_since_stays(client: Client, api: FakeApi) -> None:
    report = apply(client, config_map(x="1"))
    api.remove("ConfigMap", "a", "bookinfo")
    api.put(config_map(x="1"))
    assert outcome(client, report) == f"not put back: ConfigMap bookinfo/a was changed {LEFT}"
    assert api.find("ConfigMap", "a", "bookinfo") is not None


def test_what_controllers_add_to_what_was_made_does_not_keep_it(
    client: Client, api: FakeApi, live: t.Callable[[], Json]
) -> None:
    report = apply(client, config_map(x="1"))
    found = live()
    found["metadata"]["annotations"] = {"controller.example/seen": "yes"}
    api.put({**found, "spec": {"nodeName": "one"}, "status": {"phase": "Running"}})
    assert outcome(client, report) == "removed again"
    assert api.find("ConfigMap", "a", "bookinfo") is None


def test_what_was_made_and_removed_by_another_since_is_as_it_was(client: Client, api: FakeApi) -> None:
    report = apply(client, config_map(x="1"))
    api.remove("ConfigMap", "a", "bookinfo")
    assert outcome(client, report) == "removed again"
