# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a guide that come from its lab.yml, so that a guide cannot show anything but what is applied.

`tools/guides` writes them, and a unit test compares.

A guide marks them by comments, which Markdown does not show:

    <!-- resources: all_v1 VirtualService DestinationRule/reviews -->   (all of the stage's, where none is named)
    <!-- end -->
    <!-- gateway_api: all_v1 HTTPRoute -->   (the same in the Gateway API, or that it has no words for it)
    <!-- end -->
    <!-- checks: all_v1 -->
    <!-- end -->

A step of a stage is named as ``red_black/black``. In the page of the whole catalogue, ``<!-- catalogue -->`` marks the
table of the labs.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

import jinja2
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import (
    APIS,
    BASELINE,
    Lab,
    LabError,
    Stage,
    parse_lab,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.credentials import ISSUER

CATALOGUE = pathlib.Path(__file__).parents[1] / "roles" / "lab" / "catalogue"
README = CATALOGUE.parent / "README.md"
NAMES = sorted(path.parent.name for path in CATALOGUE.glob("*/guide.md"))

_PART = re.compile(
    r"^<!-- (resources|gateway_api|checks): (\S+)((?: \S+)*) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL
)
_CATALOGUE = re.compile(r"^<!-- catalogue -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```yaml\n.*?^```\n", re.MULTILINE | re.DOTALL)


def fill_guide(guide: str, lab: Lab, gateway: Lab, baseline: Stage, dump: t.Callable[[t.Any], str]) -> str:
    """The guide with every marked part as lab.yml has it; ``dump`` writes one document as YAML.

    ``gateway`` is the same lab in the Gateway API.
    """

    def part(found: re.Match[str]) -> str:
        kind, names = found[1], found[3].split()
        if kind == "gateway_api":
            content = _form(gateway, found[2], names, dump)
        else:
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


def _form(lab: Lab, name: str, names: t.Sequence[str], dump: t.Callable[[t.Any], str]) -> str:
    """A stage in the Gateway API, folded, or the sentence that this has no words for it."""
    if name in lab.lacking:
        return f"The Gateway API {lab.lacking[name]}, so this stage has no `-e lab_api=gateway`.\n"
    stage = _stage(lab, name)
    options = "-e lab_api=gateway" + (f" -e gateway_api_channel={stage.channel}" if stage.channel else "")
    summary = f"<summary>The same in the Gateway API: <code>{options}</code></summary>"
    return f"<details>\n{summary}\n\n{_resources(lab, stage, names, dump)}\n</details>\n"


def _checks(stage: Stage) -> str:
    return "".join(f"- *{check['name']}*{' (control)' if check.get('control') else ''}\n" for check in stage.checks)


class _Facts(dict[str, t.Any]):
    """Facts of the workshop as a guide shows them; those that no reader can know appear by their name."""

    def __missing__(self, key: str) -> t.Any:
        return f"<{key}>"


_WORKSHOP = _Facts(
    namespace="bookinfo",
    host="mybookstore.com",
    gateway_namespace="istio-system",
    shared=False,
    vanilla_envoy=True,
    images=_Facts(),
    credentials=_Facts(secret=_Facts(), issuer=ISSUER),
)


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: no anchors, lists indented, long texts as blocks."""

    def ignore_aliases(self, data: t.Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(document: t.Any) -> str:
    """One document as a guide shows it."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=110))


def read(name: str) -> t.Any:
    """What a lab.yml holds, rendered with the facts of a guide."""
    loader = jinja2.FileSystemLoader(CATALOGUE / name)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return yaml.safe_load(environment.get_template("lab.yml").render(workshop=_WORKSHOP))


def filled(name: str) -> str:
    """The guide of a lab with its marked parts as lab.yml has them now."""
    baseline = parse_lab(BASELINE, read(BASELINE)).stages[0]
    istio, gateway = (parse_lab(name, read(name), api) for api in APIS)
    return fill_guide((CATALOGUE / name / "guide.md").read_text(), istio, gateway, baseline, dump)


def filled_readme() -> str:
    """The page of the catalogue with the table of the labs as they are now."""
    return fill_catalogue(README.read_text(), [parse_lab(name, read(name)) for name in NAMES])
