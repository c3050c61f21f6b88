# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several checks at once."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.asking import PAGE
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred
from ansible_collections.mesh.workshop.tests.unit.servers import Answer, Site, after


def test_order_is_kept_and_checks_run_together(site: Site) -> None:
    site.answer = lambda request: after(0.02)
    checks = parse_checks(
        [
            {"name": f"check {n}", "request": {"url": PAGE}, "expect": {"status": 404 if n == 2 else 200}}
            for n in range(6)
        ]
    )
    outcome = run_checks(Barred(), checks, gateway=site.address, once=True)
    assert [one["name"] for one in outcome.results] == [f"check {n}" for n in range(6)]
    assert [one["passed"] for one in outcome.results] == [True, True, False, True, True, True]
    assert outcome.message.startswith("1 of 6 checks failed. check 2: expected status 404, observed status 200")


def test_slow_checks_wait_at_the_same_time(site: Site) -> None:
    busy: set[str] = set()
    met: list[set[str]] = []

    def answer(request: t.Any) -> Answer:
        busy.add(request.path)
        after(1.05)
        met.append(set(busy))
        return Answer()

    site.answer = answer
    slow = {"expect": {"latency": {"above": 1, "below": 3}}}
    checks = parse_checks(
        [{"name": path, "request": {"url": f"http://shop.example{path}"}, **slow} for path in ["/a", "/b"]]
    )
    assert run_checks(Barred(), checks, gateway=site.address, once=True).passed
    assert met[0] == {"/a", "/b"}
