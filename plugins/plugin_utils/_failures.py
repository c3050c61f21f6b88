# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a task failed, for people: the last lines on the screen of a run that failed.

Nothing here knows how Ansible calls back; what it gets are a task's name and its result.
"""

from __future__ import annotations

import textwrap
import typing as t

Json = t.Mapping[str, t.Any]

HIDDEN = "The task's output is hidden because of no_log."
# What commands and broken modules leave behind; only the end of it.
OUTPUTS = ("assertion", "stderr", "stdout", "module_stderr", "module_stdout")
LINES = 12


class Failure(t.NamedTuple):
    """A task that failed on a host."""

    name: str
    result: Json
    place: str = ""
    items: tuple[Json, ...] = ()
    """The results of the items of its loop that failed."""

    @property
    def message(self) -> str:
        """What the task says about it."""
        if "censored" in self.result:
            return HIDDEN
        message = self.result.get("msg") or self.result.get("reason") or ""
        lines = message if isinstance(message, list) else [message]
        return "\n".join(str(line) for line in lines).strip()


def count(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def checks_of(result: Json) -> list[Json]:
    """The checks of a result that were asked; check mode skips them."""
    checks = result.get("checks")
    found = checks if isinstance(checks, list) else []
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("passed"), bool) and "name" in one]


def field(label: str, text: t.Any, width: int) -> list[str]:
    """A label and its text, folded to the width."""
    indent = " " * 12
    lines: list[str] = []
    for line in str(text).splitlines() or [""]:
        lines += textwrap.wrap(
            line, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return [f"  {label:<10}{lines[0][12:]}", *lines[1:]]


def block(label: str, lines: t.Sequence[str]) -> list[str]:
    """A label, and below it lines as they are: what is to be pasted, or has its own indentation."""
    return [f"  {label}", *(f"    {line}" for line in lines)]


def explain_checks(group: t.Sequence[Json], width: int, verbose: bool = False) -> list[str]:
    """The checks that fail for one reason: what was expected and observed, then the reason.

    ``verbose`` adds the way of the first one's request, hop by hop, and a change that is longer than a few lines.
    """
    lines = [f"  {count(len(group), 'check')} failed for one reason:"] if len(group) > 1 else []
    seen = {(str(one.get("expected")), str(one.get("observed"))) for one in group}
    for number, one in enumerate(group, 1):
        lines += field("check", one["name"], width)
        if number == len(group) or len(seen) > 1:
            for name in ("expected", "observed"):
                if one.get(name):
                    lines += field(name, one[name], width)
    for name, label in (("diagnosis", "cause"), ("remedy", "remedy")):
        if group[0].get(name):
            lines += field(label, group[0][name], width)
    change = str(group[0].get("change") or "").splitlines()
    if change and (verbose or len(change) <= LINES):
        lines += block("change", change)
    if verbose and group[0].get("path"):
        lines += block("path", [str(line) for line in group[0]["path"]])
    return lines


def explain_result(failure: Failure, width: int) -> list[str]:
    """Why a task failed that has no failed checks: for each failed item of its loop, if it has one."""
    if failure.items and "censored" not in failure.result:
        lines = []
        for one in failure.items:
            hidden = one.get("_ansible_no_log") or "censored" in one
            label = HIDDEN if hidden else one.get("_ansible_item_label", one.get("item", ""))
            lines += ["", *field("item", label, width), *explain_result(Failure(failure.name, one), width)]
        return lines
    lines = fold(failure.message or "There is no message.", width)
    if "censored" in failure.result:
        return lines
    for name in OUTPUTS:
        said = str(failure.result.get(name) or "").strip()
        if said and said not in failure.message:
            lines += ["", f"  {name}", *(f"    {line}" for line in said.splitlines()[-LINES:])]
    return lines


def fold(text: str, width: int) -> list[str]:
    """A text, indented and folded to the width. Lines that are indented stay as they are."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            lines.append(f"  {line}")
        else:
            lines += textwrap.wrap(
                line, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            ) or [""]
    return lines


def explain(failure: Failure, earlier: t.Sequence[Failure], width: int, verbose: bool = False) -> str:
    """Why a task failed, for people.

    A rescue may fail with the message of what it rescued and more; what is known of the first failure is shown then.
    """
    from ansible_collections.mesh.workshop.plugins.module_utils._verify.report import reasons  # few runs fail

    message = failure.message
    first = next((one for one in earlier if one.message and message.startswith(one.message)), None)
    shown = first or failure
    lines = [f"FAILED  {shown.name}"]
    groups = reasons(checks_of(shown.result))
    for group in groups:
        lines += ["", *explain_checks(group, width, verbose)]
    if not groups:
        lines += ["", *explain_result(shown, width)]
        if shown.place:
            lines += ["", *field("task", shown.place, width)]
    elif told := shown.result.get("exercise"):
        lines += ["", *fold(str(told), width)]
    if first and message != first.message:
        lines += ["", *fold(message.removeprefix(first.message).strip(), width)]
    return "\n".join(lines)
