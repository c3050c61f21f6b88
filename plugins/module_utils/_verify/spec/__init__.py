# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of checks: from what a user wrote to typed values, or one sentence that says what is wrong.

Strict: a key that means nothing here is an error which names the check, the field and what is allowed. A misspelt
expectation must never turn into a check that expects nothing.
"""

from __future__ import annotations

from .parse import parse_checks, secrets_of
from .types import Check

__all__ = ["Check", "parse_checks", "secrets_of"]
