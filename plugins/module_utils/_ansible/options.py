# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a module's options that Ansible's argument specs cannot say: pure functions."""

from __future__ import annotations

import math
import typing as t

Json = dict[str, t.Any]
Params = t.Mapping[str, t.Any]

LONGEST_WAIT = 86400
"""Seconds: a day."""


GIVEN = object()
"""Stands for any value: the other option only has to be given."""


class Idle(t.NamedTuple):
    """An option that has no effect unless another one has a value."""

    option: str
    other: str
    value: t.Any


def value_fault(params: Params, spec: t.Mapping[str, Json]) -> str:
    """The first option whose value is impossible for its type, with the remedy; empty where there is none."""
    for name, option in spec.items():
        value = params.get(name)
        many = isinstance(value, list)
        kind = option.get("elements") if many else option.get("type")
        for one in value if isinstance(value, list) else [value]:
            called = f"{name} holds" if many else f"{name} is"
            if kind in ("int", "float") and isinstance(one, float) and not math.isfinite(one):
                return f"{called} {one}; give it a finite number."
            if kind == "path" and isinstance(one, str) and "\0" in one:
                return f"{called} {one!r}, which has a character that no path can have; correct the path."
    seconds = params.get("wait_timeout")
    if isinstance(seconds, int) and not 0 <= seconds <= LONGEST_WAIT:
        return f"wait_timeout is {seconds}; give it whole seconds from 0 to {LONGEST_WAIT}."
    return ""


def idle_fault(params: Params, rules: t.Iterable[Idle], spec: t.Mapping[str, Json] | None = None) -> str:
    """The first option that is given and has no effect, with the remedy; empty where there is none.

    With ``spec`` an option that has its default counts as not given.
    """
    for option, other, value in rules:
        default = (spec or {}).get(option, {}).get("default")
        given = params.get(option) not in (None, "", False, [], {}, default)
        if given and value is GIVEN and not params.get(other):
            return f"{option} has no effect without {other}; leave it out, or give {other} too."
        if given and value is not GIVEN and (params.get(other) or "") != (value or ""):
            wanted = {True: "true", False: "false", "": "empty", None: "empty"}.get(value, value)
            return f"{option} has no effect unless {other} is {wanted}; leave it out, or give {other} that value."
    return ""
