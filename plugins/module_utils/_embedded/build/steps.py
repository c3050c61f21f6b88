# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build steps, their keys and their order. Pure: nothing here reads a file or starts a program.

A step is a recipe. Its key is a hash over the recipe, the contents of its
inputs and the keys of the steps that it needs. The result's name contains the
key, so a changed recipe or input gives another name, and no dates are compared.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, field

#: Raise it when the code turns the same recipe into another result.
SCHEMA = 1

#: Hexadecimal digits of a step's key.
KEY_LENGTH = 12


class UnknownStep(ValueError):
    """A name in `only` that no step has."""


@dataclass(frozen=True)
class Step:
    """One thing to build. The `recipe` holds everything that decides the result besides inputs and needs."""

    name: str
    title: str
    kind: str
    target: str
    recipe: t.Mapping[str, t.Any]
    contents: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    # Built only when it, or a step that needs it, is named: parts that only single labs use.
    on_demand: bool = False

    @property
    def subject(self) -> str:
        """The title without what is being done: `Istio 1.31` of `Istio 1.31: building istiod`."""
        return self.title.partition(":")[0]


@dataclass(frozen=True)
class Planned:
    """A step with its key, and the place of its result below the cache."""

    step: Step
    key: str

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def target(self) -> str:
        return self.step.target.format(key=self.key)

    @property
    def must_exist(self) -> tuple[str, ...]:
        """Paths below the cache that a complete result has."""
        return (self.target, *(f"{self.target}/{path}" for path in self.step.contents))


@dataclass
class Present:
    """Names of the steps whose result is complete, and of those in which something is missing."""

    cached: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def closure(only: t.Collection[str] | None, steps: t.Sequence[Step]) -> tuple[Step, ...]:
    """The named steps and all that they need, in order. Without names, all that are not on demand.

    Raises UnknownStep for a name that no step has.
    """
    if not only:
        return tuple(step for step in steps if not step.on_demand)
    unknown = sorted(set(only) - {step.name for step in steps})
    if unknown:
        raise UnknownStep(
            f"No step is called {', '.join(unknown)}; the steps are {', '.join(step.name for step in steps)}."
        )
    wanted = set(only)
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.needs)
    return tuple(step for step in steps if step.name in wanted)


def inputs_of(steps: t.Iterable[Step]) -> tuple[str, ...]:
    """Names of the inputs of these steps, each once."""
    return tuple(sorted({path for step in steps for path in step.inputs}))


def plan(steps: t.Sequence[Step], digests: t.Mapping[str, str], machine: str) -> tuple[Planned, ...]:
    """Give each step its key. `digests` holds one hash per input, `machine` the processor's name."""
    keys: dict[str, str] = {}
    planned = []
    for step in steps:
        material = {
            "schema": SCHEMA,
            "machine": machine,
            "name": step.name,
            "kind": step.kind,
            "recipe": step.recipe,
            "inputs": {path: digests[path] for path in step.inputs},
            "needs": {need: keys[need] for need in step.needs},
        }
        keys[step.name] = hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]
        planned.append(Planned(step, keys[step.name]))
    return tuple(planned)
