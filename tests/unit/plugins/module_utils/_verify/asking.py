# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole checks against real servers."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._verify import (
    Outcome,
    parse_checks,
    run_checks,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred

PAGE = "http://mybookstore.com/productpage"


def run(gateway: str, *, once: bool = True, url: str = PAGE, **check: t.Any) -> Outcome:
    """One check of the page."""
    request = {"url": url, **check.pop("request", {})}
    expect = check.pop("expect")
    checks = parse_checks([{"name": "page", "request": request, "expect": expect, **check}])
    return run_checks(Barred(), checks, gateway=gateway, once=once)
