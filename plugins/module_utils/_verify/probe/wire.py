# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the probe share: how an exchange ends, well or not."""

from __future__ import annotations

SECURE = ("https", "tls", "grpcs")
"""Schemes that speak TLS."""
LONGEST_NUMBER = 18

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes, bool, float, float]
"""Status, headers, body, whether the body was cut, when its first byte came and when it ended."""


class ProbeError(Exception):
    """A request without a complete answer; ``kind`` is one of a closed set of words."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail


def whole(text: str) -> int | None:
    """The number that a text of ASCII digits is, None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None
