# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: one folder per lab, its lab.yml parsed strictly into Lab and Stage."""

from __future__ import annotations

import dataclasses
import difflib
import os
import typing as t

BASELINE = "baseline"

_LAB_KEYS = {"title": str, "teaches": str, "minutes": int, "needs": list, "stages": list}
_STAGE_KEYS = {"name": str, "title": str, "removes": list, "steps": list, "resources": list, "checks": list}
_STEP_KEYS = {"name": str, "resources": list, "checks": list}


class LabError(Exception):
    """One sentence for people: which lab, stage or field, and what there is instead."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of a lab: what it takes away from baseline, what it adds, what traffic must show.

    ``steps`` are states to go through on the way: each is the stage with some of its resources as the step has them.
    """

    name: str
    title: str
    removes: tuple[dict[str, t.Any], ...] = ()
    resources: tuple[dict[str, t.Any], ...] = ()
    checks: tuple[dict[str, t.Any], ...] = ()
    steps: tuple[Stage, ...] = ()


@dataclasses.dataclass(frozen=True)
class Lab:
    """One topic: its stages in their order."""

    name: str
    title: str
    teaches: str
    minutes: int
    needs: tuple[str, ...]
    stages: tuple[Stage, ...]

    def stage(self, name: str | None) -> Stage:
        """The stage of that name, the last one when none is named; LabError lists what exists."""
        if not name:
            return self.stages[-1]
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        raise LabError(f"Lab {self.name} has no stage {name!r}{_meant(name, names)} It has: {', '.join(names)}.")


class Catalogue:
    """The labs by name, read when they are asked for.

    ``names`` are the folders that hold a lab.yml; ``read`` returns the parsed YAML of one of them.
    """

    def __init__(self, names: t.Iterable[str], read: t.Callable[[str], t.Any]) -> None:
        self.names = list(names)
        self._read = read

    def lab(self, name: str) -> Lab:
        """The lab of that name; LabError lists what exists."""
        self.check_name(name)
        return parse_lab(name, self._read(name))

    def check_name(self, name: str) -> None:
        """LabError lists what exists where there is no lab of that name."""
        if name not in self.names:
            raise LabError(f"There is no lab {name!r}{_meant(name, self.names)} The labs are: {', '.join(self.names)}.")

    def baseline(self) -> Stage:
        """The mesh resources and checks of baseline."""
        return parse_lab(BASELINE, self._read(BASELINE)).stages[0]


def lab_names(catalogue: str) -> list[str]:
    """Names of the labs in a catalogue's folder; LabError when it cannot be read."""
    try:
        names = os.listdir(catalogue)
    except OSError as error:
        raise LabError(
            f"The catalogue {catalogue} cannot be read ({error.strerror}): install the collection again."
        ) from error
    return sorted(
        name for name in names if name != BASELINE and os.path.isfile(os.path.join(catalogue, name, "lab.yml"))
    )


def parse_lab(name: str, data: t.Any) -> Lab:
    """Turn the content of a lab.yml into a Lab; LabError names the lab and the field that is wrong."""
    where = f"Lab {name}"
    fields = _fields(where, data, _LAB_KEYS, required=("title", "stages"))
    stages = []
    for number, item in enumerate(fields["stages"], start=1):
        place = f"{where}, stage {item.get('name', number) if isinstance(item, dict) else number}"
        stage = _fields(place, item, _STAGE_KEYS, required=("name", "title"))
        _check_documents(place, stage)
        stages.append(
            Stage(
                name=stage["name"],
                title=stage["title"],
                removes=tuple(stage.get("removes", [])),
                resources=tuple(stage.get("resources", [])),
                checks=tuple(stage.get("checks", [])),
                steps=tuple(_step(place, stage, step) for step in stage.get("steps", [])),
            )
        )
    if not stages:
        raise LabError(f"{where} has no stages.")
    names = [stage.name for stage in stages]
    if len(set(names)) != len(names):
        raise LabError(f"{where}: two stages have one name.")
    return Lab(
        name=name,
        title=fields["title"],
        teaches=fields.get("teaches", ""),
        minutes=fields.get("minutes", 0),
        needs=tuple(fields.get("needs", [])),
        stages=tuple(stages),
    )


def _step(place: str, stage: dict[str, t.Any], item: t.Any) -> Stage:
    """A state on the way to a stage, as a stage of the same name."""
    where = f"{place}, step {item.get('name', '') if isinstance(item, dict) else item}"
    step = _fields(where, item, _STEP_KEYS, required=("name", "resources"))
    _check_documents(where, step)
    return Stage(
        name=stage["name"],
        title=step["name"],
        removes=tuple(stage.get("removes", [])),
        resources=(*stage.get("resources", []), *step["resources"]),
        checks=tuple(step.get("checks", [])),
    )


def _check_documents(place: str, fields: dict[str, t.Any]) -> None:
    for field in ("removes", "resources"):
        for entry in fields.get(field, []):
            if not isinstance(entry, dict) or not entry.get("kind") or not entry.get("apiVersion"):
                raise LabError(f"{place}: every entry of {field} needs apiVersion, kind and metadata.name.")
            if not (entry.get("metadata") or {}).get("name"):
                raise LabError(f"{place}: a {entry['kind']} in {field} has no metadata.name.")


def _fields(where: str, data: t.Any, allowed: t.Mapping[str, type], required: t.Sequence[str]) -> dict[str, t.Any]:
    if not isinstance(data, dict):
        raise LabError(f"{where}: a mapping is expected.")
    for key, value in data.items():
        if key not in allowed:
            raise LabError(f"{where}: {key} is not known{_meant(key, allowed)} Known are: {', '.join(allowed)}.")
        if not isinstance(value, allowed[key]):
            raise LabError(f"{where}: {key} must be of type {allowed[key].__name__}.")
    for key in required:
        if key not in data:
            raise LabError(f"{where}: {key} is missing.")
    return data


def _meant(word: str, words: t.Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(words), n=1)
    return f" (did you mean {close[0]}?)." if close else "."
