# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations and times as Istio and Kubernetes write them."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime

# The units of Go's time.ParseDuration.
_FACTORS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PART = re.compile(rf"({_NUMBER})(h|ms|us|µs|ns|m|s)")
_WHOLE = re.compile(rf"(?:{_NUMBER}(?:h|ms|us|µs|ns|m|s))+")


def parse_duration(text: t.Any) -> float | None:
    """Seconds of a duration in Go's notation, such as 100ms, 1.5s or 1m30s; None where it is not one.

    Durations in JSON (protobuf) are of that form too: seconds, such as 0.500s.
    """
    given = str(text or "").strip()
    if given == "0":
        return 0.0
    if not _WHOLE.fullmatch(given):
        return None
    return sum(float(number) * _FACTORS[unit] for number, unit in _PART.findall(given))


def parse_time(text: t.Any) -> datetime | None:
    """A time as Kubernetes and Go write it, with or without fractions of any length; None where it is not one."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", str(text or ""))
    if not found:
        return None
    return datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
