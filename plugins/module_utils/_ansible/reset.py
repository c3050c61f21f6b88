# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module reset: plans by what is there, and lets the runner carry it out and prove it."""

from __future__ import annotations

import functools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._apply import checked
from .._apply.prune import label_selector
from .._kube import FIELD_MANAGER
from .._kube.labels import ATTENDEE, LAB
from .._workshop import (
    BASELINE,
    MARKER_NAME,
    Applied,
    Catalogue,
    LabError,
    Stage,
    applied_stage,
    desired_state,
    lab_names,
    reset_plan,
)
from .._workshop.live import THREADS, LiveNamespace
from .._workshop.own import own_baseline, own_catalogue
from .._workshop.progress import tally
from .._workshop.verdict import UNPROVEN, now, proven
from .options import Idle
from .runner import Runner, run_module

Json = dict[str, t.Any]

RESET_ARG_SPEC: Json = {
    "lab": {"type": "str", "default": ""},
    "catalogue": {"type": "path"},
    "baseline": {"type": "dict"},
    "bookinfo": {"type": "list", "elements": "dict"},
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "role": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "objects": {"type": "list", "elements": "str", "required": True},
        },
    },
    "namespace": {"type": "str", "required": True},
    "gateway": {"type": "str", "default": ""},
    "wait_timeout": {"type": "int", "default": 120},
    "deadline": {"type": "float"},
    "progress": {"type": "path"},
}
SERVICE_KINDS = (("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "Service"))


def run_reset_module() -> None:
    """The whole of the module reset."""
    run_module(RESET_ARG_SPEC, reset, result={"listing": "", "services": []}, errors=(LabError,))


def reset(runner: Runner) -> None:
    """Bring the namespace, or what one lab has left in it, back to baseline, and prove it."""
    params = runner.params
    namespace, lab = params["namespace"], params["lab"]
    runner.refuse_idle([Idle("bookinfo", "lab", "")])
    labs = _labs(params)
    bookinfo = checked(params["bookinfo"] or [], "bookinfo")
    runner.require_rights(namespace)
    home = runner.client.get("v1", "Namespace", namespace)
    refused = reset_plan.change_refusal(namespace, home)
    if refused or home is None:
        raise LabError(refused)
    baseline = Catalogue(labs, {BASELINE: params["baseline"] or own_baseline(home)}.__getitem__).baseline()
    verification = runner.read_checks(list(baseline.checks), namespace=namespace)
    runner.progress.say(f"reset of {lab or namespace}")
    runner.module.standing = (
        f"Objects of lab {lab} may be left in namespace {namespace}."
        if lab
        else f"Namespace {namespace} may not be back at baseline."
    )
    if not runner.check_mode:
        runner.noting = runner.hold(namespace, f"reset of {lab or 'everything'}", UNPROVEN).note
    with ThreadPoolExecutor(THREADS) as pool:
        at_baseline = Reset(runner, pool, home, baseline, bookinfo).go()
    if at_baseline:
        runner.module.standing = f"Namespace {namespace} is back at baseline, but its checks did not finish."
        verification.conclude()
        runner.note(proven(Applied(BASELINE, BASELINE), now()))


def _labs(params: t.Mapping[str, t.Any]) -> list[str]:
    """The names of the labs. Raises LabError where the one to reset is not among them, or Bookinfo is not known."""
    labs = lab_names(params["catalogue"] or own_catalogue())
    unread: dict[str, Json] = {}
    if params["lab"]:
        Catalogue(labs, unread.__getitem__).check_name(params["lab"])
    elif params["bookinfo"] is None:
        raise LabError(
            "bookinfo is missing: without its documents, a reset of everything would remove Bookinfo as well. "
            "Give those that the role mesh.workshop.bookinfo lists (tasks_from: definitions.yml), or name a lab."
        )
    return labs


class Reset:
    """The reset of one namespace: what is read for it and what is done."""

    def __init__(
        self, runner: Runner, pool: ThreadPoolExecutor, home: Json, baseline: Stage, bookinfo: list[Json]
    ) -> None:
        self.runner = runner
        self.live = LiveNamespace(runner.client, pool)
        self.home = home
        self.namespace: str = runner.params["namespace"]
        self.lab: str = runner.params["lab"]
        self.bookinfo = bookinfo
        self.way_in = desired_state(baseline=baseline, lab=BASELINE, stage=None, namespace=self.namespace).documents

    def go(self) -> bool:
        """Plan and do it; whether baseline is what it leads to."""
        if not self.lab:
            self.carry_out(self.plan_all())
            return True
        at_baseline = (applied_stage(self.marker) or (BASELINE,))[0] in (self.lab, BASELINE)
        self.carry_out(self.plan_lab(at_baseline=at_baseline))
        return at_baseline

    # -- planning ---------------------------------------------------------

    @functools.cached_property
    def marker(self) -> Json | None:
        """What says which stage is applied."""
        return self.runner.client.get("v1", "ConfigMap", MARKER_NAME, self.namespace)

    def owned(self, kinds: t.Sequence[tuple[str, str]], labels: t.Mapping[str, str]) -> tuple[list[Json], list[Json]]:
        """What carries the attendee's label and these: in the namespace, and elsewhere."""
        owner = self.live.owner(self.namespace, self.marker)
        selector = label_selector({ATTENDEE: owner.names, **labels})
        found = self.live.owned([*kinds, ("v1", "Namespace")], selector, owner)
        inside = [obj for obj in found if obj["metadata"].get("namespace") == self.namespace]
        return inside, reset_plan.outside(found, self.namespace, self.live.namespaces())

    def plan_lab(self, *, at_baseline: bool) -> reset_plan.Plan:
        """The plan for one lab; the marker of another one that is applied stays."""
        inside, outside = self.owned(self.live.kinds(), {LAB: self.lab})
        objects = [*inside, *outside]
        if not at_baseline:
            objects = [obj for obj in objects if obj["metadata"]["name"] != MARKER_NAME]
        documents = self.way_in if at_baseline else []
        return reset_plan.plan_reset(documents=documents, found=[], elsewhere=objects, manager=FIELD_MANAGER)

    def plan_all(self) -> reset_plan.Plan:
        """The plan for the whole namespace."""
        kinds = self.live.kinds()
        found = self.live.everything(kinds, self.namespace, None)
        _inside, outside = self.owned(kinds, {})
        documents = [*self.bookinfo, *self.way_in]
        return reset_plan.plan_reset(documents=documents, found=found, elsewhere=outside, manager=FIELD_MANAGER)

    def find_services(self) -> dict[str, list[Json]]:
        """The services that are not as they were installed: their roles, and what is left of their objects."""
        services = self.runner.params["services"]
        if not services:
            return {}
        namespaces = self.live.namespaces()
        names = {one["metadata"]["name"] for one in namespaces}
        homes = [service["namespace"] for service in services if service["namespace"] in names]
        found = [obj for home in homes for obj in self.live.everything(SERVICE_KINDS, home, None)]
        touched = reset_plan.touched_services(services, found, namespaces, FIELD_MANAGER)
        return {service["role"]: reset_plan.objects_of(service, found) for service in touched}

    # -- doing ------------------------------------------------------------

    def carry_out(self, plan: reset_plan.Plan) -> None:
        """Do what the plan says. What fails does not keep the rest from being done; the module ends when it is."""
        runner, result = self.runner, self.runner.result
        # The namespace comes first: a pod that is replaced gets its sidecar by what the namespace says then.
        homes, labels = reset_plan.changes_of_home(self.home, plan.apply)
        troubles = [self.restore(homes, lambda results: reset_plan.with_dropped(results, labels))]
        self.drop_labels(labels)
        if not runner.check_mode:
            list(self.live.pool.map(self.live.take_over, (obj for obj, _managers in plan.take_over)))
        services = self.hold_services()
        for objects, wait in reset_plan.removals([*plan.remove, *(obj for some in services.values() for obj in some)]):
            troubles.append(
                runner.attempt(
                    objects,
                    runner.options(state="absent", wait=wait),
                    told=lambda results: reset_plan.with_installers(results, services),
                )
            )
        rest = [document for document in plan.apply if document["kind"] != "Namespace"]
        troubles.append(self.restore(rest, lambda results: reset_plan.with_writers(results, plan.take_over)))
        result["services"] = [] if runner.check_mode else list(services)
        result["listing"] = reset_plan.listing(result["results"], check=runner.check_mode)
        failed = next(filter(None, troubles), "")
        if failed:
            runner.fail(f"Namespace {self.namespace} is not back at baseline: {failed} Run reset again to continue.")
        runner.say(f"{tally(result['results'])}.")

    def restore(self, documents: list[Json], told: t.Callable[[list[Json]], list[Json]]) -> str:
        """Apply documents of baseline, whoever changed them. Returns what failed."""
        return self.runner.attempt(documents, self.runner.options(force=True), told=told) if documents else ""

    def drop_labels(self, labels: list[str]) -> None:
        """Take labels of the mesh away from the namespace."""
        if labels and not self.runner.check_mode:
            self.live.drop_labels(self.namespace, labels)
            home = {"api_version": "v1", "kind": "Namespace", "namespace": "", "name": self.namespace}
            self.runner.on_change({**home, "action": "changed"})

    def hold_services(self) -> dict[str, list[Json]]:
        """The services that are not as they were installed, in namespaces that nobody else changes until this ends."""
        touched = self.find_services()
        if not touched or self.runner.check_mode:
            return touched
        for service in self.runner.params["services"]:
            if service["role"] in touched:
                self.runner.hold_if_there(service["namespace"], "reset of a service")
        return self.find_services()  # as it is now that nobody else is at work
