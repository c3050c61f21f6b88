# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted, and what is left since it has changed meanwhile."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import LAB
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._apply.sets import (
    actions,
    config_map,
    run,
)


def test_removal_twice(client: Client) -> None:
    run(client, [config_map("a")])
    docs = [config_map("a"), config_map("never")]
    assert actions(run(client, docs, state="absent")) == {"a": "deleted", "never": "absent"}
    again = run(client, docs, state="absent")
    assert (again.changed, actions(again)) == (False, {"a": "absent", "never": "absent"})


def test_an_answer_without_uid_is_a_failure_that_names_the_object(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a")])
    found = api.find("ConfigMap", "a", "bookinfo") or {}
    del found["metadata"]["uid"]
    api.fail(200, method="GET", part="/configmaps/a", body=found)
    report = run(client, [config_map("a")], state="absent")
    assert report.failed
    assert report.message.startswith("ConfigMap bookinfo/a: the answer of the API server has no metadata.uid; ")
    assert api.find("ConfigMap", "a", "bookinfo") is not None


def test_removal_waits_for_finalizers(client: Client, api: FakeApi) -> None:
    api.put({**config_map("a"), "metadata": {"name": "a", "namespace": "bookinfo", "finalizers": ["x/y"]}})
    started = time.monotonic()
    threading.Timer(0.3, lambda: api.remove("ConfigMap", "a", "bookinfo")).start()
    assert not run(client, [config_map("a")], state="absent").failed
    assert time.monotonic() - started >= 0.25


def test_removal_that_hangs_names_the_finalizer(client: Client, api: FakeApi) -> None:
    api.put({**config_map("a"), "metadata": {"name": "a", "namespace": "bookinfo", "finalizers": ["x/y"]}})
    report = run(client, [config_map("a")], state="absent", wait_timeout=0.2)
    assert report.failed
    assert report.message.startswith("ConfigMap bookinfo/a is not gone within the time given: it waits for x/y;")


def test_prune_removes_what_a_controller_has_written_to_meanwhile(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a")], labels={LAB: "x"})
    api.fail(409, method="DELETE")
    assert actions(run(client, [], prune_selector={LAB: "x"})) == {"a": "deleted"}
    assert api.find("ConfigMap", "a", "bookinfo") is None


def test_prune_leaves_what_has_changed_hands_meanwhile(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(client, [config_map("a")], labels={LAB: "x"})
    delete = client.delete

    def after_another(*args: t.Any, **options: t.Any) -> t.Any:
        live = api.find("ConfigMap", "a", "bookinfo") or {}
        live["metadata"]["labels"] = {LAB: "y"}
        api.put(live)
        return delete(*args, **options)

    monkeypatch.setattr(client, "delete", after_another)
    report = run(client, [], prune_selector={LAB: "x"})
    assert (report.failed, actions(report)) == (False, {"a": "absent"})
    assert api.find("ConfigMap", "a", "bookinfo") is not None


def test_what_can_no_longer_be_read_while_pruning_is_its_own_failure(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a"), config_map("b")], labels={LAB: "x"})
    api.fail(409, method="DELETE", part="/configmaps/a")
    api.fail(403, method="GET", part="/configmaps/a", body=status_body(403, "Forbidden", "no get"))
    report = run(client, [], prune_selector={LAB: "x"})
    assert report.failed
    assert actions(report) == {"a": "failed", "b": "deleted"}
    assert report.message.startswith("ConfigMap bookinfo/a: no get;")
