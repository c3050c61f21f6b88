# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import threading
import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client, watch
from ansible_collections.mesh.workshop.plugins.module_utils._kube.objects import Json, Key
from ansible_collections.mesh.workshop.plugins.module_utils._kube.watch import states
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi


def config_map(name: str, data: dict[str, str], **labels: str) -> dict[str, object]:
    meta = {"name": name, "namespace": "bookinfo", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def names(known: dict[Key, Json]) -> set[str]:
    return {obj["metadata"]["name"] for obj in known.values()}


def test_a_watch_tells_what_is_there_and_what_it_becomes(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    seen = []
    for known in client.track("v1", "ConfigMap", namespace="bookinfo", timeout=5):
        seen.append({obj["metadata"]["name"]: obj.get("data") for obj in known.values()})
        if len(seen) == 1:
            api.put(config_map("a", {"x": "1"}))
        elif len(seen) == 2:
            api.remove("ConfigMap", "a", "bookinfo")
        elif len(seen) == 3:
            break
    assert seen == [{"a": {}}, {"a": {"x": "1"}}, {}]


def test_a_watch_that_ends_is_taken_up_without_listing_again(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    tracked = client.track("v1", "ConfigMap", timeout=5)
    assert names(next(tracked)) == {"a"}

    def interrupt() -> None:
        api.end_watches()
        api.put(config_map("b", {}))

    api.when_watched(interrupt)
    assert names(next(tracked)) == {"a", "b"}
    lists = [path for _method, path, _headers in api.asked("GET", "/configmaps") if "watch=true" not in path]
    watches = [path for _method, path, _headers in api.asked("GET", "watch=true")]
    assert (len(lists), len(watches)) == (1, 2)
    tracked.close()


def test_a_watch_that_is_too_old_lists_again(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    api.put(config_map("b", {}))
    tracked = client.track("v1", "ConfigMap", timeout=5)
    assert names(next(tracked)) == {"a", "b"}

    def compact() -> None:
        with api.lock:
            api.end_watches()
            api.remove("ConfigMap", "a", "bookinfo")
            api.put(config_map("c", {}))
            api.compact()

    threading.Timer(0.1, compact).start()
    assert names(next(tracked)) == {"b", "c"}
    tracked.close()


ERROR = b'{"type": "ERROR", "object": {"code": 500}}\n'


class Clock:
    """A time that goes on with pauses alone, whatever the machine does."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(watch, "time", found)
    return found


@pytest.mark.parametrize("body", [b"{}", ERROR])
def test_a_watch_that_ends_at_once_is_taken_up_after_a_pause(
    client: Client, api: FakeApi, clock: Clock, body: bytes
) -> None:
    api.fail(200, part="watch=true", times=1000, body=body)
    list(client.track("v1", "ConfigMap", timeout=0.5))
    assert clock.pauses == pytest.approx([0.1, 0.2, 0.2])  # the last one ends with the time
    assert len(api.asked("GET", "watch=true")) == 3
    assert len(api.asked("GET", "/configmaps?limit")) <= 4


def test_a_watch_that_has_told_something_is_taken_up_at_once(client: Client, api: FakeApi, clock: Clock) -> None:
    event = {"type": "MODIFIED", "object": {"metadata": {"name": "a", "namespace": "bookinfo"}}}
    api.fail(200, part="watch=true", times=20, body=json.dumps(event).encode() + b"\n")
    tracked = client.track("v1", "ConfigMap", timeout=5)
    assert names(next(tracked)) == set()  # the list
    assert [names(next(tracked)) for _round in range(20)] == [{"a"}] * 20
    assert clock.pauses == []
    tracked.close()


def test_ticks_are_regular(client: Client, api: FakeApi) -> None:
    seen = list(client.track("v1", "ConfigMap", timeout=2.5, tick=1))
    watches = [path for _method, path, _headers in api.asked("GET", "watch=true")]
    assert len(watches) > 1
    assert all("timeoutSeconds=1" in path.split("&") for path in watches)
    assert len(seen) == 1 + len(watches)  # the list, and whenever a second is over


def test_a_watch_over_a_restart_goes_on(client: Client, api: FakeApi) -> None:
    api.put(config_map("a", {}))
    tracked = client.track("v1", "ConfigMap", timeout=10)
    assert names(next(tracked)) == {"a"}

    def restart() -> None:
        api.stop()
        api.start()
        api.put(config_map("b", {}))

    threading.Timer(0.1, restart).start()
    assert "b" in names(next(tracked))
    tracked.close()


def test_a_watch_ends_with_its_time(client: Client) -> None:
    started = time.monotonic()
    assert [len(known) for known in client.track("v1", "ConfigMap", timeout=0.5)] == [0]  # the list alone
    assert 0.4 < time.monotonic() - started < 20


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"type": "ADDED"}\n', b'{"object": 5}\n', b"[" * 10_000 + b"\n"]
)
def test_a_watch_that_tells_nonsense_is_taken_up_again(client: Client, api: FakeApi, line: bytes) -> None:
    event = {"type": "ADDED", "object": {"metadata": {"name": "a", "namespace": "bookinfo"}}}
    api.fail(200, part="watch=true", body=line)
    api.fail(200, part="watch=true", body=json.dumps(event).encode() + b"\n")
    tracked = client.track("v1", "ConfigMap", timeout=5)
    assert [names(next(tracked)), names(next(tracked))] == [set(), {"a"}]  # the list, the watch
    tracked.close()


def at(name: str, version: str) -> dict[str, object]:
    return {"metadata": {"name": name, "resourceVersion": version}}


def test_a_new_list_takes_the_place_of_what_was_known() -> None:
    followed = [("LISTED", [at("a", "1"), at("b", "1")]), ("TICK", []), ("LISTED", [at("b", "2"), at("c", "1")])]
    assert [names(known) for known in states(followed)] == [{"a", "b"}, {"a", "b"}, {"b", "c"}]


def test_states_are_told_after_every_event() -> None:
    followed = [("LISTED", [at("a", "1")]), ("MODIFIED", [at("a", "2")]), ("DELETED", [at("a", "3")]), ("TICK", [])]
    assert [len(known) for known in states(followed)] == [1, 1, 0, 0]
