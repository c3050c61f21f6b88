# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.evidence import (
    PodVersions,
    by_answers,
    version_from_name,
)
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import POD_PATTERNS
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.jobs import Job


def pod(name: str, **labels: str) -> dict[str, t.Any]:
    return {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("reviews-v2-7d7b8d5f9-abcde", "v2"),
        ("reviews-v10-7d7b8d5f9-abcde", "v10"),
        ("ratings-7d7b8d5f9-abcde", None),
        ("reviews-v3", "v3"),
    ],
)
def test_version_from_the_name(name: str, version: str | None) -> None:
    assert version_from_name(name) == version


def test_the_label_counts_and_not_the_name() -> None:
    versions = PodVersions(lambda: [pod("reviews-v1-7d7b8d5f9-abcde", version="v2")])
    answers, evidence = by_answers([{"extracted": {"pod": "reviews-v1-7d7b8d5f9-abcde"}}], versions)
    assert [one.served for one in answers] == ["v2"]
    assert "label" in evidence


def test_new_pods_are_looked_up_and_unknown_ones_are_not_guessed() -> None:
    pods = [pod("a-1", version="v1")]
    asked = []

    def list_pods() -> list[dict[str, t.Any]]:
        asked.append(1)
        return pods

    versions = PodVersions(list_pods)
    assert versions.version("a-1") == ("v1", True)
    assert versions.version("b-1") == (None, False)
    assert len(asked) == 1, "not once per answer"
    seen = [{"extracted": {"pod": "b-1"}}, {"extracted": {"pod": None}}, {"error": {"kind": "x"}}]
    assert [one.served for one in by_answers(seen, versions)[0]] == ["pod b-1", None, None]


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "0", "podname": "reviews-v2-7d7b8d5f9-abcde", "clustername": "x"}',
        '<p>Reviews by <span id="reviews-podname" class="pod"> reviews-v2-7d7b8d5f9-abcde</span></p>',
        "<dt>Reviews served by:</dt>\n<u>reviews-v2-7d7b8d5f9-abcde</u>",
    ],
)
def test_where_answers_name_their_pod(text: str) -> None:
    patterns = [re.compile(pattern, re.S) for pattern in POD_PATTERNS]
    assert Job.find(patterns, text) == "reviews-v2-7d7b8d5f9-abcde"
    assert Job.find(patterns, "Sorry, product reviews are currently unavailable") is None
