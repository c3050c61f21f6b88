# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: one folder per lab, its lab.yml parsed strictly into Lab and Stage."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .._kube.labels import BASELINE
from .errors import LabError
from .exercise import Exercise
from .forms import ISTIO, ROLE, form_of, lacks_of, states_of
from .layout import did_you_mean, layout_fault, line_of, place, template_line


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of a lab: what it takes away from baseline, what it adds, what traffic must show.

    ``steps`` are states to go through on the way: each is the stage with some of its resources as the step has them.
    ``channel`` is the one of the Gateway API that the resources need; empty where the standard one is enough.
    """

    name: str
    title: str
    removes: tuple[dict[str, t.Any], ...] = ()
    resources: tuple[dict[str, t.Any], ...] = ()
    checks: tuple[dict[str, t.Any], ...] = ()
    steps: tuple[Stage, ...] = ()
    channel: str = ""


@dataclasses.dataclass(frozen=True)
class Lab:
    """One topic: its stages in their order, in one API.

    ``lacking`` are the stages that this API cannot say, and why (empty where lab.yml does not say it).
    ``documents`` are those of all stages in either API: their names are the lab's.
    ``exercise`` is what somebody who mends it is told; None where the lab is none.
    """

    name: str
    title: str
    minutes: int
    needs: tuple[str, ...]
    stages: tuple[Stage, ...]
    lacking: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    documents: tuple[dict[str, t.Any], ...] = ()
    exercise: Exercise | None = None

    def stage(self, name: str | None) -> Stage:
        """The stage of that name, the last one when none is named; LabError lists what exists."""
        if not name and self.stages:
            return self.stages[-1]
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        there = ", ".join(names)
        if name and names and name not in self.lacking:
            raise LabError(f"Lab {self.name} has no stage {name!r}{did_you_mean(name, names)}. It has: {there}.")
        lacks = self.lacking.get(name or "", "")
        raise LabError(
            f"{f'Stage {name} of lab' if name in self.lacking else 'Lab'} {self.name} has no form of the Gateway API"
            f"{f', which {lacks}' if lacks else ''}: leave out lab_api{f', or take stage {there}' if names else ''}."
        )


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a namespace is to show: a stage of a lab, or baseline."""

    baseline: Stage
    lab: Lab | None = None
    stage: Stage | None = None

    @property
    def shown(self) -> Stage:
        """The stage, or baseline where no lab is applied."""
        return self.stage or self.baseline

    @property
    def brief(self) -> str:
        """Lab and stage, as short as can be."""
        return f"{self.lab.name}, {self.shown.name}" if self.lab else BASELINE

    def __str__(self) -> str:
        return f"stage {self.shown.name} of lab {self.lab.name}" if self.lab else BASELINE


class Catalogue:
    """The labs by name, read when they are asked for.

    ``names`` are the folders that hold a lab.yml; ``read`` returns the parsed YAML of one of them. ``api`` is the one
    of ``APIS`` in which the labs are applied. Baseline, from which all start, is in Istio's in either.
    """

    def __init__(self, names: t.Iterable[str], read: t.Callable[[str], t.Any], api: str = ISTIO) -> None:
        self.names = list(names)
        self._read = read
        self.api = api

    def lab(self, name: str) -> Lab:
        """The lab of that name; LabError lists what exists."""
        self.check_name(name)
        return parse_lab(name, self._read(name), ISTIO if name == BASELINE else self.api)

    def check_name(self, name: str) -> None:
        """LabError lists what exists where there is no lab of that name."""
        if name not in self.names:
            said = f"There is no lab {name!r}{did_you_mean(name, self.names)}." if name else "No lab is named."
            raise LabError(f"{said} The labs are: {', '.join(self.names)}.")

    def baseline(self) -> Stage:
        """The mesh resources and checks of baseline."""
        return parse_lab(BASELINE, self._read(BASELINE)).stages[0]

    def goal(self, lab: str, stage: str) -> Goal:
        """The stage of that name, by default the lab's last. LabError where there is none."""
        baseline = self.baseline()
        if lab != BASELINE:
            found = self.lab(lab)
            return Goal(baseline, found, found.stage(stage))
        if stage not in ("", baseline.name):
            raise LabError(f"stage has no effect with lab {BASELINE}, which has no stages: leave out one of the two.")
        return Goal(baseline)


def lab_names(catalogue: str) -> list[str]:
    """Names of the labs in a catalogue's folder; LabError when it cannot be read."""
    try:
        names = os.listdir(catalogue)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it has a character that no path can have"
        raise LabError(f"The catalogue {catalogue!r} cannot be read ({why}): name another folder.") from error
    return sorted(
        name for name in names if name != BASELINE and os.path.isfile(os.path.join(catalogue, name, "lab.yml"))
    )


def read_lab(path: str, template: str, rendered: str) -> dict[str, t.Any]:
    """The content of a lab.yml, parsed once and validated; LabError names the file and the template's line."""
    from .._apply import DocumentError, parse_yaml

    try:
        documents = parse_yaml(rendered, path)
    except DocumentError as error:
        raise LabError(str(error)) from error
    if len(documents) != 1:
        raise LabError(f"{path} holds {len(documents)} YAML documents instead of one, the lab.")
    (data,) = documents
    fault = layout_fault(data)
    if fault:
        line = template_line(template, rendered, line_of(rendered, fault.path))
        raise LabError(f"{path}, line {line}: {_where(data, fault.path)}{fault.text}.")
    return data


def parse_lab(name: str, data: t.Any, api: str = ISTIO) -> Lab:
    """Turn the content of a lab.yml into a Lab in one of ``APIS``; LabError names the lab and the field at fault."""
    from .._apply import DocumentError, plain

    try:
        data = plain(data, f"Lab {name}")
    except DocumentError as error:
        raise LabError(str(error)) from error
    fault = layout_fault(data)
    if fault:
        raise LabError(f"Lab {name}: {_where(data, fault.path)}{fault.text}.")
    documents = []
    for stage in data["stages"]:
        for state in states_of(stage):
            resources = state.get("resources", [])
            _check_documents(f"Lab {name}, stage {stage['name']}", [*state.get("removes", []), *resources])
            documents += resources
    forms = [(item, form_of(item, api)) for item in data["stages"]]
    needs = data.get("needs", []) if api == ISTIO else [ROLE, *data.get("needs", [])]
    return Lab(
        name=name,
        title=data["title"],
        minutes=data.get("minutes", 0),
        needs=tuple(needs),
        stages=tuple(_stage(form) for _item, form in forms if form is not None),
        lacking={item["name"]: lacks_of(item) for item, form in forms if form is None},
        documents=tuple(documents),
        exercise=Exercise.of(data["exercise"]) if "exercise" in data else None,
    )


def _check_documents(where: str, documents: list[dict[str, t.Any]]) -> None:
    """LabError for a document that the API server could only refuse, of which something is read before."""
    from .._apply import DocumentError, checked

    try:
        checked(documents, where)
    except DocumentError as error:
        raise LabError(str(error)) from error


def _stage(item: dict[str, t.Any]) -> Stage:
    stage = Stage(
        name=item["name"],
        title=item["title"],
        removes=tuple(item.get("removes", [])),
        resources=tuple(item.get("resources", [])),
        checks=tuple(item.get("checks", [])),
        channel=item.get("channel", ""),
    )
    # A state on the way to a stage is a stage of the same name.
    steps = tuple(
        dataclasses.replace(
            stage,
            title=step["name"],
            resources=(*stage.resources, *step["resources"]),
            checks=tuple(step.get("checks", [])),
        )
        for step in item.get("steps", [])
    )
    return dataclasses.replace(stage, steps=steps)


def _where(data: t.Any, path: tuple[str | int, ...]) -> str:
    # The last key is in the sentence itself.
    shown = path if path and isinstance(path[-1], int) else path[:-1]
    return f"{place(data, shown)}: " if shown else ""
