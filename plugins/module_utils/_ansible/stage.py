# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module lab_stage: the way to a stage, which the runner applies and proves step by step."""

from __future__ import annotations

import contextlib
import functools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._istio.control_plane import namespace_document
from .._kube import FIELD_MANAGER, ApiError
from .._workshop import (
    APIS,
    BASELINE,
    ISTIO,
    MARKER_NAME,
    NOTES_NAME,
    Applied,
    Catalogue,
    Desired,
    Exercise,
    Goal,
    LabError,
    Stage,
    applied_stage,
    desired_state,
    given_hints,
    lab_identities,
    lab_names,
    notes_document,
    reset_plan,
)
from .._workshop.lease import note
from .._workshop.verdict import NOTHING, UNPROVEN, now, proven
from .options import Idle
from .runner import Runner, Verification, run_module

if t.TYPE_CHECKING:
    from .._apply import ApplyOptions
    from .._workshop.lease import Lease
    from .._workshop.tenancy import Owner
    from .._workshop.verdict import Notes

Json = dict[str, t.Any]

STAGE_ARG_SPEC: Json = {
    "state": {"type": "str", "choices": ["applied", "verified"], "default": "applied"},
    "lab": {"type": "str", "required": True},
    "stage": {"type": "str", "default": ""},
    "api": {"type": "str", "choices": list(APIS), "default": ISTIO},
    "catalogue": {"type": "path", "required": True},
    "definition": {"type": "dict", "default": {}},
    "baseline": {"type": "dict", "required": True},
    "namespace": {"type": "str", "required": True},
    "attendee": {"type": "str", "default": ""},
    "gateway_namespace": {"type": "str", "default": "istio-system"},
    "gateway": {"type": "str", "default": ""},
    "wait_timeout": {"type": "int", "default": 120},
    "deadline": {"type": "float"},
    "hint": {"type": "int", "default": 0},
    "cause": {"type": "bool", "default": False},
    "progress": {"type": "path"},
}

# What of a failing check would tell the answer of an exercise.
UNTOLD: Json = {"diagnosis": "", "remedy": "", "change": "", "path": []}


def run_stage_module() -> None:
    """The whole of the module lab_stage."""
    run_module(STAGE_ARG_SPEC, bring_to_stage, result={"lab": "", "stage": "", "exercise": ""}, errors=(LabError,))


def bring_to_stage(runner: Runner) -> None:
    """Apply the stage where it is to be applied, then verify it."""
    params = runner.params
    namespace, applies = params["namespace"], params["state"] == "applied"
    runner.refuse_idle(Idle(name, "state", "applied") for name in ("wait_timeout", "gateway_namespace"))
    definitions = {params["lab"]: params["definition"], BASELINE: params["baseline"]}
    catalogue = Catalogue(lab_names(params["catalogue"]), definitions.__getitem__, params["api"])
    goal = catalogue.goal(params["lab"], params["stage"])
    exercise = goal.lab.exercise if goal.lab else None
    runner.refuse_idle(Idle(name, "state", "verified") for name in ("hint", "cause"))
    if exercise is None and (params["hint"] or params["cause"]):
        raise LabError("hint and cause have no effect, since no exercise is open: leave them out.")
    proving = goal.baseline if exercise and not applies else goal.shown
    verification = runner.read_checks(list(proving.checks), namespace=namespace)
    steps = [Step(step, runner.read_checks(list(step.checks), namespace=namespace)) for step in goal.shown.steps]
    runner.only_verifies = not applies
    if applies:
        runner.require_rights(namespace)
    home = runner.client.get("v1", "Namespace", namespace)
    # In check mode, what would make the namespace may have been pretended only.
    if home is not None or not applies or not runner.check_mode:
        refused = reset_plan.change_refusal(namespace, home)
        if refused:
            raise LabError(refused)
    runner.result.update(lab=params["lab"], stage=goal.shown.name)
    runner.module.standing = "The checks did not finish."
    runner.progress.say(goal.brief)
    standing = Applied(params["lab"], goal.shown.name, params["api"]) if goal.stage else Applied(BASELINE, BASELINE)
    if not applies and not runner.check_mode:
        runner.noting = functools.partial(note_of, runner, standing)
    if exercise and not applies:
        judge_exercise(runner, goal, exercise, verification)
        runner.note(proven(standing, now()))
        return
    runner.result["exercise"] = exercise.symptom if exercise else ""
    walk = Walk(runner, goal)
    if applies:
        runner.result["before"] = walk.before._asdict()
    if applies and runner.check_mode:
        walk.apply(goal.stage)
    elif applies:
        runner.module.standing = f"Namespace {namespace} has not reached {goal}."
        walk.lease = runner.hold(namespace, f"lab {params['lab']}, stage {goal.shown.name}", UNPROVEN)
        runner.noting = walk.lease.note
        walk.go(steps, verification)
        runner.module.standing = f"Namespace {namespace} is at {goal}, but its checks did not finish."
    verification.conclude(() if runner.check_mode else walk.desired(goal.stage).documents)
    # That something is broken is nothing that anybody has reached.
    runner.note(NOTHING if exercise else proven(standing, now()))


def note_of(runner: Runner, standing: Applied, notes: Notes) -> None:
    """Note what a verification has shown of a stage where that is the one that the namespace is at."""
    with contextlib.suppress(ApiError):  # the verdict counts, whether it can be noted or not
        marker = runner.client.get("v1", "ConfigMap", MARKER_NAME, runner.params["namespace"])
        if applied_stage(marker) == standing:
            note(runner.client, runner.params["namespace"], notes)


def judge_exercise(runner: Runner, goal: Goal, exercise: Exercise, verification: Verification) -> None:
    """Say that the exercise is mended, or end the module with the symptom and hints, and note that they were given.

    What a check explains would be the answer, so it is left out until somebody asks for the cause.
    """
    if runner.check_mode:
        verification.skip()
        return
    namespace, asked = runner.params["namespace"], runner.params["hint"]
    notes = runner.client.get("v1", "ConfigMap", NOTES_NAME, namespace)
    due = exercise.hints_due(asked, notes)
    outcome = verification.run()
    if outcome.passed:
        runner.result["exercise"] = exercise.told_mended()
        return
    if outcome.refused or runner.params["cause"]:
        runner.result["exercise"] = "" if outcome.refused else exercise.told_cause()
        runner.fail(runner.result["exercise"] or outcome.message, refused=outcome.refused, brief=exercise.symptom)
    runner.result["checks"] = [{**one, **UNTOLD} if not one["passed"] else one for one in runner.result["checks"]]
    failed = ""
    if due > given_hints(notes):
        document = notes_document(namespace, runner.params["lab"], goal.shown.name, due)
        failed = runner.attempt([document], runner.options(force=True, wait=False))
    runner.result["exercise"] = "\n".join(filter(None, (exercise.told_broken(due), failed)))
    runner.fail(runner.result["exercise"], brief=exercise.symptom)


class Step(t.NamedTuple):
    """A state on the way to a stage, and what proves it."""

    state: Stage
    verification: Verification


class Walk:
    """The way to a stage: what is applied and what is proven, step by step."""

    def __init__(self, runner: Runner, goal: Goal) -> None:
        self.runner = runner
        self.params = runner.params
        self.namespace: str = runner.params["namespace"]
        self.goal = goal
        self.names = lab_identities(goal.lab, self.namespace) if goal.lab else frozenset()
        self.warned = False
        self.lease: Lease | None = None

    def go(self, steps: list[Step], verification: Verification) -> None:
        """Apply the stage, after its steps; its streams run from where the first of its states stands."""
        stage = self.goal.stage
        desired = self.desired(stage)
        # What stands already has gone its way: to apply it again changes nothing.
        if steps and not self.runner.would_change(desired.documents, self.options(desired)):
            steps = []
        if steps:
            self.step(steps[0])
        verification.begin()
        for step in steps[1:]:
            self.step(step)
        self.apply(stage)

    def step(self, step: Step) -> None:
        """Apply a state on the way and prove it."""
        self.apply(step.state)
        self.runner.progress.say(step.state.title)
        step.verification.prove(self.desired(step.state).documents)

    @functools.cached_property
    def marker(self) -> Json | None:
        """What says which stage is applied, as it is before anything is applied."""
        return self.runner.client.get("v1", "ConfigMap", MARKER_NAME, self.namespace)

    @property
    def before(self) -> Applied:
        """The stage that was applied before; its names are empty where none was."""
        return applied_stage(self.marker) or Applied("", "", "")

    @functools.cached_property
    def owner(self) -> Owner:
        """Whose the namespace's objects are, as its marker says before anything is applied."""
        from .._workshop.live import THREADS, LiveNamespace

        with ThreadPoolExecutor(THREADS) as pool:
            return LiveNamespace(self.runner.client, pool).owner(self.namespace, self.marker)

    def desired(self, stage: Stage | None) -> Desired:
        """What the namespace shows in this state, and the selector of what is pruned."""
        return desired_state(
            baseline=self.goal.baseline,
            lab=self.params["lab"],
            stage=stage,
            namespace=self.namespace,
            owner=self.owner,
            api=self.params["api"],
        )

    def options(self, desired: Desired) -> ApplyOptions:
        """How a stage is applied: it is reached from any state, so also from one that somebody has edited."""
        places = self.owner.places(self.params["gateway_namespace"])
        return self.runner.options(force=True, prune_selector=desired.prune_selector, prune_namespaces=places)

    def apply(self, stage: Stage | None) -> None:
        """Make the namespace show this state."""
        if self.lease is not None:
            self.lease.ensure()
        desired = self.desired(stage)
        documents = desired.documents
        written: list[tuple[Json, list[str]]] = []
        if self.runner.check_mode and self.runner.client.get("v1", "Namespace", self.namespace) is None:
            # What would have made it has only been pretended.
            documents = [namespace_document(self.namespace), *documents]
        else:
            written = self.take_over(desired)
        name = f"Stage {stage.name}" if stage else "Baseline"
        self.runner.apply(
            documents,
            self.options(desired),
            told=lambda results: reset_plan.with_writers(results, written),
            failure=f"{name} of lab {self.params['lab']} was not applied: {{}}",
        )

    def take_over(self, desired: Desired) -> list[tuple[Json, list[str]]]:
        """Make what people have added to the stage's own objects ours, so that the apply drops it; in check mode only
        say what that is. What they have put beside them stays, and is named, unless another stage of the lab has an
        object of that name: such names are the lab's, and what has them goes.
        """
        from .._workshop.live import THREADS, LiveNamespace

        documents = desired.documents
        with ThreadPoolExecutor(THREADS) as pool:
            live = LiveNamespace(self.runner.client, pool)
            found = live.around(documents, self.namespace, desired.prune_selector)
            written = reset_plan.written_by_others(documents, found, FIELD_MANAGER)
            if not self.runner.check_mode:
                list(pool.map(live.take_over, (obj for obj, _managers in written)))
        others = reset_plan.beside(found, documents, self.namespace, self.owner.names)
        self.remove([obj for obj in others if reset_plan.identity(obj) in self.names])
        rest = [obj for obj in others if reset_plan.identity(obj) not in self.names]
        said = reset_plan.beside_sentence(rest, self.namespace)
        if said and not self.warned:
            self.runner.module.warn(said)
            self.warned = True
        return written

    def remove(self, objects: list[Json]) -> None:
        """Remove what has a name of the lab."""
        for some, wait in reset_plan.removals(objects):
            failed = self.runner.attempt(some, self.runner.options(state="absent", wait=wait))
            if failed:
                self.runner.fail(f"Objects with names of lab {self.params['lab']} were not removed: {failed}")
