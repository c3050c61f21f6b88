# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Applied
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import (
    NOTHING,
    UNPROVEN,
    Verdict,
    ago,
    failed,
    has_notes,
    noted,
    proven,
    sentence_of,
    verdict_of,
)

Json = dict[str, t.Any]

STAGE = Applied("tls", "strict")
NOON = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
SAID = "2026-11-28T12:00:00Z"
LEASE: Json = {"kind": "Lease", "metadata": {"name": "mesh-workshop", "annotations": {"somebody": "else's"}}}


def test_what_was_proven_holds_for_the_stage_that_was_applied() -> None:
    lease = noted(LEASE, proven(STAGE, NOON))
    assert verdict_of(lease, STAGE) == Verdict(verified=SAID)
    for other in (None, Applied("tls", "mutual"), Applied("tls", "strict", "gateway"), Applied("rbac", "strict")):
        assert verdict_of(lease, other) == Verdict(), "another stage has been applied since"
    assert lease["metadata"]["annotations"]["somebody"] == "else's"


def test_a_failure_ends_what_was_proven_and_stays_until_something_is() -> None:
    lease = noted(noted(LEASE, proven(STAGE, NOON)), failed("The page is not there.", NOON))
    assert verdict_of(lease, STAGE) == Verdict(failed=SAID, failure="The page is not there.")
    assert verdict_of(noted(lease, UNPROVEN), STAGE).failure == "The page is not there.", "a run has only begun"
    assert verdict_of(noted(lease, proven(STAGE, NOON)), STAGE) == Verdict(verified=SAID)


def test_nothing_to_keep_is_known_as_such() -> None:
    assert has_notes(noted(LEASE, proven(STAGE, NOON)))
    assert has_notes(noted(LEASE, failed("No.", NOON)))
    assert not has_notes(LEASE)
    assert noted(noted(LEASE, proven(STAGE, NOON)), NOTHING) == LEASE
    assert verdict_of(None, STAGE) == verdict_of(LEASE, STAGE) == Verdict()


@pytest.mark.parametrize("when", ["", "soon", "2026-11-28T12:00:00", "0001-01-01T00:00:00+23:59"])
def test_what_attendees_write_there_is_no_moment_and_no_trap(when: str) -> None:
    notes = {**proven(STAGE, NOON), **failed("x", NOON), "mesh.workshop/failed-at": when}
    notes |= {"mesh.workshop/verified": "tls/strict/istio", "mesh.workshop/verified-at": when}
    assert verdict_of(noted(LEASE, notes), STAGE) == Verdict()
    assert ago(when, NOON) == ""


def test_a_failure_is_one_short_line_that_moves_no_cursor() -> None:
    notes = failed("\x1b[2JWiped\n\u202e" + "out " * 200, NOON)
    failure = verdict_of(noted(LEASE, notes), STAGE).failure
    assert failure.startswith("[2JWiped out out")
    assert failure.endswith(" …")
    assert len(failure) <= 300
    assert failure.isprintable()


CHECK = {"name": "the page", "passed": False, "expected": "status 200", "observed": "status 503", "diagnosis": ""}


@pytest.mark.parametrize(
    ("message", "checks", "said"),
    [
        ("No. Run it again.", [], "No."),
        (
            "Deployment a/b has 0 of 1.5 replicas; see a.b.c. It is late.",
            [],
            "Deployment a/b has 0 of 1.5 replicas; see a.b.c.",
        ),
        ("1 check failed.", [{"passed": True}, CHECK], "the page: expected status 200, observed status 503."),
        ("1 check failed.", [{**CHECK, "diagnosis": "Subset v9 is not there."}], "Subset v9 is not there."),
        ("", [{"passed": None, "skipped": True}], ""),
    ],
)
def test_the_first_reason_is_told(message: str, checks: list[Json], said: str) -> None:
    assert sentence_of(message, checks) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-600, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (47 * 3600 + 3599, "47 h ago"),
        (48 * 3600, "2 days ago"),
    ],
)
def test_how_long_ago_it_was_is_told_in_words(seconds: int, said: str) -> None:
    assert ago(SAID, NOON + datetime.timedelta(seconds=seconds)) == said
    assert ago("2026-11-28T13:00:00+01:00", NOON + datetime.timedelta(seconds=seconds)) == said
