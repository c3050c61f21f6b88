# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last run has come to about the stage that a namespace is at: pure.

Annotations of the namespace's Lease keep it. The request that lets the Lease go writes them as well, no stage prunes
them, and whoever may run labs in a namespace may write them there and nowhere else. So they may hold anything.
"""

from __future__ import annotations

import datetime
import re
import textwrap
import typing as t

Json = dict[str, t.Any]
Notes: t.TypeAlias = "dict[str, str | None]"
"""Annotations to write; None takes one away."""

_STAGE = "mesh.workshop/verified"
_VERIFIED = "mesh.workshop/verified-at"
_FAILED = "mesh.workshop/failed-at"
_FAILURE = "mesh.workshop/failure"
UNPROVEN: Notes = {_STAGE: None, _VERIFIED: None}
"""A run begins: what was proven before it need not hold any longer."""
NOTHING: Notes = {**UNPROVEN, _FAILED: None, _FAILURE: None}
"""Nothing is proven, and nothing has failed."""

_LENGTH = 300
_NEXT_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class Verdict(t.NamedTuple):
    """When the applied stage was proven, and when and why the last run has failed; times as ``text_of`` has them."""

    verified: str = ""
    failed: str = ""
    failure: str = ""


NONE = Verdict()


def proven(applied: t.Sequence[str], moment: datetime.datetime) -> Notes:
    """Traffic has proven what is applied: lab, stage and API."""
    return {**NOTHING, _STAGE: "/".join(applied), _VERIFIED: text_of(moment)}


def failed(sentence: str, moment: datetime.datetime) -> Notes:
    """A run has failed for that reason."""
    return {**UNPROVEN, _FAILED: text_of(moment), _FAILURE: sentence}


def noted(lease: Json, notes: Notes) -> Json:
    """The Lease with these notes."""
    meta = lease.get("metadata") or {}
    annotations = {**(meta.get("annotations") or {}), **notes}
    return {
        **lease,
        "metadata": {**meta, "annotations": {key: value for key, value in annotations.items() if value is not None}},
    }


def has_notes(lease: Json) -> bool:
    """Whether a Lease keeps something."""
    return any(name in (lease["metadata"].get("annotations") or {}) for name in NOTHING)


def verdict_of(lease: Json | None, applied: t.Sequence[str] | None) -> Verdict:
    """What a Lease keeps. What was proven of another stage than the one that is applied is not."""
    notes = ((lease or {}).get("metadata") or {}).get("annotations") or {}
    verified, failure_at = (moment_of(notes.get(name)) for name in (_VERIFIED, _FAILED))
    holds = verified is not None and applied is not None and notes.get(_STAGE) == "/".join(applied)
    return Verdict(
        verified=text_of(verified) if verified and holds else "",
        failed=text_of(failure_at) if failure_at else "",
        failure=shortened(str(notes.get(_FAILURE) or "")) if failure_at else "",
    )


def sentence_of(message: str, checks: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """Why a run has failed: what explains its first failed check, else what that has observed, else what it said."""
    first = next((one for one in checks if one.get("passed") is False), {})
    told = str(first.get("diagnosis") or "")
    if not told and "observed" in first:
        told = f"{first['name']}: expected {first['expected']}, observed {first['observed']}."
    return shortened(told or _NEXT_SENTENCE.split(message.strip(), maxsplit=1)[0])


def shortened(text: str) -> str:
    """One line of limited length, of characters that a terminal shows."""
    return textwrap.shorten(printable(text), _LENGTH, placeholder=" …")


def printable(text: str) -> str:
    """A text without characters that move a terminal's cursor or turn the direction of writing."""
    return "".join(one if one.isprintable() else " " for one in text)


def now() -> datetime.datetime:
    """This moment."""
    return datetime.datetime.now(datetime.UTC)


def text_of(moment: datetime.datetime) -> str:
    """A moment as ISO 8601 has it, in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def moment_of(text: str | None) -> datetime.datetime | None:
    """The moment in UTC; None for a text that is none or does not say where its clock stands."""
    try:
        moment = datetime.datetime.fromisoformat(text or "")
        return moment.astimezone(datetime.UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def ago(text: str, moment: datetime.datetime) -> str:
    """How long before this moment another one was, in words; empty for a text that is none."""
    then = moment_of(text)
    if then is None:
        return ""
    minutes = int((moment - then).total_seconds()) // 60
    if minutes < 1:
        return "just now"
    hours = minutes // 60
    if hours < 1:
        return f"{minutes} min ago"
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"
