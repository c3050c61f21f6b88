# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks to parse, right and wrong."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._observe.errors import CheckError
from ansible_collections.mesh.workshop.plugins.module_utils._verify.spec import Check, parse_checks

PEM = "-----BEGIN CERTIFICATE-----"
URL = "http://mybookstore.com/productpage"


def check(**changes: t.Any) -> dict[str, t.Any]:
    """A check that is right, with changes."""
    return {"name": "c", "request": {"url": URL}, "expect": {"status": 200}, **changes}


def parsed(**changes: t.Any) -> Check:
    return parse_checks([check(**changes)])[0]


def refused(checks: t.Any, sentence: str) -> None:
    """The checks are refused by one sentence about a check, with this in it."""
    with pytest.raises(CheckError) as caught:
        parse_checks(checks)
    text = str(caught.value)
    assert sentence in text
    assert text.startswith("Check ")
    assert text.endswith(".")
    assert "\n" not in text
