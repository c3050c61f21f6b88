# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of failing requests: how long they are waited for, and when nothing is still to come."""

from __future__ import annotations

import dataclasses
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, records
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import Answer
from ansible_collections.mesh.workshop.plugins.module_utils._verify.records import is_complete, read_records
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Json, pod

AGENT = "mesh-workshop-probe/a-1-0"
PODS = [
    {**pod("gateway-1", "10.0.0.9", istio="ingressgateway")},
    pod("page-1", "10.0.0.1", app="page"),
    pod("reviews-1", "10.0.0.2", app="reviews"),
]


def record(of: str, upstream: str = "", inbound: bool = False, flags: str = "") -> Record:
    cluster = "inbound|9080||" if inbound else "outbound|9080||x.bookinfo.svc.cluster.local"
    return Record(AGENT, of, 503, flags, "", "", "x", "/", upstream, cluster, "default", 1)


GATEWAY = record("gateway-1", "10.0.0.1:9080")
TAKEN = record("page-1", "127.0.0.1:9080", inbound=True)
ONWARD = record("page-1", "10.0.0.2:9080")
REACHED = record("reviews-1", "127.0.0.1:9080", inbound=True)


@pytest.mark.parametrize(
    ("found", "source", "complete"),
    [
        ([], "host", False),
        ([GATEWAY], "host", False),
        ([GATEWAY, TAKEN], "host", True),
        ([TAKEN, ONWARD], "host", False),
        ([GATEWAY, TAKEN, ONWARD], "host", False),
        ([GATEWAY, TAKEN, ONWARD, REACHED], "host", True),
        ([record("gateway-1", "10.0.0.7:9080")], "host", True),
        ([record("gateway-1", flags="NR")], "host", True),
        ([record("page-1", "10.0.0.2:9080", flags="UC")], "page", False),
        ([record("page-1", flags="UH")], "page", True),
        ([REACHED], "page", False),
        ([REACHED], "no_sidecar", True),
        ([], "no_sidecar", False),
    ],
)
def test_what_is_still_to_come_is_known_by_what_is_there(found: list[Record], source: str, complete: bool) -> None:
    assert is_complete(found, source, PODS) is complete


@dataclasses.dataclass
class Proxies:
    """A run whose proxies write their records after some seconds of a clock that only waiting moves."""

    written: dict[str, list[Record]]
    after: float = 0.0
    now: float = 0.0

    @property
    def stop(self) -> Proxies:
        return self

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False

    def logs(self, _namespace: str, pods: t.Sequence[str]) -> list[Record]:
        return [] if self.now < self.after else [one for name in pods for one in self.written.get(name, ())]


Read = t.Callable[..., tuple[int, float]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """How many records are read, and how many seconds that takes."""

    def go(run: Proxies, age: float = 0.0, pods: t.Sequence[Json] | None = None, **answer: t.Any) -> tuple[int, float]:
        monkeypatch.setattr(records, "time", types.SimpleNamespace(monotonic=lambda: run.now))
        asked = {"name": "c", "request": {"url": "http://x/"}, "expect": {"status": 200}}
        (check,) = parse_checks([asked], default_namespace="bookinfo")
        failing = [Answer({"agent": AGENT, "status": 503, **answer})]
        found = read_records(t.cast(t.Any, run), check, failing, PODS if pods is None else pods, age)
        return len(found), run.now

    return go


WRITTEN = {"gateway-1": [GATEWAY], "page-1": [TAKEN]}


def test_it_is_not_waited_for_what_is_there_already(read: Read) -> None:
    assert read(Proxies(WRITTEN)) == (2, 0)


def test_it_is_waited_until_all_is_there(read: Read) -> None:
    found, seconds = read(Proxies(WRITTEN, after=0.25))
    assert found == 2
    assert 0.25 <= seconds < records.FLUSH


def test_what_does_not_come_is_waited_for_as_long_as_proxies_take_to_write(read: Read) -> None:
    found, seconds = read(Proxies({"gateway-1": [GATEWAY]}))
    assert found == 1
    assert records.FLUSH <= seconds < records.FLUSH + records.LATE
    assert read(Proxies({"gateway-1": [GATEWAY]}), age=records.FLUSH) == (1, 0), "of older requests all is written"


def test_where_nothing_is_written_of_a_request_its_proxy_may_be_busy(read: Read) -> None:
    found, seconds = read(Proxies(WRITTEN, after=records.FLUSH + 1))
    assert found == 2
    assert seconds >= records.FLUSH + 1
    found, seconds = read(Proxies({}))
    assert found == 0
    assert records.FLUSH + records.LATE <= seconds < records.FLUSH + records.LATE + 2 * records.PAUSE


def test_without_an_answer_or_a_proxy_nothing_is_read(read: Read) -> None:
    assert read(Proxies(WRITTEN), status=None)[0] == 0
    bare = [{**one, "spec": {"containers": [{"name": "app"}]}} for one in PODS]
    assert read(Proxies(WRITTEN), pods=bare)[0] == 0


class Unread(Proxies):
    """Whose kubelet does not answer."""

    def logs(self, _namespace: str, pods: t.Sequence[str]) -> list[Record]:
        raise records.ApiError(500, "InternalError", "the kubelet does not answer")


def test_a_log_that_cannot_be_read_is_none(read: Read) -> None:
    assert read(Unread({}))[0] == 0
