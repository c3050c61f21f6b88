# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab `legacy`: its guide shows the deck's slides as they are, and it applies what migrate makes of them."""

from __future__ import annotations

import re
import shlex
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import (
    Options,
    Result,
    markdown,
    migrate,
    report_json,
)
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import parse_lab
from ansible_collections.mesh.workshop.tests.unit.roles.bookinfo import test_manifests
from ansible_collections.mesh.workshop.tests.unit.roles.lab.test_catalogue import CATALOGUE, WORKSHOP, read
from oracle import guides

Json = dict[str, t.Any]

LAB = parse_lab("legacy", read("legacy"))
SECTIONS = {section.title: section.steps for section in guides.read((CATALOGUE / "legacy" / "guide.md").read_text())}
SLIDES = {
    path.read_text().rstrip("\n"): path.stem
    for path in (CATALOGUE.parents[2] / "tests" / "testinfra" / "deck" / "slides").glob("*.txt")
}
TYPED = re.compile(r"^cat > (slides/\S+) <<'EOF'\n(.*?)\nEOF$", re.MULTILINE | re.DOTALL)
SHOWN = {
    "routing": {"destinationrule-reviews", "virtualservice-reviews-routing"},
    "shifting": {"virtualservice-reviews-shifting"},
    "mixer": {"memquota"},
    "access": {"servicerole-analyzer"},
}


def of_the_cluster(stage: str, kind: str, name: str) -> Json:
    """An object as kubectl shows it while the stage is applied."""
    (applied,) = (one for one in LAB.stages if one.name == stage)
    there = [*test_manifests.render(), *applied.resources]
    (document,) = (one for one in there if (one["kind"].lower(), one["metadata"]["name"]) == (kind, name))
    return {**document, "metadata": {**document["metadata"], "namespace": WORKSHOP["namespace"]}}


def sources(stage: str) -> dict[str, str]:
    """The files that an attendee has when the stage's slides are converted, as the guide's commands make them."""
    files: dict[str, str] = {}
    for step in SECTIONS[stage]:
        files |= {path: f"{text}\n" for path, text in TYPED.findall(step.command)}
        if copy := re.search(r"^cp (slides/(\w+)/(\S+)) slides/\w+$", step.command, re.MULTILINE):
            files[f"slides/{stage}/{copy[3]}"] = sources(copy[2])[copy[1]]
        if edit := re.search(r"^sed -i 's/(\w+)/(\w+)/' (\S+)$", step.command, re.MULTILINE):
            lines = files[edit[3]].splitlines()
            files[edit[3]] = "\n".join(line.replace(edit[1], edit[2], 1) for line in lines) + "\n"
        if get := re.fullmatch(r"kubectl get (\w+) (\S+) -n bookinfo -o yaml > (\S+)", step.command):
            files[get[3]] = yaml.safe_dump(of_the_cluster(stage, get[1], get[2]))
    return files


def converted(name: str) -> Result:
    (command,) = (step.command for step in SECTIONS[name] if " mesh.workshop.migrate " in step.command)
    given = dict(word.split("=", 1) for word in shlex.split(command) if "=" in word)
    assert (given["src"], given["dest"]) == (f"slides/{name}", f"current/{name}")
    options = Options(namespace=given.get("default_namespace", ""), quota=t.cast(t.Any, given.get("quota", "global")))
    files = sources(name)
    assert all(path.startswith(f"slides/{name}/") for path in files)
    return migrate([(path.rpartition("/")[2], text.encode()) for path, text in sorted(files.items())], options, [])


def bare(document: Json) -> Json:
    """A document as the attendee's namespace gets it."""
    metadata = dict(document["metadata"])
    assert metadata.pop("namespace", WORKSHOP["namespace"]) == WORKSHOP["namespace"]
    return {**document, "metadata": metadata}


@pytest.mark.parametrize("name", SHOWN)
def test_the_guide_shows_the_slides_as_they_are(name: str) -> None:
    texts = [text for step in SECTIONS[name] for _path, text in TYPED.findall(step.command)]
    assert {SLIDES[text] for text in texts} == SHOWN[name]


@pytest.mark.parametrize("name", SHOWN)
def test_a_stage_applies_what_migrate_makes_of_its_slides(name: str) -> None:
    result = converted(name)
    assert result.refusals() == []
    (stage,) = (stage for stage in LAB.stages if stage.name == name)
    outputs = [bare(out) for doc in result.docs for out in doc.outputs]
    rules = [one for one in stage.resources if ".istio.io/" in one["apiVersion"]]

    def key(document: Json) -> str:
        return str(document["kind"])

    assert sorted(outputs, key=key) == sorted(rules, key=key)


@pytest.mark.parametrize("name", SHOWN)
def test_the_guide_says_what_the_report_says(name: str) -> None:
    (step,) = (step for step in SECTIONS[name] if step.command.startswith("report "))
    page = markdown(report_json(converted(name))).replace("\\", "")
    lines = [line for line in page.splitlines() if line.startswith("- ")]
    if "grep -v" in step.command:
        lines = [line for line in lines if "passed through" not in line]
    assert guides.agrees(step.prints, "\n".join(lines))


def test_every_stage_has_its_slides() -> None:
    assert [stage.name for stage in LAB.stages] == list(SHOWN)
