# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of a workshop namespace would say if a signal ended them: before, during and after the apply."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.runner import Runner
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import ROUTING, of_lab

Json = dict[str, t.Any]

STAGE = {"lab": "routing", "stage": "all_v1", "definition": ROUTING}


@pytest.fixture(name="words")
def words_fixture(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """What each module would have said at its end."""
    words: list[Json] = []
    close = Runner.close

    def say_and_close(runner: Runner) -> None:
        words.append(json.loads(runner.module._interrupted()))
        close(runner)

    monkeypatch.setattr(Runner, "close", say_and_close)
    return words


def changes(word: Json) -> list[str]:
    return sorted(f"{one['action']} {one['kind']} {one['name']}" for one in word["results"])


def test_before_the_apply_nothing_was_changed(run: t.Callable[..., Json], api: FakeApi, words: list[Json]) -> None:
    api.fail(500, method="POST", part="/leases", times=100)
    run("lab_stage", **STAGE)
    (word,) = words
    assert (word["failed"], word["interrupted"], word["changed"], word["results"]) == (True, True, False, [])
    assert word["msg"] == "Nothing was changed. Namespace bookinfo has not reached stage all_v1 of lab routing."


def test_during_the_apply_it_says_what_is_there_so_far(
    run: t.Callable[..., Json], api: FakeApi, words: list[Json]
) -> None:
    api.fail(422, method="PATCH", part="/virtualservices/reviews", times=100)
    run("lab_stage", **STAGE)
    (word,) = words
    assert changes(word) == ["created ConfigMap mesh-workshop", "created VirtualService bookinfo"]
    assert word["msg"] == "Namespace bookinfo has not reached stage all_v1 of lab routing."


def test_after_the_apply_only_the_checks_are_missing(run: t.Callable[..., Json], words: list[Json]) -> None:
    run("lab_stage", **STAGE)
    run("lab_stage", **{**STAGE, "lab": "baseline", "stage": ""})
    run("lab_stage", state="verified", **STAGE)
    run("reset")
    assert [word["msg"].removeprefix("Nothing was changed. ") for word in words] == [
        "Namespace bookinfo is at stage all_v1 of lab routing, but its checks did not finish.",
        "Namespace bookinfo is at baseline, but its checks did not finish.",
        "The checks did not finish.",
        "Namespace bookinfo is back at baseline, but its checks did not finish.",
    ]


@pytest.mark.parametrize(
    ("lab", "said"),
    [
        ("", "Namespace bookinfo may not be back at baseline."),
        ("routing", "Objects of lab routing may be left in namespace bookinfo."),
    ],
)
def test_a_reset_says_what_it_has_deleted(
    run: t.Callable[..., Json], api: FakeApi, words: list[Json], lab: str, said: str
) -> None:
    api.put(of_lab("ConfigMap", "left", "bookinfo"))
    api.fail(422, method="PATCH", part="/virtualservices/bookinfo", times=100)
    run("reset", lab=lab)
    (word,) = words
    assert changes(word) == ["created ConfigMap mesh-workshop", "deleted ConfigMap left"]
    assert word["msg"] == said


def test_check_mode_has_changed_nothing(run: t.Callable[..., Json], api: FakeApi, words: list[Json]) -> None:
    api.put(of_lab("ConfigMap", "left", "bookinfo"))
    run("lab_stage", check=True, **STAGE)
    run("reset", check=True)
    assert [word["results"] for word in words] == [[], []]
