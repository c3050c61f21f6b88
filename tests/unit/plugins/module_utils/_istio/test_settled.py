# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import types
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import Ref
from ansible_collections.mesh.workshop.plugins.module_utils._istio import settled
from ansible_collections.mesh.workshop.plugins.module_utils._istio.istiod import parse_syncz
from ansible_collections.mesh.workshop.plugins.module_utils._istio.settled import (
    Scope,
    changed_at,
    missing_from,
    parse_counter,
    rejection,
    wait_settled,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError

Json = dict[str, t.Any]
ROUTER = {"proxy_type": "router"}
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
REF = Ref("networking.istio.io/v1", "VirtualService", "bookinfo", "reviews")
OBJECT = {"metadata": {"name": "reviews", "namespace": "bookinfo", "uid": "u", "resourceVersion": "7", "generation": 2}}


def proxy(name: str, **types: Json) -> Json:
    urls = {"listeners": LISTENER, "endpoints": ENDPOINT}
    return {"proxy": name, "proxy_type": "sidecar", "resources": {urls[key]: value for key, value in types.items()}}


def test_only_a_rejection_of_what_was_sent_since_counts() -> None:
    state = {"sent": "2", "lastError": "bad filter.", "sentTime": "2026-01-01T12:00:00Z"}
    proxies = parse_syncz([proxy("web.shop", listeners=state), proxy("api.shop", listeners=state)])
    assert rejection(proxies, NOW + timedelta(seconds=1)) == ""
    assert rejection(proxies, NOW).startswith("the proxy web.shop and 1 more has rejected the listeners: bad filter; ")


def test_when_we_changed_an_object() -> None:
    entries = [
        {"manager": "kubectl", "time": "2026-01-01T13:00:00Z"},
        {"manager": "mesh-workshop", "time": "2026-01-01T12:00:00Z"},
    ]
    assert changed_at({"metadata": {"managedFields": entries}}) == NOW
    assert changed_at({"metadata": {}}) is None


def test_counters_are_summed_over_their_labels() -> None:
    text = 'a_b{x="1"} 2\na_b{x="2"} 3\na_b_c 7\n# a_b 9\nplain 4\n'
    assert parse_counter(text, "a_b") == 5
    assert parse_counter(text, "plain") == 4
    assert parse_counter(text, "none") == 0


@pytest.mark.parametrize(
    ("meta", "missing"),
    [
        ({"resourceVersion": "7"}, False),
        ({"resourceVersion": "8", "uid": "u", "generation": 2}, False),
        ({"resourceVersion": "6", "uid": "u", "generation": 1}, True),
        ({"resourceVersion": "6", "uid": "other", "generation": 3}, True),
        (None, True),
    ],
)
def test_what_istiod_has_not_read_yet(meta: Json | None, missing: bool) -> None:
    named = {"name": "reviews", "namespace": "bookinfo"}
    configs = [{"kind": "VirtualService", "metadata": {**named, **meta}}] if meta is not None else []
    assert missing_from(configs, {REF: OBJECT}, []) == ([REF] if missing else [])


def test_what_istiod_has_not_dropped_yet() -> None:
    configs = [{"kind": "VirtualService", "metadata": {"name": "reviews", "namespace": "bookinfo"}}]
    assert missing_from(configs, {}, [REF]) == [REF]
    assert missing_from([], {}, [REF]) == []


class FakeIstiod:
    """Answers what the test has laid down; each path's last answer stays."""

    name = "istiod-1"
    namespace = "istio-system"
    debounce = 0.0

    def __init__(self, **answers: list[t.Any]) -> None:
        self.answers = answers
        self.closed = False
        self.root = self.namespace
        self.root_asked = 0

    def _next(self, name: str) -> t.Any:
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, path: str) -> bytes:
        return self._next("metrics").encode()  # type: ignore[no-any-return]  # answers are of any type

    def json(self, path: str) -> t.Any:
        return json.loads(json.dumps(self._next(path.removeprefix("/debug/"))))

    def root_namespace(self) -> str:
        self.root_asked += 1
        return self.root

    def close(self) -> None:
        self.closed = True


READ = [{"kind": "VirtualService", "metadata": OBJECT["metadata"]}]
METRICS = "pilot_inbound_updates 5\npilot_debounce_time_count 3\n"
ACKED = [proxy("web.bookinfo", listeners={"sent": "2", "acked": "2"})]


def settle(monkeypatch: pytest.MonkeyPatch, istiod: FakeIstiod, timeout: float = 5.0) -> settled.Settled:
    monkeypatch.setattr(settled, "find_istiods", lambda client: [istiod])
    try:
        return wait_settled(None, {REF: OBJECT}, [], NOW, time.monotonic() + timeout)
    finally:
        assert istiod.closed


def test_settled_when_read_pushed_and_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = [proxy("web.bookinfo", listeners={"sent": "2", "acked": "1"})]
    istiod = FakeIstiod(configz=[[], READ], metrics=[METRICS], syncz=[ACKED, behind, ACKED])
    assert settle(monkeypatch, istiod).ok


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_no_longer_is_waited_than_until_istiod_has_been_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gathers changes for 0.1 s, gets 0.15 s more to push, and its proxies are looked at twice."""
    clock = Clock()
    monkeypatch.setattr(settled, "time", clock)
    monkeypatch.setattr(settled, "threading", types.SimpleNamespace(Event=lambda: clock))
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[ACKED])
    istiod.debounce = 0.1
    monkeypatch.setattr(settled, "find_istiods", lambda client: [istiod])
    assert wait_settled(None, {REF: OBJECT}, [], NOW, 5.0).ok
    assert clock.now == pytest.approx(0.31)


def test_proxies_that_others_keep_changing_do_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(first: str, second: str) -> list[Json]:
        return [
            proxy("a.bookinfo", listeners={"sent": "2", "acked": first}),
            proxy("b.bookinfo", listeners={"sent": "2", "acked": second}),
            proxy("new.bookinfo", listeners={"sent": "2", "acked": "1"}),
        ]

    turns = [seen("2", "1")[:2], seen("1", "2"), seen("2", "1"), seen("1", "2")]
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[*turns, [proxy("late.bookinfo", listeners={})]])
    outcome = settle(monkeypatch, istiod)
    assert outcome.ok
    assert [one.name for one in outcome.proxies] == ["a.bookinfo", "b.bookinfo", "new.bookinfo"]


def test_pushed_is_known_by_two_pushes_when_it_is_never_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [f"pilot_inbound_updates {number}\npilot_debounce_time_count {number // 3}\n" for number in range(200)]
    istiod = FakeIstiod(configz=[READ], metrics=[*busy], syncz=[ACKED])
    istiod.debounce = 60.0
    assert settle(monkeypatch, istiod).ok


def test_a_rejection_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"sent": "2", "acked": "1", "lastError": "bad filter", "sentTime": "2026-01-01T12:00:01Z"}
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[proxy("web.bookinfo", listeners=state)]])
    outcome = settle(monkeypatch, istiod)
    assert not outcome.ok
    assert "the proxy web.bookinfo has rejected the listeners: bad filter" in outcome.error


def test_an_old_rejection_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"sent": "2", "acked": "1", "lastError": "old", "sentTime": "2025-01-01T12:00:01Z"}
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[proxy("web.bookinfo", listeners=state)]])
    outcome = settle(monkeypatch, istiod)
    assert outcome.ok
    assert "web.bookinfo" in outcome.warning


BAD = {"sent": "2", "acked": "1", "lastError": "bad filter", "sentTime": "2026-01-01T12:00:01Z"}
GOOD = {"sent": "2", "acked": "2"}
LATE = {"sent": "2", "acked": "1"}


def test_the_error_of_what_was_sent_before_is_none_of_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    anew = [proxy("web.bookinfo", listeners={**BAD, "sent": "3"})]
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[anew, anew, ACKED])
    assert settle(monkeypatch, istiod).ok


def test_the_wait_is_over_without_a_question_more_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[*ACKED, proxy("web.shop", listeners=GOOD)]])
    outcome = settle(monkeypatch, istiod)
    assert (outcome.ok, outcome.warning, istiod.root_asked) == (True, "", 0)


def test_what_others_have_broken_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[*ACKED, proxy("web.shop", listeners=BAD)]])
    outcome = settle(monkeypatch, istiod)
    assert outcome.ok
    assert outcome.warning == (
        "The proxy web.shop, which this change is not for, has rejected the listeners: bad filter; "
        "correct or remove what was applied there."
    )


def test_others_that_hang_do_not_hold_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_OTHERS_GRACE", 0.2)
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[*ACKED, proxy("web.shop", listeners=LATE)]])
    started = time.monotonic()
    outcome = settle(monkeypatch, istiod, timeout=60)
    assert 0.2 <= time.monotonic() - started < 30
    assert outcome.ok
    assert "have not acknowledged it yet: web.shop (listeners)" in outcome.warning


def test_others_that_are_only_slow_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [[*ACKED, proxy("web.shop", listeners=LATE)]] * 4
    istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[*slow, [*ACKED, proxy("web.shop", listeners=GOOD)]])
    outcome = settle(monkeypatch, istiod)
    assert (outcome.ok, outcome.warning) == (True, "")
    assert len(istiod.answers["syncz"]) == 1


def test_what_is_in_the_root_namespace_of_the_mesh_is_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for state, error in ((BAD, "the proxy web.shop has rejected"), (LATE, "these proxies have not acknowledged")):
        monkeypatch.setattr(settled, "_OTHERS_GRACE", 0.1)
        istiod = FakeIstiod(configz=[READ], metrics=[METRICS], syncz=[[*ACKED, proxy("web.shop", listeners=state)]])
        istiod.root = "bookinfo"
        outcome = settle(monkeypatch, istiod, timeout=0.5)
        assert not outcome.ok
        assert outcome.error.startswith(error)
        assert istiod.root_asked == 1


def reference(kind: str, namespace: str) -> Ref:
    return Ref("networking.istio.io/v1", kind, namespace, "x")


@pytest.mark.parametrize(
    ("kind", "namespace", "obj", "ours"),
    [
        ("VirtualService", "a", {"spec": {"hosts": ["x"]}}, ["v1.a"]),
        ("VirtualService", "a", {"spec": {"gateways": ["mesh"]}}, ["v1.a"]),
        ("VirtualService", "a", {"spec": {"gateways": ["mesh", "way-in"]}}, ["v1.a", "way-in.istio-system"]),
        ("VirtualService", "a", None, ["v1.a", "way-in.istio-system"]),
        ("Gateway", "a", {}, ["v1.a", "way-in.istio-system"]),
        ("EnvoyFilter", "a", None, ["v1.a"]),
        ("Telemetry", "istio-system", {}, ["v1.a", "v1.with.dots.b", "way-in.istio-system"]),
    ],
)
def test_whose_proxies_a_change_is_for(kind: str, namespace: str, obj: Json | None, ours: list[str]) -> None:
    ref = reference(kind, namespace)
    scope = Scope.of({ref: obj}, []) if obj is not None else Scope.of({}, [ref])
    proxies = parse_syncz([proxy("v1.a"), proxy("v1.with.dots.b"), {**proxy("way-in.istio-system"), **ROUTER}])
    meant, others = scope.split(proxies, {"istio-system"})
    assert [one.name for one in meant] == ours
    assert len(meant) + len(others) == 3


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"configz": [[]]}, "istiod-1 has not read VirtualService bookinfo/reviews within the time given"),
        (
            {"syncz": [[proxy("web.bookinfo", listeners={"sent": "2", "acked": "1"})]]},
            "these proxies have not acknowledged their configuration within the time given: web.bookinfo (listeners)",
        ),
        ({"metrics": [ApiError(0, "Forward", "broken")]}, "istiod-1 could not be asked about the proxies: broken"),
    ],
)
def test_what_is_missing_at_the_end_is_said(monkeypatch: pytest.MonkeyPatch, answers: Json, error: str) -> None:
    istiod = FakeIstiod(**{"configz": [READ], "metrics": [METRICS], "syncz": [ACKED], **answers})
    outcome = settle(monkeypatch, istiod, timeout=0.3)
    assert not outcome.ok
    assert outcome.error.startswith(error)


def test_without_the_right_to_ask_it_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    istiod = FakeIstiod(configz=[ApiError(403, "Forbidden", "no portforward")])
    outcome = settle(monkeypatch, istiod)
    assert outcome.ok
    assert outcome.unknown.startswith("It is not known whether the proxies have the configuration: no portforward;")


def test_refused_credentials_are_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    istiod = FakeIstiod(configz=[ApiError(401, "Unauthorized", "Unauthorized")])
    with pytest.raises(ApiError, match="does not accept the credentials"):
        settle(monkeypatch, istiod)


def test_without_istiod_it_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "find_istiods", lambda client: [])
    outcome = wait_settled(None, {REF: OBJECT}, [], NOW, time.monotonic())
    assert outcome.ok
    assert "no ready istiod" in outcome.warning
