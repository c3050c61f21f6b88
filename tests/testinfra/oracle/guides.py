# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guide tells its readers to type, and whether they see what it prints. Pure functions.

    ```bash
    typed as it stands; nothing is said about what it prints
    ```
    ```console
    $ a command, which must succeed
    > its next line
    what it prints, up to the next command; without such lines nothing is said about it
    ```

In the output `…` stands for what varies: within a line for any text, on a line of its own for any number of lines.
Any number of spaces equals one, since columns are as wide as their longest entry. The comment `<!-- fails -->` above a
fence says that its last command ends with an error. `<!-- lab_api: gateway -->` says that the fence is only for those
who have applied the stage in the Gateway API, `<!-- lab_api: istio -->` that it is for all others. The sentence `In a
class your instructor runs this:` above a fence says that an attendee's rights do not suffice for it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

ANYTHING = "…"
# What lab.yml applies: shown, not typed.
RESOURCES = "yaml"

_HEADING = re.compile(r"## (.+)")
_FENCE = re.compile(r"```(\w*)")
_FAILS = "<!-- fails -->"
_API = re.compile(r"<!-- lab_api: (istio|gateway) -->")
_APPLIES = "ansible-playbook mesh.workshop.lab "
_INSTRUCTOR = "In a class your instructor runs this:"


class GuideError(Exception):
    """A guide is not written as described above."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One command, its line in the guide, what it is said to print (None: nothing is said), and whose it is.

    ``api`` is the one for which it is meant; empty where it is for each.
    """

    line: int
    command: str
    prints: str | None = None
    fails: bool = False
    api: str = ""
    instructor: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """What stands under one heading. The title is a stage's name, another title, or empty before the first heading."""

    title: str
    steps: list[Step]


def read(guide: str) -> list[Section]:
    """The sections of a guide with their commands. Raises GuideError, which names the line."""
    sections = [Section("", [])]
    above: list[str] = []
    lines = enumerate(guide.splitlines(), 1)
    for number, line in lines:
        if heading := _HEADING.fullmatch(line):
            sections.append(Section(heading[1].strip("`"), []))
        elif fence := _FENCE.match(line):
            body = []
            for _number, text in lines:
                if text == "```":
                    break
                body.append(text)
            sections[-1].steps.extend(_steps(fence[1], body, number + 1, above))
            above = []
        elif line.startswith("<!-- "):
            above = [*above, line]
        elif line:
            above = [line]
    return sections


def parts(
    guide: str, stages: t.Sequence[str], api: str = "istio", forms: t.Sequence[str] | None = None
) -> dict[str, list[Step]]:
    """The steps of each stage: its section, what follows that, and for the first one what stands before it as well.

    ``forms`` are the stages to read where those are not all, since the API cannot say the others. Who reads the guide
    in the Gateway API adds to the commands that apply a stage the option for it.
    """
    followed = stages if forms is None else forms
    found: dict[str, list[Step]] = {stage: [] for stage in followed}
    stage = followed[0]
    for section in read(guide):
        stage = section.title if section.title in stages else stage
        if stage in found:
            found[stage] += [_in(api, step) for step in section.steps if step.api in ("", api)]
    return found


def _in(api: str, step: Step) -> Step:
    applies = api != "istio" and step.command.startswith(_APPLIES)
    return dataclasses.replace(step, command=f"{step.command} -e lab_api={api}") if applies else step


def adapted(guide: str, name: str) -> str:
    """The guide as an attendee of a room reads it, whose namespace and host are their own."""
    return re.sub(r"(?<![\w-])bookinfo(?![\w-])", name, guide).replace("mybookstore.com", f"{name}.mybookstore.com")


def _steps(language: str, body: list[str], first: int, above: list[str]) -> list[Step]:
    if language == RESOURCES:
        return []
    if language == "bash":
        steps = [Step(first, "\n".join(body))]
    elif language == "console":
        steps = _transcript(body, first)
    else:
        raise GuideError(f"line {first - 1}: a fence is bash, console or yaml, and this one is {language or 'neither'}")
    apis = [found[1] for found in map(_API.fullmatch, above) if found]
    steps = [dataclasses.replace(step, api="".join(apis), instructor=_INSTRUCTOR in above) for step in steps]
    return [*steps[:-1], dataclasses.replace(steps[-1], fails=_FAILS in above)]


def _transcript(body: list[str], first: int) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(body, first):
        if line.startswith("$ "):
            steps.append(Step(number, line[2:]))
            continue
        if not steps:
            raise GuideError(f"line {number}: a console begins with a command after '$ '")
        last = steps[-1]
        if line.startswith("> ") and last.prints is None:
            steps[-1] = dataclasses.replace(last, command=f"{last.command}\n{line[2:]}")
        else:
            before = "" if last.prints is None else f"{last.prints}\n"
            steps[-1] = dataclasses.replace(last, prints=before + line)
    if not steps:
        raise GuideError(f"line {first}: a console has a command")
    return steps


def agrees(prints: str | None, printed: str) -> bool:
    """Whether what a command has printed is what its guide says."""
    if prints is None:
        return True
    wanted, got = _lines(prints), _lines(printed)
    # Which lines of the output, by their number, may come next.
    places = {0}
    for line in wanted:
        if line == ANYTHING:
            places = set(range(min(places), len(got) + 1)) if places else places
        else:
            pattern = re.compile(".*".join(re.escape(part) for part in line.split(ANYTHING)))
            places = {place + 1 for place in places if place < len(got) and pattern.fullmatch(got[place])}
    return len(got) in places


def _lines(text: str) -> list[str]:
    """Lines as they are compared: spaces count as one, carriage returns of a terminal and empty last lines as none."""
    return [" ".join(line.split()) for line in text.strip().split("\n")]
