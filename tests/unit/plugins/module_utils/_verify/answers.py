# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up checks and observations: no socket, no clock."""

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record
from ansible_collections.mesh.workshop.plugins.module_utils._verify.faults import Answer
from ansible_collections.mesh.workshop.plugins.module_utils._verify.oracle import judge
from ansible_collections.mesh.workshop.plugins.module_utils._verify.plan import sample_of
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import Check, parse_checks
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import Decision


def check(expect: dict[str, t.Any], **parts: t.Any) -> Check:
    body = {"name": "c", "from": "productpage", "request": {"url": "http://shop.example/"}, "expect": expect}
    return parse_checks([{**body, **parts}])[0]


def answer(status: int = 200, served: str | None = None, **parts: t.Any) -> Answer:
    known = {
        key: parts.pop(key) for key in ("tries", "copies", "known", "records", "logged", "measured") if key in parts
    }
    seen = {"status": status, "error": None, "headers": [], "body": "", "seconds": 0.01, "agent": "a", **parts}
    return Answer(seen, served, **known)


def error(kind: str) -> Answer:
    return Answer({"status": None, "error": {"kind": kind, "detail": ""}, "agent": "a"})


def verdict(expect: dict[str, t.Any], answers: list[Answer]) -> Decision:
    one = check(expect)
    return judge(one, sample_of(one), answers).decision


def record(cluster: str) -> Record:
    return Record("a", "pod", 200, "", "", "", "", "/", "10.0.0.1:80", cluster, "", 1)
