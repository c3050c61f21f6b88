# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import threading
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError, lease
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import UNPROVEN, failed
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, Json

LONG_AGO = 3600.0


def of_somebody(ago: float = 0, holder: str = "ada@desk (process 7, lab tls)") -> Json:
    moment = f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago):%Y-%m-%dT%H:%M:%S.%f}Z"
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": moment, "renewTime": moment}
    meta = {"name": "mesh-workshop", "namespace": "bookinfo"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def found(api: FakeApi) -> Json | None:
    return api.find("Lease", "mesh-workshop", "bookinfo")


def hold(client: Client, timeout: float = 0, tell: t.Callable[[str], None] = lambda _text: None) -> t.Any:
    return lease.hold(client, "bookinfo", "lab faults", timeout=timeout, tell=tell)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PAUSE", 0.02)


def test_it_is_held_as_long_as_the_block_lasts(client: Client, api: FakeApi) -> None:
    with hold(client) as held:
        held.ensure()
        spec = (found(api) or {})["spec"]
        assert "lab faults" in spec["holderIdentity"]
        assert spec["leaseDurationSeconds"] == lease.DURATION
    assert found(api) is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_is_let_go_however_the_block_ends(client: Client, api: FakeApi, error: type[BaseException]) -> None:
    with pytest.raises(error), hold(client):
        raise error
    assert found(api) is None


def test_a_second_run_hears_who_holds_it_and_is_refused_in_the_end(client: Client, api: FakeApi) -> None:
    since = api.put(of_somebody())["spec"]["acquireTime"][11:19]
    told: list[str] = []
    with pytest.raises(LabError) as error, hold(client, 0.1, told.append):
        pytest.fail("it is somebody else's")
    said = f"namespace bookinfo is held by ada@desk (process 7, lab tls) since {since} UTC"
    assert told == [f"waiting: {said}"], "told once"
    assert str(error.value).startswith(f"Nothing was changed: {said}, and this run did not get it within 0.1 s.")
    assert (found(api) or {})["spec"]["holderIdentity"].startswith("ada@desk")


def test_it_is_taken_as_soon_as_the_other_lets_it_go(client: Client, api: FakeApi) -> None:
    api.put(of_somebody())
    threading.Timer(0.1, lambda: api.remove("Lease", "mesh-workshop", "bookinfo")).start()
    with hold(client, 10):
        assert "lab faults" in (found(api) or {})["spec"]["holderIdentity"]


@pytest.mark.parametrize(
    "left",
    [
        of_somebody(ago=LONG_AGO),
        of_somebody(holder=""),
        {**of_somebody(), "spec": {}},
        {**of_somebody(), "spec": {"holderIdentity": "x", "renewTime": "not a time"}},
    ],
)
def test_a_lease_whose_holder_is_gone_is_taken_over(client: Client, api: FakeApi, left: Json) -> None:
    api.put(left)
    with hold(client):
        spec = (found(api) or {})["spec"]
        assert "lab faults" in spec["holderIdentity"]
        assert spec["leaseTransitions"] == 1, "its first turn that is known of"
    assert found(api) is None


def test_of_two_that_take_over_one_waits(client: Client, api: FakeApi) -> None:
    api.put(of_somebody(ago=LONG_AGO))
    api.fail(409, method="PUT")
    with pytest.raises(LabError, match="others took the namespace"), hold(client):
        pytest.fail("it is somebody else's")


def test_a_refused_right_is_told_and_a_missing_namespace_does_not_wait(client: Client, api: FakeApi) -> None:
    for status in (403, 404):
        api.fail(status, method="POST")
        with pytest.raises(ApiError, match="Lease bookinfo/mesh-workshop"), hold(client, 10):
            pytest.fail("it was not to be had")


def test_it_is_renewed_and_a_label_of_somebody_does_not_end_it(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch, eventually: t.Callable[..., None]
) -> None:
    # Renewed three times as often, and long enough that a busy machine does not lose it.
    monkeypatch.setattr(lease, "DURATION", 1.5)
    with hold(client) as held:
        first = (found(api) or {})["spec"]["renewTime"]
        eventually(lambda: (found(api) or {})["spec"]["renewTime"] > first)
        now = found(api) or {}
        api.put({**now, "metadata": {**now["metadata"], "labels": {"seen": "yes"}}})
        second = now["spec"]["renewTime"]
        eventually(lambda: (found(api) or {})["spec"]["renewTime"] > second)
        held.ensure()
    assert found(api) is None


def test_what_was_taken_away_is_noticed_and_left_to_its_new_holder(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch, eventually: t.Callable[..., None]
) -> None:
    monkeypatch.setattr(lease, "DURATION", 0.15)

    def is_lost(held: lease.Lease) -> bool:
        try:
            held.ensure()
        except LabError as error:
            return "is held by ada@desk" in str(error)
        return False

    with hold(client) as held:
        api.put(of_somebody())
        eventually(lambda: is_lost(held))
    assert (found(api) or {})["spec"]["holderIdentity"].startswith("ada@desk")


def test_what_cannot_be_renewed_any_longer_is_not_ours(client: Client) -> None:
    times = [0.0]
    held = lease.Lease(client, "bookinfo", "lab faults", clock=lambda: times[0])
    held.acquire(0, lambda _text: None)
    held.ensure()
    times[0] = lease.DURATION + 1
    with pytest.raises(LabError, match="could not be renewed for 15 s"):
        held.ensure()
    held.release()


@pytest.mark.parametrize("meta", [None, {}, {"resourceVersion": "1"}])
def test_an_answer_without_uid_ends_nothing(client: Client, api: FakeApi, meta: Json | None) -> None:
    held = lease.Lease(client, "bookinfo", "lab a, stage b")
    held.acquire(1, lambda text: None)
    held._lease = {"spec": {}} if meta is None else {"metadata": meta, "spec": {}}
    held.release()
    assert api.find("Lease", "mesh-workshop", "bookinfo") is not None, "it may be another's, and ends by itself"


PROVEN = {"mesh.workshop/verified": "tls/strict/istio", "mesh.workshop/verified-at": "2026-11-28T12:00:00Z"}


def annotations(api: FakeApi) -> Json:
    return dict((found(api) or {})["metadata"].get("annotations") or {})


def test_what_is_noted_stays_without_a_holder_and_is_taken_over(client: Client, api: FakeApi) -> None:
    with hold(client) as held:
        held.note(PROVEN)
        assert annotations(api) == {}, "nothing is written before it is let go"
    first = found(api) or {}
    assert (annotations(api), first["spec"]) == (PROVEN, {"leaseTransitions": 1})
    assert not lease.is_held(first, datetime.datetime.now(datetime.UTC))
    with lease.hold(client, "bookinfo", "lab faults", UNPROVEN, timeout=0, tell=lambda _text: None) as held:
        assert annotations(api) == {}, "what was proven need not hold while a run changes things"
        held.note(failed("No.", datetime.datetime.now(datetime.UTC)))
    left = found(api) or {}
    assert annotations(api)["mesh.workshop/failure"] == "No."
    assert (left["metadata"]["uid"], left["spec"]["leaseTransitions"]) == (first["metadata"]["uid"], 2)


def test_notes_of_before_stay_where_a_run_has_none(client: Client, api: FakeApi) -> None:
    api.put({**of_somebody(holder=""), "metadata": {**of_somebody()["metadata"], "annotations": PROVEN}})
    with hold(client):
        pass
    assert annotations(api) == PROVEN


def test_a_verification_notes_where_nobody_is_at_work(client: Client, api: FakeApi) -> None:
    lease.note(client, "bookinfo", PROVEN)
    assert annotations(api) == PROVEN
    lease.note(client, "bookinfo", dict.fromkeys(PROVEN))
    assert annotations(api) == {}
    api.put(of_somebody())
    lease.note(client, "bookinfo", PROVEN)
    assert annotations(api) == {}, "what was verified may be changed already"


def test_whoever_may_not_note_it_goes_on(client: Client, api: FakeApi) -> None:
    for method in ("GET", "POST"):
        api.fail(403, method=method, part="/leases")
        lease.note(client, "bookinfo", PROVEN)
    assert found(api) is None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, ""),
        (of_somebody(ago=LONG_AGO), ""),
        (of_somebody(), "lab tls since {}, by ada@desk"),
        (of_somebody(holder="somebody\x1b[2J"), "a run since {}, by somebody [2J"),
    ],
)
def test_it_tells_what_a_run_is_doing(left: Json | None, said: str) -> None:
    since = f"{((left or {}).get('spec') or {}).get('acquireTime', '')[11:19]} UTC"
    moment = datetime.datetime.now(datetime.UTC)
    if left is not None and said:
        left["spec"]["renewTime"] = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert lease.at_work(left, moment) == said.format(since)


def test_a_time_far_ahead_is_no_overflow() -> None:
    spec = {"holderIdentity": "a", "renewTime": "9999-12-31T23:59:59Z", "leaseDurationSeconds": 2**31 - 1}
    assert lease.is_held({"spec": spec}, datetime.datetime.now(datetime.UTC))
