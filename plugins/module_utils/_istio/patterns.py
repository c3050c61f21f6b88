# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns as Envoy and Istio have them: RE2, whose time is linear in the length of the text.

Python's own patterns search by backtracking, so that one of a few characters can keep a processor busy for hours.
"""

from __future__ import annotations

import re
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
        raise PatternError("holds half of a surrogate pair, which is not a character") from error


def check_pattern(pattern: str) -> None:
    """Raises PatternError for an invalid pattern."""
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises PatternError."""
    return _compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text, as Envoy's matchers do. Raises PatternError."""
    return _compiled(pattern).fullmatch(text.encode("utf-8", "replace").decode()) is not None


def literal(text: str) -> str:
    """A pattern that matches this text alone."""
    return re.sub(r"[^A-Za-z0-9_\x80-\U0010ffff]", lambda one: f"\\x{ord(one[0]):02x}", text)


def replaced(pattern: str, rewrite: str, text: str) -> str:
    r"""The text with each match rewritten, as RE2's GlobalReplace does it for Envoy.

    In ``rewrite``, ``\1`` to ``\9`` are groups, ``\0`` is the whole match, and ``\\`` a backslash. Raises PatternError.
    """
    compiled = _compiled(pattern)
    pieces = _pieces(rewrite)
    most = max((piece for piece in pieces if isinstance(piece, int)), default=0)
    if most > compiled.groups:
        raise PatternError(f"has {compiled.groups} groups, and the substitution asks for group {most}")
    text = text.encode("utf-8", "replace").decode()
    parts: list[str] = []
    end = 0
    for match in compiled.finditer(text):
        if parts and match.start() == match.end() == end:
            continue  # RE2 matches nothing right behind a match
        parts.append(text[end : match.start()])
        parts += (piece if isinstance(piece, str) else match.group(piece) or "" for piece in pieces)
        end = match.end()
    return "".join(parts) + text[end:]


def _pieces(rewrite: str) -> list[str | int]:
    """The texts and numbers of groups that a substitution consists of. Raises PatternError."""
    pieces: list[str | int] = []
    characters = iter(rewrite)
    for character in characters:
        if character != "\\":
            pieces.append(character)
            continue
        escaped = next(characters, "")
        if escaped == "\\":
            pieces.append(escaped)
        elif escaped and escaped in "0123456789":
            pieces.append(int(escaped))
        else:
            raise PatternError("has a substitution with a backslash before something other than a digit or a backslash")
    return pieces
