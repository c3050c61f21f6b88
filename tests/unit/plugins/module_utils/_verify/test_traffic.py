# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load is steady, bounded, and counted."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.plugins.module_utils._observe.errors import NotYet
from ansible_collections.mesh.workshop.plugins.module_utils._verify import traffic
from ansible_collections.mesh.workshop.plugins.module_utils._verify.traffic import Load, send_load
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site

Json = dict[str, t.Any]
URL = "http://shop.example/productpage"
GOOD: Json = {"status": 200, "error": None, "headers": []}


class Sender:
    """A runner whose requests take the time that it is told, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes: t.Sequence[float], *troubles: Exception) -> None:
        self.now = 0.0
        self.takes, self.troubles = list(takes), list(troubles)
        self.begun: list[float] = []
        self.phases: list[Json] = []
        self.run = types.SimpleNamespace(stop=types.SimpleNamespace(wait=self.wait))
        monkeypatch.setattr(traffic, "Runner", lambda *_given: self)
        monkeypatch.setattr(traffic.time, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def enter(self) -> None:
        if self.troubles:
            self.begun.append(self.now)
            raise self.troubles.pop(0)

    def send(self, phases: list[Json]) -> list[Json]:
        self.begun.append(self.now)
        self.phases += phases
        self.now += self.takes.pop(0) if self.takes else 0.8
        return [GOOD] * phases[0]["count"]


def load(rate: int, seconds: int) -> Load:
    return send_load(t.cast("t.Any", Barred()), URL, rate, seconds, lambda _load: None)


def test_each_second_has_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(monkeypatch, [])
    assert load(5, 4).text() == "20 requests sent: status 200 (20)"
    assert sender.begun == [0.0, 1.0, 2.0, 3.0]
    assert sender.phases == [{"count": 5, "rate": 5.0, "concurrency": 5}] * 4
    assert sender.now == 4.0, "it ends by itself"


def test_what_slow_answers_have_kept_from_being_sent_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(monkeypatch, [0.8, 2.5, 0.8])
    assert load(20, 5).requests == 80
    assert sender.begun == [0.0, 1.0, 3.5, 4.5]
    assert sender.phases[0]["concurrency"] == 8


def test_a_gateway_that_is_replaced_meanwhile_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(monkeypatch, [], NotYet("no address yet"), ApiError(503, "Unavailable", "restarting"))
    assert load(2, 4).requests == 4
    assert sender.begun == [0.0, 1.0, 2.0, 3.0]


def test_no_way_in_all_the_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Sender(monkeypatch, [], NotYet("no address yet"), NotYet("no address yet"))
    with pytest.raises(NotYet, match="no address yet"):
        load(2, 2)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    sender = Sender(monkeypatch, [], ApiError(status, "No", "no"))
    with pytest.raises(ApiError):
        load(2, 60)
    assert sender.now == 0.0


def test_a_visitor_s_requests_go_to_the_gateway_s_address(site: Site) -> None:
    codes = [200, 503]
    site.answer = lambda _request: Answer(codes[len(site.requests) % 2])
    heard: list[str] = []
    found = send_load(t.cast("t.Any", Barred()), URL, 10, 1, lambda so_far: heard.append(so_far.text()), site.address)
    assert found.requests == found.answered == len(site.requests) == 10
    assert found.answers == {"status 200": 5, "status 503": 5}
    assert heard == ["10 requests sent: status 200 (5), status 503 (5)"] or heard == [
        "10 requests sent: status 503 (5), status 200 (5)"
    ]
    assert {(one.path, one.headers["host"]) for one in site.requests} == {("/productpage", "shop.example")}


def test_nobody_there_is_counted_as_well(nowhere: str) -> None:
    found = send_load(t.cast("t.Any", Barred()), URL, 1, 1, lambda _load: None, nowhere)
    assert (found.answered, found.text()) == (0, "1 request sent: connection refused (1)")
    assert Load().text() == "0 requests sent"
