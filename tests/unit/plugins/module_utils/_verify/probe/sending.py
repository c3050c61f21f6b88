# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to servers of a test, by the probe."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe import run_plan


def send(port: int, count: int = 1, url: str = "http://shop.example/", **spec: t.Any) -> list[dict[str, t.Any]]:
    """The observations of one phase against 127.0.0.1."""
    phases = spec.pop("phases", [{"count": count, "concurrency": spec.pop("concurrency", 1)}])
    job = {"id": "1", "url": url, "address": ["127.0.0.1", port], "timeout": 5, "keep_body": 1000, "phases": phases}
    result = run_plan({"agent": "probe/1", "jobs": [{**job, **spec}]})["jobs"]["1"]
    assert result["error"] is None
    return list(result["observations"])
