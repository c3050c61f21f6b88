# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns as Envoy and Istio have them: RE2, which takes a time that grows with the text's length and no faster.

Python's own patterns search by backtracking, so that one of a few characters can keep a processor busy for hours.
"""

from __future__ import annotations

import typing as t
from functools import lru_cache


class PatternError(ValueError):
    """A pattern that RE2 does not take; the text says why, in its words."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> t.Any:
    try:
        import re2  # half of what is imported for checks otherwise, and few checks have patterns
    except ImportError as error:
        raise PatternError(
            f"cannot be read, since the Python package google-re2 is missing here: install it ({error})"
        ) from error
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"is not a regular expression as RE2 takes it: {' '.join(said.split())}") from error
    except UnicodeError as error:
        raise PatternError("holds half of a surrogate pair, which is no character") from error


def check_pattern(pattern: str) -> None:
    """Raises PatternError where it is none."""
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises PatternError."""
    return _compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text, as Envoy's matchers do. Raises PatternError."""
    return _compiled(pattern).fullmatch(text.encode("utf-8", "replace").decode()) is not None
