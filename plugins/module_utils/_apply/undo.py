# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed is put back as it was before."""

from __future__ import annotations

import time
import typing as t

from .._kube import ApiError, Client, Json, Ref
from .diff import normalise, same
from .report import Report, Step, Undo
from .stamps import SERVER_SET, stamp_of
from .waiting import wait_gone
from .waves import wave_of

# How often what is reverted is read again because somebody (mostly a controller) has written to it meanwhile.
_REVERT_ATTEMPTS = 20


Key = tuple[str, str, str, str]


class _ChangedSince(Exception):
    """What another has done since is not ours to undo."""


def put_back_all(client: Client, report: Report, *, timeout: float = 60.0) -> Report:
    """Undo what an earlier apply_set() did, after something that came later (a verification) has failed."""
    undo_into(client, report, timeout)
    return report


def undo_into(client: Client, report: Report, timeout: float) -> None:
    """Put back what was changed, and say so in the report."""
    outcome = put_back(client, report.undo, timeout)
    for result in report.results:
        key = (result["api_version"], result["kind"], result["namespace"], result["name"])
        if key in outcome:
            result["put_back"] = outcome[key]
    failed = [text for text in outcome.values() if text.startswith("not put back")]
    count = len(outcome) - len(failed)
    if failed:
        report.message += f" {count} of {len(outcome)} changes were put back; {failed[0]}"
    elif outcome:
        report.message += f" What was there before is put back ({count} change{'' if count == 1 else 's'})."
        report.changed = False
        report.diff = []
    else:
        report.message += " Nothing had been changed."


def put_back(client: Client, undo: Undo, timeout: float) -> dict[Key, str]:
    """Delete what was created, revert what was changed, make again what was deleted. Says per object what was done."""
    outcome: dict[Key, str] = {}
    deadline = time.monotonic() + timeout
    made = [step for step in undo.steps if step.before is None]
    # As on removal: what refers to others goes first.
    for step in sorted(made, key=lambda item: wave_of(item.ref.api_version, item.ref.kind), reverse=True):
        outcome[_key(step.ref)] = _attempt(step, lambda step: _unmake(client, step), "removed again")
    gone = [
        (step.ref, stamp_of(step.after, "uid"))
        for step in made
        if step.after is not None and outcome[_key(step.ref)] == "removed again"
    ]
    for ref, why in wait_gone(client, gone, deadline).items():
        outcome[_key(ref)] = f"not put back: {why}"
    others = [step for step in undo.steps if step.before is not None]
    for step in sorted(others, key=lambda item: wave_of(item.ref.api_version, item.ref.kind)):
        if step.after is None:
            outcome[_key(step.ref)] = _attempt(step, lambda step: _remake(client, step, deadline), "made again")
        else:
            outcome[_key(step.ref)] = _attempt(step, lambda step: _revert(client, step), "reverted")
    undo.steps = []
    return outcome


def _key(ref: Ref) -> Key:
    return ref.api_version, ref.kind, ref.namespace, ref.name


def _attempt(step: Step, action: t.Callable[[Step], None], done: str) -> str:
    try:
        action(step)
    except _ChangedSince as exc:
        return f"not put back: {step.ref} was {exc} by another since, so it is left as it is; correct it by hand."
    except ApiError as exc:
        return f"not put back: {exc.sentence()}"
    return done


def _unmake(client: Client, step: Step) -> None:
    if step.after is None:
        raise AssertionError("what was made has the content that it was made with")
    ref, uid = step.ref, stamp_of(step.after, "uid")
    current = client.get(ref.api_version, ref.kind, ref.name, ref.namespace or None)
    if current is None:
        return
    if stamp_of(current, "uid") != uid or not _holds(normalise(current), normalise(step.after)):
        raise _ChangedSince("changed")
    client.delete(ref.api_version, ref.kind, ref.name, ref.namespace or None, preconditions={"uid": uid})


def _holds(current: t.Any, ours: t.Any) -> bool:
    """Whether all of ours is still there: controllers add to new objects (a node, a finalizer), people change them."""
    if isinstance(ours, dict) and isinstance(current, dict):
        return all(key in current and _holds(current[key], value) for key, value in ours.items())
    return bool(current == ours)


def _revert(client: Client, step: Step) -> None:
    """The content as it was, then its managers as they were: a PUT alone would leave us as an owner by Update."""
    before, after, ref = step.before, step.after, step.ref
    if before is None or after is None:
        raise AssertionError("what is reverted was there before and is there after")
    for attempt in range(1, _REVERT_ATTEMPTS + 1):
        current = client.get(ref.api_version, ref.kind, ref.name, ref.namespace or None)
        if current is None:
            raise _ChangedSince("removed")
        if same(current, before):  # a PUT of ours whose answer was lost has come through
            break
        if not same(current, after):
            raise _ChangedSince("changed")
        meta = {name: stamp_of(current, name) for name in ("resourceVersion", "uid")}
        try:
            client.replace({**before, "metadata": {**before["metadata"], **meta}})
        except ApiError as exc:
            if not exc.is_conflict_of_writes or attempt == _REVERT_ATTEMPTS:
                raise
        else:
            break
    _restore_managers(client, before)


def _remake(client: Client, step: Step, deadline: float) -> None:
    if step.before is None:
        raise AssertionError("what was not there has no content to go back to")
    left = wait_gone(client, [(step.ref, stamp_of(step.before, "uid"))], deadline)
    for why in left.values():
        raise ApiError(0, "Timeout", why)
    _make(client, step.before)


def _make(client: Client, before: Json) -> None:
    body = {name: value for name, value in before.items() if name != "status"}
    body["metadata"] = {name: value for name, value in before["metadata"].items() if name not in SERVER_SET}
    client.create(body)
    _restore_managers(client, before)


def _restore_managers(client: Client, before: Json) -> None:
    managers = before["metadata"].get("managedFields")
    if not managers:
        return
    meta = before["metadata"]
    client.patch(
        before["apiVersion"],
        before["kind"],
        meta["name"],
        meta.get("namespace"),
        [{"op": "replace", "path": "/metadata/managedFields", "value": managers}],
        content_type="application/json-patch+json",
    )
