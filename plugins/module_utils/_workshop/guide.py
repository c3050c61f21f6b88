# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a guide that come from its lab.yml, so that a guide cannot show anything but what is applied.

A guide marks them by comments, which Markdown does not show:

    <!-- resources: all_v1 VirtualService DestinationRule/reviews -->   (all of the stage's, where none is named)
    <!-- end -->
    <!-- checks: all_v1 -->
    <!-- end -->

A step of a stage is named as ``red_black/black``. In the page of the whole catalogue, ``<!-- catalogue -->`` marks the
table of the labs.
"""

from __future__ import annotations

import re
import typing as t

from .catalogue import BASELINE, Lab, LabError, Stage

_PART = re.compile(r"^<!-- (resources|checks): (\S+)((?: \S+)*) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_CATALOGUE = re.compile(r"^<!-- catalogue -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```yaml\n.*?^```\n", re.MULTILINE | re.DOTALL)


def fill_guide(guide: str, lab: Lab, baseline: Stage, dump: t.Callable[[t.Any], str]) -> str:
    """The guide with every marked part as lab.yml has it; ``dump`` writes one document as YAML."""

    def part(found: re.Match[str]) -> str:
        kind, names = found[1], found[3].split()
        stage = baseline if found[2] == BASELINE else _stage(lab, found[2])
        content = _resources(lab, stage, names, dump) if kind == "resources" else _checks(stage)
        head = found[0].splitlines()[0]
        return f"{head}\n{content}<!-- end -->"

    return _PART.sub(part, guide)


def fill_catalogue(page: str, labs: t.Iterable[Lab]) -> str:
    """The page with the table of these labs where it is marked."""
    rows = ["| lab | minutes | stages |\n| --- | --- | --- |\n"]
    for lab in labs:
        stages = "<br>".join(f"`{stage.name}` {stage.title}" for stage in lab.stages)
        rows.append(f"| [{lab.name}](catalogue/{lab.name}/guide.md) | {lab.minutes} | {stages} |\n")
    return _CATALOGUE.sub(lambda _found: "<!-- catalogue -->\n" + "".join(rows) + "<!-- end -->", page)


def _stage(lab: Lab, name: str) -> Stage:
    stage_name, _slash, step_name = name.partition("/")
    stage = lab.stage(stage_name)
    if not step_name:
        return stage
    for step in stage.steps:
        if step.title == step_name:
            return step
    raise LabError(f"The guide of lab {lab.name} names the step {step_name} of stage {stage_name}, which is not there.")


def own_yaml(guide: str) -> list[str]:
    """YAML in a guide that does not come from lab.yml: there should be none."""
    return [fence[0] for fence in _FENCE.finditer(_PART.sub("", guide))]


def _resources(lab: Lab, stage: Stage, names: t.Sequence[str], dump: t.Callable[[t.Any], str]) -> str:
    chosen: dict[tuple[str, str], t.Any] = {}
    for document in stage.resources:
        kind, name = document["kind"], document["metadata"]["name"]
        if not names or kind in names or f"{kind}/{name}" in names:
            chosen[kind, name] = document
    if not chosen:
        wanted = " ".join(names) or "resources"
        raise LabError(f"The guide of lab {lab.name} shows {wanted} of stage {stage.name}, which has none.")
    return "```yaml\n" + "---\n".join(dump(document) for document in chosen.values()) + "```\n"


def _checks(stage: Stage) -> str:
    return "".join(f"- *{check['name']}*{' (control)' if check.get('control') else ''}\n" for check in stage.checks)
